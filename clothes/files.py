"""Durable writing: a reader sees the old file or the new one, never half of one; and room for what is mapped."""

import errno
import os
import tempfile
from contextlib import suppress
from pathlib import Path


def write_text(path: Path, text: str, *, mode: int = 0o644) -> None:
    """Puts UTF-8 text in place in one step."""
    write_bytes(path, text.encode(), mode=mode)


def write_bytes(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Puts bytes in place in one step, on disk before it returns; only their owner reads them until then."""
    handle, temporary = tempfile.mkstemp(prefix=".making-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        open_to(Path(temporary), mode)
        Path(temporary).replace(path)
    finally:
        Path(temporary).unlink(missing_ok=True)


def open_to(path: Path, mode: int) -> None:
    """Sets who may read, where the disk knows such a thing: a mounted Drive or a memory card may not."""
    with suppress(OSError):
        path.chmod(mode)


def put_new(finished: Path, path: Path) -> None:
    """Gives a finished file, on the same disk, its name. Raises FileExistsError where that is taken."""
    try:
        os.link(finished, path)  # never onto another file, as a rename is
    except FileExistsError:
        raise
    except OSError:  # no hard links, as on a mounted Drive
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
        finished.rename(path)
    else:
        finished.unlink()


def reserve(file: int, size: int) -> None:
    """Room on the disk, now: writing to a mapped file on a full disk would end the process with a signal."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file, 0, size)
    else:
        os.truncate(file, size)
