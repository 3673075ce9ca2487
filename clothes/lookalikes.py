"""Exact and near duplicates: hash hits are candidates, pixels decide.

A 64-bit difference hash alone is a trap: pictures of the same kind of garment collide, and chains of collisions join
hundreds of them. So every hit is compared on 64 x 64 colour pixels, and a group holds only photos that were confirmed
against every other one in it.
"""

import hashlib
import os
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import Literal

import numpy as np

from clothes import images
from clothes.errors import PhotoError
from clothes.folders import Listing

THUMB = 64  # pixels: side of the picture on which look-alikes are confirmed
_HASH_DISTANCE = 4  # of 64 bits: recompressed, halved and brightened copies of 150 photos all came within
_PIXEL_DISTANCE = 0.14  # see `_distance`; chosen by looking at the pairs of clothing-dataset-small
_COARSE_DISTANCE = 0.16  # the same on 8 x 8 means, which spares most hits the look at all their pixels
_BLOCK = 1 << 22  # comparisons at a time


@dataclass(frozen=True)
class Record:
    """What one look at a photo told. `error` is set, and the rest empty, when it cannot be used."""

    path: str
    label: str
    part: str | None
    sha256: str = ""
    width: int = 0
    height: int = 0
    located: bool = False  # its EXIF says where it was taken
    error: PhotoError | None = None


@dataclass(frozen=True)
class Pair:
    """Two look-alikes, by their positions in the survey: a < b. `distance` is 0 for identical files."""

    a: int
    b: int
    kind: Literal["exact", "near"]
    distance: float


class Survey(AbstractContextManager["Survey"]):
    """One look at every photo of a listing: `records`, and small pictures in a temporary file until it is closed."""

    def __init__(self, listing: Listing, *, progress: Callable[[int, int], None] | None = None) -> None:
        self.listing = listing
        self._file = tempfile.TemporaryFile(prefix="clothes-")  # noqa: SIM115 - lives as long as the survey
        shape = (len(listing.photos), THUMB, THUMB, 3)
        self._file.truncate(int(np.prod(shape)))
        self._thumbs = np.memmap(self._file, dtype=np.uint8, mode="r+", shape=shape)  # type: ignore[call-overload]
        self._hashes = np.zeros(len(listing.photos), dtype=np.uint64)
        self._coarse = np.zeros((len(listing.photos), 8 * 8 * 3), dtype=np.float32)
        records = []
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for done, record in enumerate(pool.map(self._look, range(len(listing.photos))), 1):
                records.append(record)
                if progress:
                    progress(done, len(listing.photos))
        self.records = tuple(records)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        del self._thumbs
        self._file.close()

    def _look(self, i: int) -> Record:
        photo = self.listing.photos[i]
        try:
            data = images.read_file(self.listing.root / photo.path, name=photo.path)
            width, height = images.dimensions(data, name=photo.path)
            small = images.thumbnail(data, THUMB, name=photo.path)
        except PhotoError as error:
            return Record(photo.path, photo.label, photo.part, error=error)
        self._thumbs[i] = np.asarray(small.resize((THUMB, THUMB)))
        self._hashes[i] = difference_hash(self._thumbs[i])
        self._coarse[i] = _normalized(self._thumbs[i : i + 1], cell=8)[0]
        digest = hashlib.sha256(data).hexdigest()
        located = images.has_location(data)
        return Record(photo.path, photo.label, photo.part, digest, width, height, located)

    def pairs(self) -> list[Pair]:
        """Every pair of look-alikes, closest first."""
        good = np.array([i for i, record in enumerate(self.records) if record.error is None], dtype=int)
        first, second = _hash_hits(self._hashes[good])
        first, second = good[first], good[second]
        alike = np.concatenate(
            [
                _root_mean_square(self._coarse[first[i : i + 10_000]] - self._coarse[second[i : i + 10_000]])
                for i in range(0, max(1, len(first)), 10_000)
            ]
        )
        first, second = first[alike <= _COARSE_DISTANCE], second[alike <= _COARSE_DISTANCE]
        found = []
        for start in range(0, len(first), 256):
            block = slice(start, start + 256)
            distances = _distance(self._thumbs[first[block]], self._thumbs[second[block]])
            for a, b, distance in zip(first[block].tolist(), second[block].tolist(), distances.tolist(), strict=True):
                if self.records[a].sha256 == self.records[b].sha256:
                    found.append(Pair(a, b, "exact", 0.0))
                elif distance <= _PIXEL_DISTANCE and self._same_shape(a, b):
                    found.append(Pair(a, b, "near", distance))
        return sorted(found, key=lambda pair: (pair.distance, pair.a, pair.b))

    def _same_shape(self, a: int, b: int) -> bool:
        """The small pictures are squeezed into squares, so the photos' own shapes are compared here."""
        one, other = self.records[a], self.records[b]
        ratio = (one.width * other.height) / (one.height * other.width)
        return 0.8 < ratio < 1.25


def difference_hash(picture: np.ndarray) -> int:
    """64 bits: whether each of 8 x 8 cells is brighter than its right neighbour, for uint8 (64, 64, 3)."""
    gray = picture.mean(axis=2)
    rows = gray.reshape(8, 8, THUMB).mean(axis=1)
    columns = np.stack([part.mean(axis=1) for part in np.array_split(rows, 9, axis=1)], axis=1)
    return int.from_bytes(np.packbits(columns[:, 1:] > columns[:, :-1]).tobytes(), "big")


def _hash_hits(hashes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positions (a, b), a < b, of hashes few bits apart: all pairs compared, a block at a time.

    Half of 100,000 squared comparisons are 5 billion: seconds in NumPy, and simpler than any index.
    """
    count = len(hashes)
    first: list[np.ndarray] = []
    second: list[np.ndarray] = []
    rows = max(1, _BLOCK // max(1, count))
    for start in range(0, count, rows):
        block = hashes[start : start + rows, None]
        near = np.bitwise_count(block ^ hashes[None, start:]) <= _HASH_DISTANCE
        a, b = np.nonzero(near)
        keep = b > a
        first.append(a[keep] + start)
        second.append(b[keep] + start)
    empty = np.zeros(0, dtype=int)
    return np.concatenate([empty, *first]), np.concatenate([empty, *second])


def _distance(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """How different pairs of pictures (N, 64, 64, 3) are: 0 for the same picture, above 1 for unrelated ones.

    The root mean square difference of the pictures brought to one brightness and contrast, and blurred a little, so
    that a brighter copy or another JPEG quality hardly counts: sqrt(2 - 2 r) for their correlation r.
    """
    return _root_mean_square(_normalized(one, cell=2) - _normalized(other, cell=2))


def _root_mean_square(difference: np.ndarray) -> np.ndarray:
    return np.sqrt((difference**2).mean(axis=1))


def _normalized(pictures: np.ndarray, *, cell: int) -> np.ndarray:
    """Means of `cell` x `cell` pixels, float32 (N, values), each picture brought to mean 0 and standard deviation 1."""
    count, side = len(pictures), THUMB // cell
    cells = pictures.astype(np.float32).reshape(count, side, cell, side, cell, 3)
    values = cells.mean(axis=(2, 4)).reshape(count, -1)
    values -= values.mean(axis=1, keepdims=True)
    return values / np.maximum(values.std(axis=1, keepdims=True), 2.0)


def group(count: int, pairs: Sequence[Pair]) -> list[list[int]]:
    """Groups of two and more look-alikes, without chaining: in a group, each is a confirmed pair with each other one.

    Greedy, the closest pairs first.
    """
    confirmed = {(pair.a, pair.b) for pair in pairs}
    groups: dict[int, list[int]] = {}
    of: dict[int, int] = {}
    for pair in pairs:
        one, other = of.get(pair.a, pair.a), of.get(pair.b, pair.b)
        if one == other:
            continue
        left, right = groups.get(one, [one]), groups.get(other, [other])
        if all((min(a, b), max(a, b)) in confirmed for a in left for b in right):
            groups[one] = left + right
            groups.pop(other, None)
            for member in groups[one]:
                of[member] = one
    return sorted(sorted(members) for members in groups.values())
