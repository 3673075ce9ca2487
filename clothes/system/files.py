"""Atomic, durable writing: a reader sees the old file or the new one, and a finished write survives a power cut.

Unfinished files are called `.making-*`. A killed process leaves them behind; `remove_unfinished` removes them. The
system's umask limits the permissions of all files and folders.
"""

import errno
import os
import secrets
import shutil
import stat
import sys
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

TEMP_PREFIX = ".making-"
_FULL = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}
DISK_ERRORS = _FULL | {errno.EROFS, errno.EACCES, errno.EPERM}  # full, or not to be written to


def read_regular_file(path: Path, max_bytes: int, *, follow: bool = False) -> bytes:
    """Returns the bytes of a file. Raises OSError, or ValueError for a link, a special file or too many bytes.

    A link could lead to a private file, unless `follow`; a device or pipe has no end.
    """
    status = path.stat() if follow else path.lstat()
    if not stat.S_ISREG(status.st_mode):
        raise ValueError(f"{path.name} is a link or not a regular file")
    if status.st_size > max_bytes:
        raise ValueError(f"{path.name} has {status.st_size:,} bytes, more than the {max_bytes:,} allowed")
    return path.read_bytes()


def refuse_links(folder: Path, *patterns: str) -> None:
    """Raises OSError if an entry of a foreign folder is a link: what is written there would land elsewhere."""
    for path in (path for pattern in patterns for path in folder.glob(pattern)):
        if path.is_symlink():
            raise OSError(errno.ELOOP, f"{path.name} in it is a link, which may lead anywhere", str(path))


def write_text(path: Path, text: str, *, mode: int = 0o666) -> None:
    """Writes a file of UTF-8 text atomically."""
    write_bytes(path, text.encode(), mode=mode)


def write_bytes(path: Path, data: bytes, *, mode: int = 0o666) -> None:
    """Writes a file atomically."""
    with replacing(path, size=len(data), mode=mode) as temporary:
        temporary.write_bytes(data)


def write_new(path: Path, data: bytes) -> None:
    """Writes a new file atomically. Raises FileExistsError if the name is taken."""
    with explain_full_disk(len(data)), _temporary_file(path.parent, 0o666) as temporary:
        with temporary.open("wb") as file:
            append_synced(file, data)
        publish_new(temporary, path)


@contextmanager
def replacing(path: Path, *, size: int = 0, mode: int = 0o666) -> Iterator[Path]:
    """Yields a temporary file that replaces `path` at the end of the block, unless the block raises.

    `size` is the number of bytes that the error for a full disk names. An error of the disk names `path`.
    """
    try:
        with explain_full_disk(size), _temporary_file(path.parent, mode) as temporary:
            yield temporary
            publish(temporary, path)
    except OSError as error:
        if error.errno not in DISK_ERRORS:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from None


@contextmanager
def replaced_after(path: Path, data: bytes) -> Iterator[None]:
    """Writes a file beside `path`, which it replaces at the end of the block, unless the block raises."""
    with replacing(path, size=len(data)) as temporary:
        with temporary.open("wb") as file:
            append_synced(file, data)
        yield


@contextmanager
def _temporary_file(folder: Path, mode: int) -> Iterator[Path]:
    temporary = folder / _unused_name()
    os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode))
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def temporary_folder(parent: Path) -> Iterator[Path]:
    """Yields a new folder and removes it at the end of the block, unless the block renamed it."""
    folder = parent / _unused_name()
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _unused_name() -> str:
    return f"{TEMP_PREFIX}{secrets.token_hex(8)}"


def write_folder(path: Path, files: Mapping[str, bytes]) -> None:
    """Writes a folder of these files atomically, and replaces a folder of that name."""
    with explain_full_disk(sum(map(len, files.values()))), temporary_folder(path.parent) as temporary:
        old = temporary.with_name(f"{temporary.name}-old")
        try:
            for name, data in files.items():
                with (temporary / name).open("xb") as file:
                    append_synced(file, data)
            sync(temporary)
            if path.exists():
                path.rename(old)
            temporary.rename(path)
            sync(path.parent)
        except BaseException:
            if old.exists() and not path.exists():
                old.rename(path)
            raise
        finally:
            shutil.rmtree(old, ignore_errors=True)


def publish(finished: Path, path: Path) -> None:
    """Renames a finished file or folder on the same disk to `path`, durably. Replaces a file of that name."""
    sync(finished)
    finished.replace(path)
    sync(path.parent)


def publish_new(finished: Path, path: Path) -> None:
    """Renames a finished file on the same disk to `path`, durably. Raises FileExistsError if the name is taken."""
    try:
        os.link(finished, path)  # unlike a rename, a link never replaces a file
    except FileExistsError:
        raise
    except OSError:  # no hard links, as on a mounted Drive
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
        finished.rename(path)
    else:
        finished.unlink()
    sync(path.parent)


def move(path: Path, to: Path) -> None:
    """Renames a file or folder on the same disk, and makes the folder for it. Raises FileExistsError for a taken name.

    Another case or Unicode form of its own name is not taken where the system has both for one.
    """
    to.parent.mkdir(parents=True, exist_ok=True)
    folded, wanted = (unicodedata.normalize("NFC", name).casefold() for name in (path.name, to.name))
    is_respelt = path.parent == to.parent and folded == wanted and path.exists() and path.samefile(to)
    if os.path.lexists(to) and not is_respelt:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(to))
    path.rename(to)


def append_synced(file: BinaryIO, data: bytes) -> None:
    """Appends bytes to an open file and writes them to the disk."""
    file.write(data)
    file.flush()
    os.fsync(file.fileno())


def sync(path: Path) -> None:
    """Writes a file's content, or the entries of a folder, to the disk."""
    is_folder = path.is_dir()
    if is_folder and sys.platform == "win32":
        return
    handle = os.open(path, os.O_RDONLY if sys.platform != "win32" else os.O_RDWR)
    try:
        os.fsync(handle)
    except OSError as error:
        if not is_folder or error.errno == errno.EIO:  # some mounted drives cannot sync folders
            raise
    finally:
        os.close(handle)


def sync_all() -> None:
    """Writes everything to the disk. Faster than `sync` for thousands of files."""
    if hasattr(os, "sync"):
        os.sync()


def remove_unfinished(folder: Path) -> None:
    """Removes unfinished files of killed processes. The caller must hold the folder's lock."""
    for path in folder.glob(f"{TEMP_PREFIX}*"):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def preallocate(file: int, size: int) -> None:
    """Reserves disk space for an open file. Writing to a mapped file on a full disk would raise SIGBUS."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file, 0, size)
    else:
        os.truncate(file, size)


@contextmanager
def explain_full_disk(size: int) -> Iterator[None]:
    """Adds the needed bytes to the error message of a full disk."""
    try:
        yield
    except OSError as error:
        if size and error.errno in _FULL:
            raise OSError(error.errno, f"{error.strerror}, {megabytes(size)} needed", error.filename) from None
        raise


def megabytes(size: int) -> str:
    return f"{max(size, 1e5) / 1e6:,.1f} MB"
