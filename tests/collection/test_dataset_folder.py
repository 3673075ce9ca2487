"""The folder of a data set: written in one step, or not at all, and completed."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from clothes.collection.dataset_folder import beside, is_complete, put
from clothes.errors import DownloadError
from tests.support.photo_folders import below

NOTE = "Hats, CC0.\n"
CONTENTS = {"SOURCE.txt": NOTE.encode(), "train/hat/1.png": b"one", "test/hat/2.png": b"two"}
COUNTS = {"train": 1, "test": 1}


def readers(**changes: Exception) -> list[tuple[str, Callable[[], bytes]]]:
    def reader(name: str) -> bytes:
        if name in changes:
            raise changes[name]
        return CONTENTS[name]

    return [(name, partial(reader, name)) for name in CONTENTS]


@pytest.mark.parametrize("kind", ["missing", "empty", "hidden files"])
def test_a_folder_is_written_in_one_step_with_progress(tmp_path: Path, kind: str) -> None:
    to = tmp_path / "deep" / "hats"
    if kind != "missing":
        to.mkdir(parents=True)
    if kind == "hidden files":
        (to / ".DS_Store").write_bytes(b"mine")
    assert not is_complete(to, NOTE, COUNTS)
    seen: list[tuple[int, int]] = []
    put(to, readers(), lambda *step: seen.append(step))
    written = below(to)
    assert (written.pop(".DS_Store", b"mine"), written) == (b"mine", CONTENTS)
    assert seen == [(3, 3)]
    assert is_complete(to, NOTE, COUNTS)
    assert [path.name for path in to.parent.iterdir()] == ["hats"]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), DownloadError("damaged")])
@pytest.mark.parametrize("exists", [True, False])
def test_a_failure_leaves_nothing(tmp_path: Path, error: Exception, exists: bool) -> None:
    to = tmp_path / "hats"
    if exists:
        to.mkdir()
    with pytest.raises(DownloadError, match=r"No space left on device\. Make room|damaged"):
        put(to, readers(**{"test/hat/2.png": error}))
    assert list(tmp_path.rglob("*")) == ([to] if exists else [])


def test_missing_files_are_added_and_others_stay(tmp_path: Path) -> None:
    put(tmp_path / "hats", readers())
    (tmp_path / "hats" / "test" / "hat" / "2.png").unlink()
    (tmp_path / "hats" / "train" / "hat" / "1.png").write_bytes(b"mine")
    assert not is_complete(tmp_path / "hats", NOTE, COUNTS)
    put(tmp_path / "hats", readers())
    assert below(tmp_path / "hats") == CONTENTS | {"train/hat/1.png": b"mine"}


@pytest.fixture(params=["file", "other note", "no note", "folder as note"])
def taken(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    to = tmp_path / "taken"
    if request.param == "file":
        to.write_bytes(b"mine")
    else:
        (to / "hat").mkdir(parents=True)
    if request.param == "other note":
        (to / "SOURCE.txt").write_bytes(b"\xff Shoes, CC0.")
    if request.param == "folder as note":
        (to / "SOURCE.txt").mkdir()
    return to


def test_a_folder_of_something_else_is_refused(taken: Path) -> None:
    with pytest.raises(DownloadError, match=r"holds something else already, and stays as it is\. .* --to\."):
        is_complete(taken, NOTE, COUNTS)


def test_downloads_lie_beside_the_folder_whatever_the_current_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert beside(Path("hats"), "download") == tmp_path / ".hats-download"
    assert beside(Path(), "download") == tmp_path.with_name(f".{tmp_path.name}-download")
