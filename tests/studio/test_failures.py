"""A kill or an error of the disk at every step: all photos stay, and an edit is done or not done."""

import errno
import itertools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from clothes.errors import ClothesError
from clothes.studio.edits import Edits
from clothes.studio.project import Project
from tests.support.killed_edits import ACTS, begin, check_intake, state

IN_A_BREATH = ["move", "rename", "undo", "groups"]


def kill(folder: Path, step: int, acts: list[str]) -> dict[str, int]:
    command = [sys.executable, "-m", "tests.support.killed_edits", str(folder), str(step), *acts]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr
    found: dict[str, int] = json.loads(done.stdout)
    return found


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills a forked process")
def test_killed_edits_are_done_or_not_done(memory_path: Path) -> None:
    found = kill(memory_path, 61, IN_A_BREATH)
    assert found["kills"] > found["finished"] > 0


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills a forked process")
def test_kills_at_every_third_line_of_every_edit_and_intake(memory_path: Path) -> None:
    found = kill(memory_path, 3, list(ACTS))
    assert found["kills"] > found["finished"] > 1000


def check_failed(act: str, project: Project, before: tuple, after: tuple, said: str | None) -> None:
    """What a failed act leaves, at once and for the next one."""
    if act == "take in":
        Edits(project)
        check_intake(before, state(project), after)
        return
    if said and "Nothing was" in said:
        assert state(project) == before, said
    Edits(project)
    assert state(project) in (before, after), said
    assert not list(project.root.rglob(".making-*"))
    if state(project) == before:
        ACTS[act](project)
        assert state(project) == after


@pytest.mark.parametrize(
    "act", [pytest.param(act, marks=() if act in IN_A_BREATH else pytest.mark.slow) for act in ACTS]
)
@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC])
def test_an_error_of_the_disk_at_every_step(
    memory_path: Path, monkeypatch: pytest.MonkeyPatch, act: str, code: int
) -> None:
    template = begin(memory_path / "template").root
    before = state(Project.open(template))
    ACTS[act](Project.open(shutil.copytree(template, memory_path / "after")))
    after = state(Project.open(memory_path / "after"))
    for wanted in itertools.count(1):
        project = Project.open(shutil.copytree(template, memory_path / "project"))
        done, said = 0, None

        def failing(real: Callable[..., object], wanted: int = wanted) -> Callable[..., object]:
            def step(*arguments: object, **more: object) -> object:
                nonlocal done
                done += 1
                if done == wanted:
                    raise OSError(code, os.strerror(code))
                return real(*arguments, **more)

            return step

        with monkeypatch.context() as patch:
            for name in ("fsync", "rename", "replace", "mkdir"):
                patch.setattr(os, name, failing(getattr(os, name)))
            try:
                ACTS[act](project)
            except ClothesError as error:
                said = str(error)
        check_failed(act, project, before, after, said)
        shutil.rmtree(project.root)
        if done < wanted:
            break
    assert wanted > 3


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    if sys.platform != "linux" or os.getuid() != 0:
        pytest.skip("only root can mount a small tmpfs")
    place = tmp_path / "disk"
    place.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)], capture_output=True, text=True
    )
    if done.returncode:
        pytest.skip(f"no tmpfs can be mounted here: {done.stderr.strip()}")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.slow
@pytest.mark.parametrize("act", ACTS)
def test_a_full_disk(tmp_path: Path, disk: Path, act: str) -> None:
    template = begin(tmp_path / "template").root
    before = state(Project.open(template))
    ACTS[act](Project.open(shutil.copytree(template, tmp_path / "after")))
    after = state(Project.open(tmp_path / "after"))
    failed = 0
    for pages in itertools.count():
        project = Project.open(shutil.copytree(template, disk / "project"))
        said = None
        with (disk / "filler").open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, max(1, shutil.disk_usage(disk).free - 4096 * pages))
        try:
            ACTS[act](project)
        except (ClothesError, OSError) as error:  # the zip file of the intake is written by the test
            said = str(error)
            failed += 1
        (disk / "filler").unlink()
        check_failed(act, project, before, after, said)
        shutil.rmtree(project.root)
        if said is None and pages > 12:
            break
    assert failed or act in ("remove", "drop", "add")  # which need a line of the journal only
