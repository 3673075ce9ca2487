"""Files and folders that clothes writes have the permissions that the user's umask allows."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import clothes
from clothes.collection.collect import collect_folder
from clothes.photos.split_to_folders import copy_parts
from clothes.system import files
from clothes.system.files import replacing
from tests.support.pictures import make_photos

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no umask")


@pytest.fixture(params=[0o022, 0o002, 0o077, 0o027])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def permissions(folder: Path) -> dict[bool, set[int]]:
    """The permissions of all folders (True) and files (False) below a folder."""
    return {
        kind: {path.stat().st_mode & 0o777 for path in folder.rglob("*") if path.is_dir() == kind}
        for kind in (True, False)
    }


def test_each_way_of_writing_keeps_the_umask(tmp_path: Path, umask: int) -> None:
    files.write_text(tmp_path / "text", "a")
    files.write_bytes(tmp_path / "bytes", b"a")
    files.write_bytes(tmp_path / "bytes", b"replaced")
    files.write_new(tmp_path / "new", b"a")
    files.write_folder(tmp_path / "folder", {"a": b"a"})
    files.write_folder(tmp_path / "folder", {"b": b"replaced"})
    assert permissions(tmp_path) == {True: {0o777 & ~umask}, False: {0o666 & ~umask}}


def test_a_secret_is_readable_by_its_owner_only(tmp_path: Path, umask: int) -> None:
    files.write_text(tmp_path / "token", "a", mode=0o600)
    assert permissions(tmp_path)[False] == {0o600}


def test_photos_and_tables_keep_the_umask(tmp_path: Path, umask: int) -> None:
    source = make_photos(tmp_path / "mine", each=3)
    collect_folder(source, into=tmp_path / "made" / "photos")
    split = clothes.split(tmp_path / "made" / "photos")
    split.write(tmp_path / "made" / "photos" / "split.csv")
    copy_parts(split, tmp_path / "made" / "parts")
    assert permissions(tmp_path / "made") == {True: {0o777 & ~umask}, False: {0o666 & ~umask}}


def test_an_error_of_the_disk_names_the_file_that_was_to_be_written(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    with (
        pytest.raises(OSError, match=r"No space, 2\.0 MB") as caught,
        replacing(path, size=2_000_000) as temporary,
    ):
        raise OSError(errno.ENOSPC, "No space", str(temporary))
    assert caught.value.filename == str(path)
    assert not list(tmp_path.iterdir())
