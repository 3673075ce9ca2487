"""A lock holds against other processes, and ends with its process."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import clothes
from clothes.collection.photo_store import Store
from clothes.errors import PhotosError, RunError
from clothes.inference.run import Run, run_lock
from clothes.system import locks
from clothes.system.locks import folder_lock, try_lock
from clothes.web.corrections import Inbox, list_corrections

HOLD = """
import sys, time, pathlib
from clothes.system.locks import folder_lock
with folder_lock(pathlib.Path(sys.argv[1])) as acquired:
    print(int(acquired), flush=True)
    time.sleep(600)
"""


def test_a_folder_is_locked_once_and_nothing_stays_in_it(tmp_path: Path) -> None:
    with folder_lock(tmp_path) as first, folder_lock(tmp_path) as second:
        assert (first, second) == (True, False)
    with folder_lock(tmp_path) as again:
        assert again
    assert not list(tmp_path.iterdir())


def test_a_folder_is_locked_by_a_file_on_windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks.sys, "platform", "win32")
    with folder_lock(tmp_path) as first, folder_lock(tmp_path) as second:
        assert (first, second) == (True, False)
        assert (tmp_path / locks.LOCK_FILE).exists()
    with folder_lock(tmp_path) as again:
        assert again
    assert not list(tmp_path.iterdir())


def test_a_killed_process_leaves_no_lock(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE) as process:
        assert process.stdout and process.stdout.read(1) == b"1"
        with folder_lock(tmp_path) as acquired:
            assert not acquired
        process.kill()
    with folder_lock(tmp_path) as acquired:
        assert acquired


def test_a_disk_without_locks_counts_as_free(tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb") as file, (tmp_path / "file").open("rb") as same:
        assert try_lock(file)
        assert not try_lock(same)
    assert try_lock(10**6)  # no such descriptor: OSError


def test_runs_and_inboxes_are_locked_on_windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where folders cannot be locked, a file in them is; it is no content and leaves with the lock."""
    monkeypatch.setattr(locks.sys, "platform", "win32")
    with run_lock(tmp_path / "run"):
        assert Run.free_folder(tmp_path / "run") == tmp_path / "run"
        with pytest.raises(RunError, match="Another training"), run_lock(tmp_path / "run"):
            pass
    with Inbox(tmp_path / "inbox"):
        assert list_corrections(tmp_path / "inbox") == ([], [])
        with pytest.raises(PhotosError, match="Another page"):
            Inbox(tmp_path / "inbox")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_photos_are_collected_by_one_process_at_a_time_on_windows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks.sys, "platform", "win32")
    with Store(tmp_path), pytest.raises(PhotosError, match="Another program"), Store(tmp_path):
        pass


def test_one_file_of_the_package_makes_locks() -> None:
    """Through filelock, which locks on Windows too."""
    for path in Path(clothes.__file__).parent.rglob("*.py"):
        found = re.search(r"\b(fcntl|msvcrt|flock|lockf|filelock)\b", path.read_text(encoding="utf-8"))
        assert not found or path.name == "locks.py", path
