"""The guide of operations names what there is: files, sections, commands and their options."""

import re
import shlex
import subprocess
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


# How the data folder is copied, and put back, as root of a machine with systemd.
BACK_UP, RESTORE = (
    block for block in re.findall(r"(?:^ {4}.*\n)+", GUIDE, re.MULTILINE) if "cp -aT" in block
)


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


def on(machine: Path, block: str, second: int) -> None:
    """Run a block of commands in a folder that stands for the machine's root, at a moment."""
    here = re.sub(r"/(backup|var/lib)/", rf"{machine}/\1/", block)
    without_systemd = f"systemctl() {{ :; }}; date() {{ echo 2026-03-02-0200{second:02}; }}; set -e\n"
    subprocess.run(["sh", "-c", without_systemd + here], check=True)


def test_each_copy_of_the_data_folder_is_one_by_itself_and_can_be_put_back(tmp_path: Path) -> None:
    data, copies = tmp_path / "var/lib/flowkeep", tmp_path / "backup"
    data.mkdir(parents=True)
    copies.mkdir()
    for second in range(3):
        (data / "said").write_text(str(second))
        on(tmp_path, BACK_UP, second)
    for second in range(2):
        on(tmp_path, RESTORE, second)
    copied = {str(path.relative_to(copies)): path.read_text() for path in copies.rglob("said")}
    assert copied == {f"flowkeep-2026-03-02-0200{second:02}/said": str(second) for second in range(3)}
    assert ((data / "said").read_text(), [path.name for path in data.iterdir()]) == ("0", ["said"])


@pytest.mark.parametrize("name", FILES)
def test_files_are_there(name: str) -> None:
    assert (ROOT / name).exists()


@pytest.mark.parametrize("line", COMMANDS)
def test_commands_and_their_options_are_there(line: str) -> None:
    whole = line if line.count("'") % 2 == 0 else line.rstrip("'")  # where it is a quoted command's end
    # It would tell of an option that it doesn't know before it helps.
    run = flowkeep(*shlex.split(whole), "--help")
    assert run.returncode == 0, run.stderr
