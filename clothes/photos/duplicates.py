"""Exact and near duplicates: hash hits are candidates, pixels decide.

A 64-bit difference hash alone is a trap: pictures of the same kind of garment collide, and chains of collisions join
hundreds of them. So every hit is compared on 64 x 64 colour pixels, as it lies and, for a burst out of a moving hand,
after one picture was moved onto the other; and a group holds only photos that were confirmed against every other one.
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

from clothes.errors import PhotoError, PhotosError
from clothes.photos import decode
from clothes.photos.folders import Listing
from clothes.system.files import preallocate

THUMB = 64  # pixels: side of the picture on which look-alikes are confirmed
# The distances below (see `_distance`) were chosen by looking at all pairs of clothing-dataset-small, whatever their
# hash. As they lie: its one copy 0.003, made copies mostly below 0.1, two garments of one shape on one sheet from 0.22.
# Moved onto each other: made bursts 0.05, two garments from 0.14. Mirrored pairs: none was a copy. On the 28 pixels of
# Fashion-MNIST two pairs of trousers come as near as 0.095, light and dark ones too.
_STILL, _MOVED, _STILL_SMALL = 0.12, 0.10, 0.07
_CONTRASTS = 1.4  # times the other's contrast: more is another colour, not another exposure
_HASH_DISTANCE, _HASH_DISTANCE_SMALL = 10, 4  # of 64 bits
_COARSE_STILL, _COARSE_MOVED = 0.16, 0.35  # the same distance on 8 x 8 means, which spares most hits the rest
_SMALL = 64  # pixels: pictures of a shorter long side hold too little to be moved onto each other
_FLAT = 4.0  # grey levels: a picture of less contrast is blank, and like another only if it is the same file
_NEAREST = 20  # of a photo's hits are moved, so that the work grows with the photos and not with their square
_BLOCK = 1 << 20  # comparisons at a time


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
    """One look at every photo of a listing: `records`, and small pictures in a temporary file until it is closed.

    Raises PhotosError when there is no room for that file (12 kB a photo).
    """

    def __init__(self, listing: Listing, *, progress: Callable[[int, int], None] | None = None) -> None:
        self.listing = listing
        count = len(listing.photos)
        self._file = tempfile.TemporaryFile(prefix="clothes-")  # noqa: SIM115 - lives as long as the survey
        try:
            preallocate(self._file.fileno(), (count + 1) * THUMB * THUMB * 3)  # one more, for `like`
        except OSError as error:
            self._file.close()
            raise PhotosError(
                f"No room for the small copies of {count:,} photos in {tempfile.gettempdir()} ({error.strerror}; "
                f"{count * THUMB * THUMB * 3 / 1e6:,.0f} MB are needed). Set TMPDIR to a folder with more room."
            ) from None
        shape = (count + 1, THUMB, THUMB, 3)
        self._thumbs = np.memmap(self._file, dtype=np.uint8, mode="r+", shape=shape)  # type: ignore[call-overload]
        self._hashes = np.zeros(count + 1, dtype=np.uint64)
        self._coarse = np.zeros((count + 1, 8 * 8 * 3), dtype=np.float32)
        self._contrast = np.zeros(count + 1, dtype=np.float32)
        self._sizes = np.zeros((count + 1, 2))  # width, height
        records = []
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for done, record in enumerate(pool.map(self._look, range(count)), 1):
                records.append(record)
                if progress:
                    progress(done, count)
        self.records = tuple(records)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        del self._thumbs
        self._file.close()

    def _look(self, i: int) -> Record:
        photo = self.listing.photos[i]
        try:
            data = decode.read_file(self.listing.root / photo.path, name=photo.path)
            seen = decode.inspect(data, THUMB, name=photo.path)
        except PhotoError as error:
            return Record(photo.path, photo.label, photo.part, error=error)
        self._keep(i, seen)
        digest = hashlib.sha256(data).hexdigest()
        return Record(photo.path, photo.label, photo.part, digest, seen.width, seen.height, seen.located)

    def _keep(self, i: int, seen: decode.Inspection) -> None:
        self._thumbs[i] = np.asarray(seen.small.resize((THUMB, THUMB)))
        self._hashes[i] = difference_hash(self._thumbs[i])
        self._coarse[i] = _normalized(self._thumbs[i : i + 1], cell=8)[0]
        self._contrast[i] = self._thumbs[i].std()
        self._sizes[i] = seen.width, seen.height

    def like(self, seen: decode.Inspection) -> Record | None:
        """The photo that another one, inspected at `THUMB` pixels, looks like; the nearest where there are several.

        Not for two threads at once.
        """
        last = len(self.records)
        self._keep(last, seen)
        usable = np.flatnonzero((self._contrast[:last] >= _FLAT) & (self._contrast[last] >= _FLAT))
        small = self._small(np.arange(last + 1))
        one, coarse = _gated(self._hashes, self._coarse, small, usable, np.full(len(usable), last))[::2]
        a, _, distance = self._confirmed(one, np.full(len(one), last), coarse)
        return self.records[int(a[distance.argmin()])] if len(a) else None

    def pairs(self) -> list[Pair]:
        """The look-alikes, closest first. Identical files are paired with the first of them, which stands for all."""
        first: dict[str, int] = {}
        found = []
        for i, record in enumerate(self.records):
            if record.error is None and (same := first.setdefault(record.sha256, i)) != i:
                found.append(Pair(same, i, "exact", 0.0))
        chosen = np.array([i for i in first.values() if self._contrast[i] >= _FLAT], dtype=int)
        one, other, coarse = _hits(self._hashes[chosen], self._coarse[chosen], self._small(chosen))
        for a, b, distance in zip(*self._confirmed(chosen[one], chosen[other], coarse), strict=True):
            found.append(Pair(int(min(a, b)), int(max(a, b)), "near", float(distance)))
        return sorted(found, key=lambda pair: (pair.distance, pair.a, pair.b))

    def _small(self, photos: np.ndarray) -> np.ndarray:
        return np.asarray(self._sizes[photos].max(axis=1) < _SMALL)

    def _confirmed(
        self, one: np.ndarray, other: np.ndarray, coarse: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Those of the hits, by their positions, that are look-alikes, and their distances."""
        # The small pictures are squeezed into squares, so the photos' own shapes are compared here.
        shape = self._sizes[:, 0] / self._sizes[:, 1].clip(1)
        keep = np.abs(np.log(shape[one] / shape[other])) < np.log(1.25)
        contrasts = self._contrast[one] / self._contrast[other]
        keep &= (contrasts < _CONTRASTS) & (contrasts > 1 / _CONTRASTS)
        one, other, coarse = one[keep], other[keep], coarse[keep]
        still = np.full(len(one), np.inf, dtype=np.float32)
        close = np.flatnonzero(coarse <= _COARSE_STILL)
        still[close] = self._compare(_distance, one[close], other[close])
        tiny = self._small(one) | self._small(other)
        alike = still <= np.where(tiny, _STILL_SMALL, _STILL)
        rest = np.flatnonzero(~alike & ~tiny)
        rest = rest[_nearest(one[rest], other[rest], coarse[rest])]
        moved = np.full(len(one), np.inf, dtype=np.float32)
        moved[rest] = self._compare(_distance_moved, one[rest], other[rest])
        alike |= moved <= _MOVED
        return one[alike], other[alike], np.minimum(still, moved)[alike]

    def _compare(
        self, distance: Callable[[np.ndarray, np.ndarray], np.ndarray], one: np.ndarray, other: np.ndarray
    ) -> np.ndarray:
        def block(start: int) -> np.ndarray:
            part = slice(start, start + 256)
            return distance(self._thumbs[one[part]], self._thumbs[other[part]])

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return np.concatenate([np.zeros(0, np.float32), *pool.map(block, range(0, len(one), 256))])


def group(count: int, pairs: Sequence[Pair]) -> list[list[int]]:
    """Groups of two and more look-alikes, without chaining: in a group, each is a confirmed pair with each other one.

    Greedy, the closest pairs first. Identical files count as one photo.
    """
    first = list(range(count))
    for pair in sorted(pairs, key=lambda pair: (pair.a, pair.b)):
        if pair.kind == "exact":
            first[pair.b] = first[pair.a]
    near = [(first[pair.a], first[pair.b]) for pair in pairs if pair.kind == "near"]
    confirmed = {(min(pair), max(pair)) for pair in near}
    groups: dict[int, list[int]] = {}
    of: dict[int, int] = {}
    for a, b in near:
        one, other = of.get(a, a), of.get(b, b)
        if one == other:
            continue
        left, right = groups.get(one, [one]), groups.get(other, [other])
        if all((min(x, y), max(x, y)) in confirmed for x in left for y in right):
            groups[one] = left + right
            groups.pop(other, None)
            for member in groups[one]:
                of[member] = one
    members: dict[int, list[int]] = {}
    for i in range(count):
        members.setdefault(of.get(first[i], first[i]), []).append(i)
    return sorted(found for found in members.values() if len(found) > 1)


def difference_hash(picture: np.ndarray) -> int:
    """64 bits: whether each of 8 x 8 cells is brighter than its right neighbour, for uint8 (64, 64, 3)."""
    gray = picture.mean(axis=2)
    rows = gray.reshape(8, 8, THUMB).mean(axis=1)
    columns = np.stack([part.mean(axis=1) for part in np.array_split(rows, 9, axis=1)], axis=1)
    return int.from_bytes(np.packbits(columns[:, 1:] > columns[:, :-1]).tobytes(), "big")


def _hits(hashes: np.ndarray, coarse: np.ndarray, small: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positions (a, b), a < b, of photos whose hashes and 8 x 8 means are close, and the distance of the means.

    All hashes are compared, a block at a time on every core: for 100,000 photos 5 billion comparisons, which are
    seconds in NumPy. What passes both gates is kept, so the memory grows with the look-alikes and not with the hits.
    """
    count = len(hashes)
    rows = max(1, _BLOCK // max(1, count))

    def block(start: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        bits = np.bitwise_count(hashes[start : start + rows, None] ^ hashes[None, start:])
        a, b = np.nonzero(bits <= _HASH_DISTANCE)
        upper = a < b
        return _gated(hashes, coarse, small, a[upper] + start, b[upper] + start)

    nothing = (np.zeros(0, int), np.zeros(0, int), np.zeros(0, np.float32))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = [nothing, *pool.map(block, range(0, count, rows))]
    one, other, distance = (np.concatenate(column) for column in zip(*found, strict=True))
    return one, other, distance


def _gated(
    hashes: np.ndarray, coarse: np.ndarray, small: np.ndarray, a: np.ndarray, b: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Those of the pairs (a, b) whose hashes and 8 x 8 means are close, and the distance of the means."""
    bits = np.bitwise_count(hashes[a] ^ hashes[b])
    keep = bits <= np.where(small[a] | small[b], _HASH_DISTANCE_SMALL, _HASH_DISTANCE)
    a, b = a[keep], b[keep]
    steps = range(0, len(a), 10_000)
    parts = [_root_mean_square(coarse[a[i : i + 10_000]] - coarse[b[i : i + 10_000]]) for i in steps]
    distance = np.concatenate([np.zeros(0, np.float32), *parts])
    keep = distance <= np.where(small[a] | small[b], _COARSE_STILL, _COARSE_MOVED)
    return a[keep], b[keep], distance[keep]


def _nearest(one: np.ndarray, other: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """Which pairs are among the nearest of either photo: a mask."""
    ends = np.concatenate([one, other])
    order = np.lexsort((np.tile(distance, 2), ends))
    rank = np.empty(len(ends), dtype=int)
    rank[order] = np.arange(len(ends)) - np.searchsorted(ends[order], ends[order])
    return np.asarray((rank < _NEAREST).reshape(2, -1).any(axis=0))


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
    values = _means(pictures, cell).reshape(len(pictures), -1)
    values -= values.mean(axis=1, keepdims=True)
    return values / np.maximum(values.std(axis=1, keepdims=True), 2.0)


def _means(pictures: np.ndarray, cell: int) -> np.ndarray:
    count, side = len(pictures), THUMB // cell
    return pictures.astype(np.float32).reshape(count, side, cell, side, cell, 3).mean(axis=(2, 4))


def _distance_moved(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """`_distance` where the pictures overlap, after `one` was shifted, turned and scaled a little onto `other`.

    Infinite where no small motion brings them together.
    """
    result = np.full(len(one), np.inf, dtype=np.float32)
    motion = np.tile(np.eye(3, dtype=np.float32), (len(one), 1, 1))
    left = np.arange(len(one))
    for cell, steps, most in ((4, 6, 0.50), (2, 8, 0.25)):
        gray, onto = _means(one[left], cell).mean(axis=3), _means(other[left], cell).mean(axis=3)
        motion, difference = _follow(gray, onto, motion, steps)
        small = np.abs(motion - np.eye(3, dtype=np.float32))
        fits = (difference <= most) & (small[:, :2, :2].max(axis=(1, 2)) < 0.2) & (small[:, :2, 2].max(axis=1) < 0.25)
        left, motion = left[fits], motion[fits]
    if len(left):
        x, y = _moved_grid(motion, THUMB)
        inside = _cells(((np.abs(x) <= 1) & (np.abs(y) <= 1)).astype(np.float32)[..., None]).min(axis=3) == 1
        moved = _cells(_sample(one[left].astype(np.float32), x, y))
        difference = _standard(moved, inside) - _standard(_means(other[left], 2), inside)
        result[left] = np.sqrt((difference**2).sum(axis=(1, 2, 3)) / np.maximum(3 * inside.sum(axis=(1, 2)), 1))
    return result


def _follow(gray: np.ndarray, onto: np.ndarray, motion: np.ndarray, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """The affine motion (N, 3, 3) that brings pictures (N, S, S) onto others, and how much they differ then.

    Inverse compositional Gauss-Newton (Baker and Matthews 2004), in coordinates from -1 to 1, without the border.
    """
    count, side = len(gray), gray.shape[1]
    inner = (slice(None), slice(1, -1), slice(1, -1))
    target = _standard(onto[inner][..., None])[..., 0].reshape(count, -1)
    dy, dx = (d[inner] * side / 2 for d in np.gradient(onto, axis=(1, 2)))
    axis = ((2 * np.arange(side, dtype=np.float32) + 1) / side - 1)[1:-1]
    x, y = axis[None, None, :], axis[None, :, None]
    slopes = np.stack([dx, dx * x, dx * y, dy, dy * x, dy * y], axis=3).reshape(count, -1, 6)
    slopes /= np.maximum(onto[inner].std(axis=(1, 2)), 2.0)[:, None, None]
    across = slopes.transpose(0, 2, 1)
    square = across @ slopes
    square += (1e-3 * np.trace(square, axis1=1, axis2=2) + 1e-3)[:, None, None] / 6 * np.eye(6, dtype=np.float32)
    solve = np.linalg.inv(square) @ across
    for step in range(steps + 1):
        u, v = _moved_grid(motion, side)
        now = _standard(_sample(gray[..., None], u, v)[inner])[..., 0].reshape(count, -1)
        difference = now - target
        if step == steps:
            break
        p = np.clip((solve @ difference[..., None])[..., 0], -0.1, 0.1)
        change = np.tile(np.eye(3, dtype=np.float32), (count, 1, 1))
        change[:, 0] += p[:, [1, 2, 0]]
        change[:, 1] += p[:, [4, 5, 3]]
        motion = motion @ np.linalg.inv(change)
    return motion, _root_mean_square(difference)


def _moved_grid(motion: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Where the pixels of a side x side picture come from: x and y (N, side, side), from -1 to 1 inside."""
    axis = (2 * np.arange(side, dtype=np.float32) + 1) / side - 1
    m = motion[:, :, :, None, None]
    x, y = axis[None, None, :], axis[None, :, None]
    return m[:, 0, 0] * x + m[:, 0, 1] * y + m[:, 0, 2], m[:, 1, 0] * x + m[:, 1, 1] * y + m[:, 1, 2]


def _sample(pictures: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Pictures (N, S, S, C) at places (N, S, S) from -1 to 1, interpolated between pixels."""
    count, side, _, channels = pictures.shape
    column, row = ((place + 1) * side / 2 - 0.5 for place in (x, y))
    left = np.clip(np.floor(column), 0, side - 2).astype(np.int32)
    top = np.clip(np.floor(row), 0, side - 2).astype(np.int32)
    right, down = np.clip(column - left, 0, 1)[..., None], np.clip(row - top, 0, 1)[..., None]
    at = left + top * side + np.arange(count, dtype=np.int32)[:, None, None] * side * side
    flat = pictures.reshape(-1, channels)
    above = flat[at] * (1 - right) + flat[at + 1] * right
    below = flat[at + side] * (1 - right) + flat[at + side + 1] * right
    return np.asarray(above * (1 - down) + below * down)


def _cells(pictures: np.ndarray) -> np.ndarray:
    """Means of 2 x 2 pixels: (N, S, S, C) to (N, S / 2, S / 2, C)."""
    count, side, _, channels = pictures.shape
    return np.asarray(pictures.reshape(count, side // 2, 2, side // 2, 2, channels).mean(axis=(2, 4)))


def _standard(pictures: np.ndarray, where: np.ndarray | None = None) -> np.ndarray:
    """Pictures (N, H, W, C) brought to mean 0 and standard deviation 1 over `where` (N, H, W), and 0 elsewhere."""
    weight = np.ones((1, 1, 1, 1), np.float32) if where is None else where[..., None].astype(np.float32)
    number = np.broadcast_to(weight, pictures.shape).sum(axis=(1, 2, 3), keepdims=True).clip(1)
    centred = (pictures - (pictures * weight).sum(axis=(1, 2, 3), keepdims=True) / number) * weight
    deviation = np.sqrt((centred**2).sum(axis=(1, 2, 3), keepdims=True) / number)
    return np.asarray(centred / np.maximum(deviation, 2.0), dtype=np.float32)
