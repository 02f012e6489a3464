"""Files of bundles appear when they are whole."""

import stat
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


def test_of_two_that_write_to_one_place_each_is_whole(tmp_path: Path) -> None:
    with created(path := tmp_path / "a.zst") as first:
        first(b"first, ")
        with created(path) as second:
            second(b"second")
        assert zstd.decompress(path.read_bytes()) == b"second"
        first(b"whole")
    assert [zstd.decompress(found.read_bytes()) for found in tmp_path.iterdir()] == [b"first, whole"]


@pytest.mark.parametrize(("before", "after"), [(0o640, 0o640), (None, 0o600)])
def test_the_mode_stays_and_a_new_file_is_its_owners(tmp_path: Path, before: int | None, after: int) -> None:
    path = tmp_path / "a"
    if before is not None:
        path.touch()
        path.chmod(before)
    with created(path) as write:
        write(b"whole")
    assert stat.S_IMODE(path.stat().st_mode) == after


def test_a_link_goes_on_leading_to_the_file(tmp_path: Path) -> None:
    (link := tmp_path / "link").symlink_to(target := tmp_path / "target")
    with created(link) as write:
        write(b"whole")
    assert (link.is_symlink(), target.read_bytes(), len([*tmp_path.iterdir()])) == (True, b"whole", 2)
