"""A split's photos as arrays: decoded once, in parallel, into a memory-mapped file; then shuffled batches."""

import hashlib
import math
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from clothes.config import Augmentation
from clothes.errors import PhotoError, SplitError, TrainingError
from clothes.photos import decode as images
from clothes.photos.folders import OTHER
from clothes.photos.splits import Row, Split
from clothes.system.files import TEMP_PREFIX, preallocate, replacing
from clothes.system.user_folders import cache_folder
from clothes.training.augmentation import augment

_DECODER = 2  # raise it whenever images.read_square gives other pixels
_KEEP_DAYS = 30
_AT_ONCE = 1000  # photos waiting for a thread: each takes a kilobyte

Progress = Callable[[int, int], None]
T = TypeVar("T")


@dataclass(frozen=True)
class Pictures:
    """One part of a split in memory-mapped form: `pixels` uint8 (N, size, size, 3), `labels` int (N,).

    A label is a class's place among the split's classes, or -1 for a photo that shows none of them.
    """

    pixels: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)


def decode(split: Split, size: int, parts: tuple[str, ...], *, progress: Progress | None = None) -> dict[str, Pictures]:
    """The photos of each of these parts, letterboxed to `size`, as `Pictures` on one memory-mapped file a part.

    The file is found by the photos' content, so a second run on the same photos starts at once, wherever they lie.
    Raises SplitError when a photo is no longer the one that was split, TrainingError when the cache cannot be written.
    """
    index = {name: i for i, name in enumerate(split.classes)} | {OTHER: -1}
    todo = {part: split.part(part) for part in parts}
    done, total = 0, sum(map(len, todo.values()))

    def advance() -> None:
        nonlocal done
        done += 1
        if progress:
            progress(done, total)

    return {
        part: Pictures(
            _decoded(split.root, rows, size, advance), np.array([index[row.label] for row in rows], dtype=np.int64)
        )
        for part, rows in todo.items()
    }


def _decoded(root: Path, rows: tuple[Row, ...], size: int, advance: Callable[[], None]) -> np.ndarray:
    shape = (len(rows), size, size, 3)
    key = hashlib.sha256(f"{_DECODER} {size} ".encode() + " ".join(row.sha256 for row in rows).encode()).hexdigest()
    folder = cache_folder()
    path = folder / f"{key[:32]}.npy"
    if _is_whole(path):
        _refuse_changed(root, rows, since=path.stat().st_mtime)
        with suppress(OSError):  # a cache that may only be read
            os.utime(path, (time.time(), path.stat().st_mtime))
        return np.load(path, mmap_mode="r")
    began = time.time()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _forget_unused(folder)
        with replacing(path, mode=0o600) as making:
            _decode_into(making, root, rows, shape, advance)
            seal = _digest(making, making.stat().st_size)
            with making.open("ab") as file:
                file.write(seal)
            os.utime(making, (began, began))
        return np.load(path, mmap_mode="r")
    except OSError as error:
        raise TrainingError(
            f"The decoded photos cannot be kept in {folder} ({error.strerror}; {math.prod(shape) / 1e6:,.1f} MB are "
            "needed). Make room there, or name another folder by the environment variable CLOTHES_CACHE."
        ) from None


def _digest(path: Path, size: int) -> bytes:
    """The SHA-256 of so many bytes of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while size > 0 and (chunk := file.read(min(size, 1 << 20))):
            digest.update(chunk)
            size -= len(chunk)
    return digest.digest()


def _is_whole(path: Path) -> bool:
    """Whether a cache file is there and ends with the hash of the rest; else it is made anew."""
    try:
        size = path.stat().st_size - hashlib.sha256().digest_size
        with path.open("rb") as file:
            file.seek(max(size, 0))
            return file.read() == _digest(path, size)
    except OSError:
        return False


def _refuse_changed(root: Path, rows: tuple[Row, ...], *, since: float) -> None:
    """Raises SplitError for a photo that was written after it was decoded, and is another one now."""
    for row in rows:
        with suppress(OSError):  # gone, but its pixels are here
            if (root / row.photo).stat().st_mtime > since:
                _read(root, row)


def _read(root: Path, row: Row) -> bytes:
    """A photo of the split. Raises SplitError when it is not that any more."""
    try:
        data = (root / row.photo).read_bytes()
    except OSError as error:
        raise SplitError(f"{row.photo} is in the split but cannot be read: {error.strerror}. Split again.") from None
    if hashlib.sha256(data).hexdigest() != row.sha256:
        raise SplitError(f"{row.photo} has changed since the split was made. Split again.")
    return data


def _decode_into(
    path: Path, root: Path, rows: tuple[Row, ...], shape: tuple[int, ...], advance: Callable[[], None]
) -> None:
    pixels = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
    with path.open("r+b") as file:
        preallocate(file.fileno(), path.stat().st_size)

    def decode_one(i: int) -> None:
        data = _read(root, rows[i])
        try:
            pixels[i] = images.read_square(data, shape[1])
        except PhotoError as error:
            raise SplitError(
                f"{rows[i].photo} is in the split but cannot be used: {error.reason}. Split again."
            ) from None

    # Threads: Pillow decodes and resizes without holding Python's lock, and all write to the one file.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(rows), _AT_ONCE):
            for _ in pool.map(decode_one, range(start, min(start + _AT_ONCE, len(rows)))):
                advance()
    pixels.flush()


def _forget_unused(folder: Path) -> None:
    """Removes cache files of ours that no run has used for a month."""
    for path in [*folder.glob("*.npy"), *folder.glob(f"{TEMP_PREFIX}*")]:
        try:
            if time.time() - path.stat().st_atime > _KEEP_DAYS * 86400:
                path.unlink()
        except OSError:
            continue


def one_hot(labels: np.ndarray, classes: int, smoothing: float = 0.0) -> np.ndarray:
    """Targets float32 (N, classes). For a photo of no class each is as likely (Hendrycks et al., 2019)."""
    rows = np.eye(classes + 1, classes, dtype=np.float32) * (1 - smoothing) + smoothing / classes
    rows[-1] = 1 / classes  # where a label -1 looks
    return rows[labels]


def batches(
    pictures: Pictures,
    *,
    classes: int,
    size: int,
    epoch: int,
    seed: int,
    augmentation: Augmentation,
    smoothing: float,
    balance: float = 0.0,
    step: int = 0,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """One epoch of shuffled, augmented (pictures, targets), `size` each; the few left over wait for another epoch.

    Each is a function of (seed, epoch, step) alone, so that a training that is resumed, perhaps at a later `step`, sees
    what it would have seen.
    """
    order = balanced_order(pictures.labels, balance, np.random.default_rng([seed, epoch]))
    size = min(size, len(pictures))
    for number in range(step, len(order) // size):
        chosen = order[number * size : (number + 1) * size]
        rng = np.random.default_rng([seed, epoch, number])
        yield augment(pictures.pixels[chosen], augmentation, rng), one_hot(pictures.labels[chosen], classes, smoothing)


def balanced_order(labels: np.ndarray, balance: float, rng: np.random.Generator) -> np.ndarray:
    """As many positions as there are labels, shuffled: a class of n photos has a share that goes as n^(1 - balance)."""
    if not balance:
        return rng.permutation(len(labels))
    found, counts = np.unique(labels, return_counts=True)
    shares = counts ** (1 - balance)
    ends = np.round(np.cumsum(shares) / shares.sum() * len(labels)).astype(int)
    drawn = []
    for label, wanted in zip(found, np.diff(ends, prepend=0), strict=True):
        members = np.flatnonzero(labels == label)
        rounds = [rng.permutation(members) for _ in range(math.ceil(wanted / len(members)))]
        drawn.append(np.concatenate([members[:0], *rounds])[:wanted])
    return rng.permutation(np.concatenate(drawn))


def steps_per_epoch(photos: int, size: int) -> int:
    return max(1, photos // size)


def prefetch(items: Iterator[T], *, ahead: int = 4) -> Iterator[T]:
    """The same items, made in a thread of their own while the caller works on the last one."""
    ready: queue.Queue[tuple[T | None, BaseException | None]] = queue.Queue(ahead)
    stopped = threading.Event()

    def put(item: T | None, error: BaseException | None) -> bool:
        while not stopped.is_set():
            try:
                ready.put((item, error), timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def work() -> None:
        try:
            for item in items:
                if not put(item, None):
                    return
            put(None, StopIteration())
        except BaseException as error:
            put(None, error)

    thread = threading.Thread(target=work, name="clothes-batches", daemon=True)
    thread.start()
    try:
        while True:
            item, error = ready.get()
            if isinstance(error, StopIteration):
                return
            if error is not None:
                raise error
            yield item  # type: ignore[misc]
    finally:
        stopped.set()
        thread.join()
