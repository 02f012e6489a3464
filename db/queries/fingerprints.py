"""What makes two failures the same kind: their code, and their message without its particulars.

A message is normalised: what differs from one failure to the next of its kind (numbers, ids, moments,
paths, quoted words) becomes a placeholder.
"""

LONGEST_MESSAGE = 2000

# PostgreSQL's regular expressions and what takes their places, one after the other.
RULES = (
    (r"\s+", " "),
    (r"(?<![A-Za-z0-9_>])('[^']*'|\"[^\"]*\"|`[^`]*`)(?![A-Za-z0-9_<])", "<text>"),
    (r"[A-Za-z][A-Za-z0-9+.-]*://[^ <>\"']+", "<url>"),
    (r"(?<![A-Za-z0-9_])[A-Za-z]:\\[^ <>\"'|]+", "<path>"),
    (r"(?<![A-Za-z0-9_<>.~/])[.~]{0,2}(/[A-Za-z0-9_.@%+=-]+)+/?", "<path>"),
    (
        r"[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]+)?)?"
        r"( ?([Zz]|[+-][0-9]{2}:?[0-9]{2}))?)?",
        "<time>",
    ),
    (r"[0-9]{2}:[0-9]{2}:[0-9]{2}([.,][0-9]+)?", "<time>"),
    (r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}", "<uuid>"),
    (r"0[xX][0-9a-fA-F]+", "<hex>"),
    (
        r"(?<![A-Za-z0-9])(?=[A-Fa-f]*[0-9])(?=[0-9]*[A-Fa-f])[0-9A-Fa-f]{8,}(?![A-Za-z0-9])",
        "<hex>",
    ),
    (r"((?<![A-Za-z0-9_>])[+-])?[0-9]+([.,:][0-9]+)*([eE][+-]?[0-9]+)?", "<n>"),
)


def normalised(message: str) -> str:
    """SQL: the text `message` without its particulars."""
    sql = f"left({message}, {LONGEST_MESSAGE})"
    for pattern, placeholder in RULES:
        sql = f"regexp_replace({sql}, {_quoted(pattern)}, {_quoted(placeholder)}, 'g')"
    return f"btrim({sql})"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def code_of(error: str) -> str:
    """SQL: the engine's code of the JSON object `error`."""
    return f"({error} ->> 'code')"


def message_of(error: str) -> str:
    """SQL: the normalised message of the JSON object `error`."""
    return normalised(f"coalesce({error} ->> 'message', '')")


def fingerprint(code: str, message: str) -> str:
    """SQL: what names the kind, of a code and a normalised message."""
    return f"md5(coalesce({code}, '') || ' ' || {message})"
