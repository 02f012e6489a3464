"""Files of bundles appear when they are whole."""

from pathlib import Path

import pytest

from db.bundles.files import created
from tests.zst import zstd


def fail_half_way(path: Path) -> None:
    """Write something, and then fail."""
    with created(path) as write:
        write(b"half")
        raise InterruptedError


@pytest.mark.parametrize("name", ["a.ndjson", "a.ndjson.zst"])
def test_what_is_not_finished_takes_no_place(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("before")
    with pytest.raises(InterruptedError):
        fail_half_way(tmp_path / name)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(name, "before")]


def test_what_is_finished_takes_the_place(tmp_path: Path) -> None:
    (path := tmp_path / "a.zst").write_text("before")
    with created(path) as write:
        write(b"whole")
    assert [zstd.decompress(found.read_bytes()) for found in tmp_path.iterdir()] == [b"whole"]
