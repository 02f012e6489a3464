"""The guide of operations names what there is: files, sections, commands and their options."""

import re
import shlex
from pathlib import Path

import pytest

from tests.commands import flowkeep

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "ARCHITECTURE.md", *sorted((ROOT / "docs").glob("*.md"))]
GUIDE = (ROOT / "docs" / "operations.md").read_text()
LINKS = sorted(
    {
        (document.relative_to(ROOT).as_posix(), target)
        for document in DOCUMENTS
        for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text())
        if not target.startswith("http")
    }
)
# What is run in blocks of commands: by itself, as another user, or in a container.
COMMANDS = sorted(
    {
        command.strip()
        for document in DOCUMENTS
        for command in re.findall(
            r"^ {4,}(?:.*(?:/bin/|-- |--rm ))?flowkeep ([a-z][^#>\n]*)", document.read_text(), re.MULTILINE
        )
    }
)
FILES = sorted(set(re.findall(r"deploy/[a-z]+(?:/[a-z.]+)*", GUIDE)) - {"deploy/kubernetes/overlays/ours"})


def anchors(text: str) -> set[str]:
    """The sections of a document, as links name them."""
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize(("document", "target"), LINKS)
def test_links_lead_somewhere(document: str, target: str) -> None:
    path, _, anchor = target.partition("#")
    file = (ROOT / document).parent / path if path else ROOT / document
    assert file.exists()
    assert not anchor or anchor in anchors(file.read_text())


@pytest.mark.parametrize("name", FILES)
def test_files_are_there(name: str) -> None:
    assert (ROOT / name).exists()


@pytest.mark.parametrize("line", COMMANDS)
def test_commands_and_their_options_are_there(line: str) -> None:
    whole = line if line.count("'") % 2 == 0 else line.rstrip("'")  # where it is a quoted command's end
    # It would tell of an option that it doesn't know before it helps.
    run = flowkeep(*shlex.split(whole), "--help")
    assert run.returncode == 0, run.stderr
