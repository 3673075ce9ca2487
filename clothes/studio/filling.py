"""Marks a project while many photos are added to it: a zip file, a folder, a search of the web.

A mark is a folder of .studio/filling that its process locks, so that a killed process leaves none that counts.
"""

import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from clothes.errors import ClothesError
from clothes.studio.job_folder import is_locked
from clothes.studio.project import Project
from clothes.system.locks import folder_lock

_FOLDER = "filling"
_STALE = 60  # seconds without a lock, after which nobody is about to lock a mark


@contextmanager
def filling(project: Project) -> Iterator[None]:
    """Marks the project for the block."""
    mark = project.private / _FOLDER / secrets.token_hex(8)
    try:
        mark.mkdir(parents=True)
    except OSError:  # the disk is full: the adding itself will tell
        yield
        return
    try:
        while True:
            with folder_lock(mark) as locked:
                if locked:  # nobody looks at it just now
                    yield
                    return
            time.sleep(0.01)
    finally:
        shutil.rmtree(mark, ignore_errors=True)


def is_filling(project: Project) -> bool:
    """Whether a process, this one or another, is adding photos."""
    found = False
    with suppress(OSError):  # there is none yet, or one has just gone
        for mark in (project.private / _FOLDER).iterdir():
            if is_locked(mark):
                found = True
            elif time.time() - mark.stat().st_mtime > _STALE:
                shutil.rmtree(mark, ignore_errors=True)
    return found


def require_filled(project: Project) -> None:
    """Raises ClothesError while photos are added: a training that begins now would learn from some of them."""
    if is_filling(project):
        raise ClothesError(
            "Photos are still being added, and a training that begins now would miss some of them. Those that are "
            "there are safe, and the others go on being added. Start again when all are there."
        )
