"""Durable writing: a reader sees the old file or the new one, never half of one. Every file that is kept comes by here.

What is half done is called .making-*. A process that holds the folder's lock sweeps up what a killed one left of it.
"""

import errno
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

MAKING = ".making-"


def read_regular(path: Path, most: int) -> bytes:
    """The bytes of a file. Raises OSError, or ValueError when it is a link or no file, or has more than `most` bytes.

    A link could lead to a file of somebody else's, or to what has no end.
    """
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode):
        raise ValueError(f"{path.name} is no file, or a link to one")
    if status.st_size > most:
        raise ValueError(f"{path.name} has {status.st_size:,} bytes, more than the {most:,} allowed")
    return path.read_bytes()


def write_text(path: Path, text: str, *, mode: int = 0o644) -> None:
    """Puts UTF-8 text in place in one step."""
    write_bytes(path, text.encode(), mode=mode)


def write_bytes(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Puts bytes in place in one step, on disk before it returns; only their owner reads them until then."""
    with replacing(path, size=len(data), mode=mode) as making:
        making.write_bytes(data)


def write_new(path: Path, data: bytes) -> None:
    """Puts bytes in place in one step, on disk before it returns. Raises FileExistsError where the name is taken."""
    with telling_room(len(data)):
        handle, name = tempfile.mkstemp(prefix=MAKING, dir=path.parent)
        making = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                append(file, data)
            open_to(making, 0o644)
            put_new(making, path)
        finally:
            making.unlink(missing_ok=True)


@contextmanager
def replacing(path: Path, *, size: int = 0, mode: int = 0o644) -> Iterator[Path]:
    """A file to write to, which takes its place, on disk, when the block ends well. An OSError tells the size."""
    with telling_room(size):
        handle, name = tempfile.mkstemp(prefix=MAKING, dir=path.parent)
        os.close(handle)
        making = Path(name)
        try:
            yield making
            open_to(making, mode)
            put(making, path)
        finally:
            making.unlink(missing_ok=True)


def write_folder(path: Path, files: Mapping[str, bytes]) -> None:
    """Puts a folder of these files in place: whole, on disk before it returns, and instead of one that was there."""
    with telling_room(sum(map(len, files.values()))):
        making = Path(tempfile.mkdtemp(prefix=MAKING, dir=path.parent))
        old = making.with_name(f"{making.name}-old")
        try:
            open_to(making, 0o755)
            for name, data in files.items():
                with (making / name).open("xb") as file:
                    append(file, data)
            sync(making)
            if path.exists():
                path.rename(old)
            making.rename(path)
            sync(path.parent)
        except BaseException:
            if old.exists() and not path.exists():
                old.rename(path)
            raise
        finally:
            shutil.rmtree(making, ignore_errors=True)
            shutil.rmtree(old, ignore_errors=True)


def put(finished: Path, path: Path) -> None:
    """Gives a finished file or folder, on the same disk, its name, on disk; in place of a file that was there."""
    sync(finished)
    finished.replace(path)
    sync(path.parent)


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
    sync(path.parent)


def append(file: BinaryIO, data: bytes) -> None:
    """Adds to an open file, on disk before it returns."""
    file.write(data)
    file.flush()
    os.fsync(file.fileno())


def sync(path: Path) -> None:
    """Brings a file, or the names in a folder, to the disk."""
    folder = path.is_dir()
    if folder and sys.platform == "win32":
        return
    handle = os.open(path, os.O_RDONLY if sys.platform != "win32" else os.O_RDWR)
    try:
        os.fsync(handle)
    except OSError as error:
        if not folder or error.errno == errno.EIO:  # some mounted drives cannot do it to folders
            raise
    finally:
        os.close(handle)


def sync_all() -> None:
    """Brings all that was written to the disk: for thousands of files quicker than one by one."""
    if hasattr(os, "sync"):
        os.sync()


def sweep(folder: Path) -> None:
    """Removes what a killed process left half done in a folder. For one that is alone there."""
    for left in folder.glob(f"{MAKING}*"):
        if left.is_dir() and not left.is_symlink():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)


def open_to(path: Path, mode: int) -> None:
    """Sets who may read, where the disk knows such a thing: a mounted Drive or a memory card may not."""
    with suppress(OSError):
        path.chmod(mode)


def reserve(file: int, size: int) -> None:
    """Room on the disk, now: writing to a mapped file on a full disk would end the process with a signal."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file, 0, size)
    else:
        os.truncate(file, size)


@contextmanager
def telling_room(size: int) -> Iterator[None]:
    """Adds to the message of a full disk how much room is needed."""
    try:
        yield
    except OSError as error:
        if size and error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", None), errno.EFBIG):
            raise OSError(error.errno, f"{error.strerror}, {megabytes(size)} needed", error.filename) from None
        raise


def megabytes(size: int) -> str:
    return f"{max(size, 1e5) / 1e6:,.1f} MB"
