"""A lock holds against other processes, and ends with its process."""

import subprocess
import sys
from pathlib import Path

import pytest

from clothes.system import locks
from clothes.system.locks import folder_lock, try_lock

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
