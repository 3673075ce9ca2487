"""Decodes the photos of a split once, in parallel, into memory-mapped arrays that later runs find in a cache.

A cache file is named by the checksums of its photos and their size. It holds a NumPy array, then the SHA-256 of that.
"""

import hashlib
import math
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from clothes.errors import PhotoError, SplitError, TrainingError
from clothes.photos.decode import read_square
from clothes.photos.folders import OTHER
from clothes.photos.split_file import Row, Split
from clothes.system.checksums import sha256
from clothes.system.files import TEMP_PREFIX, preallocate, replacing
from clothes.system.progress import Progress
from clothes.system.threads import map_in_threads
from clothes.system.user_folders import cache_folder

_DIGEST = 32  # bytes of a SHA-256
DECODER = 4  # increase it when read_square returns other pixels
_KEEP_SECONDS = 30 * 86400


@dataclass(frozen=True)
class Pictures:
    """One part of a split: memory-mapped `pixels` uint8 (N, size, size, 3) and `labels` int (N,).

    A label is the index of the class in the split's classes, or -1 for a photo of none of them. `taught` float32
    (N, classes) are the softened probabilities of a teacher, if there is one.
    """

    pixels: np.ndarray
    labels: np.ndarray
    taught: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.labels)


def decode(split: Split, size: int, parts: tuple[str, ...], *, progress: Progress | None = None) -> dict[str, Pictures]:
    """Returns the photos of these parts, letterboxed to `size` pixels.

    Raises SplitError if a photo is missing or has changed since the split, TrainingError if the cache cannot be kept.
    """
    index = {name: i for i, name in enumerate(split.classes)} | {OTHER: -1}
    rows = {part: split.part(part) for part in parts}
    done, total = 0, sum(map(len, rows.values()))

    def advance() -> None:
        nonlocal done
        done += 1
        if progress:
            progress(done, total)

    return {
        part: Pictures(
            _pixels(split.root, rows[part], size, advance),
            np.array([index[row.label] for row in rows[part]], dtype=np.int64),
        )
        for part in parts
    }


def _pixels(root: Path, rows: tuple[Row, ...], size: int, advance: Callable[[], None]) -> np.ndarray:
    """Returns the pixels of the photos from the cache, which is filled first if needed."""
    shape = (len(rows), size, size, 3)
    key = sha256(" ".join([f"{DECODER} {size}", *(row.sha256 for row in rows)]).encode())
    path = cache_folder() / f"{key[:32]}.npy"
    pixels = _read_cache(path, shape)
    if pixels is None:
        _fill(path, root, rows, shape, advance)
        return np.memmap(path, np.uint8, "r", path.stat().st_size - _DIGEST - math.prod(shape), shape)
    _refuse_changed(root, rows, since=path.stat().st_mtime)
    mark_used(path)
    return pixels


def _read_cache(path: Path, shape: tuple[int, ...]) -> np.ndarray | None:
    """Returns the pixels in a cache file, which may come from elsewhere; None if it is missing or damaged."""
    count = math.prod(shape)
    try:
        data = np.memmap(path, np.uint8, "r")
    except (OSError, ValueError):  # ValueError: it is empty
        return None
    if len(data) < count + _DIGEST or hashlib.sha256(data[:-_DIGEST].data).digest() != data[-_DIGEST:].tobytes():
        return None
    return data[-count - _DIGEST : -_DIGEST].reshape(shape)


def _fill(path: Path, root: Path, rows: tuple[Row, ...], shape: tuple[int, ...], advance: Callable[[], None]) -> None:
    """Writes a cache file. Raises TrainingError if the disk does not allow it."""
    began = time.time()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_unused()
        with replacing(path, mode=0o600) as making:
            _decode_into(making, root, rows, shape, advance)
            with making.open("r+b") as file:
                file.write(hashlib.file_digest(file, "sha256").digest())  # at the end: it has read to there
            os.utime(making, (began, began))  # photos written later than this are checked again
    except OSError as error:
        raise TrainingError(
            f"The decoded photos cannot be kept in {path.parent} ({error.strerror}; {math.prod(shape) / 1e6:,.1f} MB "
            "are needed). Make room there, or name another folder by the environment variable CLOTHES_CACHE."
        ) from None


def _decode_into(
    path: Path, root: Path, rows: tuple[Row, ...], shape: tuple[int, ...], advance: Callable[[], None]
) -> None:
    pixels = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
    with path.open("r+b") as file:
        preallocate(file.fileno(), path.stat().st_size)

    def decode_one(i: int) -> None:
        data = read_photo(root, rows[i])
        try:
            pixels[i] = read_square(data, shape[1])
        except PhotoError as error:
            raise SplitError(
                f"{rows[i].photo} is in the split but cannot be used: {error.reason}. Split again."
            ) from None

    for _ in map_in_threads(decode_one, range(len(rows))):
        advance()
    pixels.flush()


def read_photo(root: Path, row: Row) -> bytes:
    """Returns the bytes of a photo. Raises SplitError if they are not those that were split."""
    try:
        data = (root / row.photo).read_bytes()
    except OSError as error:
        raise SplitError(f"{row.photo} is in the split but cannot be read: {error.strerror}. Split again.") from None
    if sha256(data) != row.sha256:
        raise SplitError(f"{row.photo} has changed since the split was made. Split again.")
    return data


def _refuse_changed(root: Path, rows: tuple[Row, ...], *, since: float) -> None:
    """Raises SplitError if a photo was written after `since` with other content."""
    for row in rows:
        with suppress(OSError):  # a deleted photo is still in the cache
            if (root / row.photo).stat().st_mtime > since:
                read_photo(root, row)


def mark_used(path: Path) -> None:
    """Marks a cache file as in use, by its access time."""
    with suppress(OSError):  # the cache may be read-only
        os.utime(path, (time.time(), path.stat().st_mtime))


def remove_unused() -> None:
    """Removes decoded photos, and embeddings of networks, that no run has used for a month."""
    folder = cache_folder()
    for path in [*folder.glob("*.npy"), *folder.glob(f"{TEMP_PREFIX}*"), *folder.glob("embeddings/*")]:
        with suppress(OSError):
            if time.time() - path.stat().st_atime > _KEEP_SECONDS:
                path.unlink()
