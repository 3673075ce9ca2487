"""Durable writing: a reader sees the old file or the new one, never half of one; and room for what is mapped."""

import os
import tempfile
from pathlib import Path


def write_text(path: Path, text: str) -> None:
    """Puts UTF-8 text in place in one step."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, data: bytes) -> None:
    """Puts bytes in place in one step, on disk before it returns."""
    handle, temporary = tempfile.mkstemp(prefix=".making-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    finally:
        Path(temporary).unlink(missing_ok=True)


def reserve(file: int, size: int) -> None:
    """Room on the disk, now: writing to a mapped file on a full disk would end the process with a signal."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file, 0, size)
    else:
        os.truncate(file, size)
