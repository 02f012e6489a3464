"""Documents of any size in one respect, and small otherwise."""


def deep(levels: int) -> str:
    """Fields nested so many levels deep, the leaf among them."""
    parents = levels - 3
    return f"{{ executions(first: 0) {{ nodes {{ {'parent { ' * parents}id{' }' * parents} }} }} }}"


def spread(number: int) -> str:
    """So many fragments with a field each, on top of two others."""
    names = " ".join(f"...F{i}" for i in range(number))
    return f"{{ health {{ {names} }} }} " + " ".join(
        f"fragment F{i} on Health {{ {('version', '__typename')[i % 2]} }}" for i in range(number)
    )


def doubling(number: int) -> str:
    """Fragments that spread the next one twice, each time below another field."""
    bombs = " ".join(
        f"fragment F{i} on Execution {{ parent {{ ...F{i + 1} }} children {{ nodes {{ ...F{i + 1} }} }} }}"
        for i in range(number)
    )
    return f"{{ executions {{ nodes {{ ...F0 }} }} }} {bombs} fragment F{number} on Execution {{ id }}"


def operations(number: int) -> str:
    """So many operations, all through one chain of as many fragments."""
    asked = " ".join(f"query Q{i} {{ ...F0 }}" for i in range(number))
    chain = " ".join(f"fragment F{i} on Query {{ ...F{i + 1} }}" for i in range(number))
    return f"{asked} {chain} fragment F{number} on Query {{ __typename }}"


def aliases(number: int) -> str:
    """So many aliases."""
    return f"{{ {' '.join(f'a{i}: __typename' for i in range(number))} }}"


def directives(number: int) -> str:
    """So many directives, one a field, since none may be repeated there."""
    return f"{{ {' '.join('... @include(if: true) { __typename }' for _ in range(number))} }}"


def duplicates(number: int) -> str:
    """A field and so many repetitions."""
    return f"{{ health {{ {'version ' * (number + 1)}}} }}"


def fields(number: int) -> str:
    """So many fields and spreads, through one fragment that is spread twice, in different places."""
    half, odd = divmod(number - 4, 2)
    names = (["id", "status", "triggeredBy", "createdAt", "tags", "startedAt", "completedAt"] * 2)[:half]
    kinds = "__typename " * odd
    return (
        f"{{ {kinds}a: execution(id: 1) {{ ...F }} b: execution(id: 1) {{ ...F }} }} "
        f"fragment F on Execution {{ {' '.join(names)} }}"
    )


def tokens(number: int) -> str:
    """So many tokens, most of them values."""
    return f"{{ nodes(ids: [{', '.join(['1'] * (number - 12))}]) {{ id }} }}"
