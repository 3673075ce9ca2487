"""Locks between processes. The kernel releases them when the process ends, killed or not."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

# Lies in a folder while it is locked on Windows, which cannot lock folders. Elsewhere the folder itself is locked.
LOCK_FILE = ".lock"


def try_lock(file: BinaryIO | int) -> bool:
    """Locks an open file until it is closed. Returns False if another process holds the lock."""
    from filelock import lock_descriptor  # late: takes longer to import than most commands need for --help

    try:
        return lock_descriptor(file if isinstance(file, int) else file.fileno(), blocking=False)
    except OSError:  # some mounted drives have no locks
        return True


@contextmanager
def folder_lock(folder: Path) -> Iterator[bool]:
    """Locks a folder for the block. Yields False if another process holds the lock."""
    if sys.platform != "win32":
        path, handle = None, os.open(folder, os.O_RDONLY)
    else:
        path = folder / LOCK_FILE
        handle = os.open(path, os.O_RDWR | os.O_CREAT)
    try:
        yield try_lock(handle)
    finally:
        os.close(handle)
        if path:
            with suppress(OSError):  # Windows keeps a file that another process has open
                path.unlink()
