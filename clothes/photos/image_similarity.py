"""How similar small pictures are: a perceptual hash finds candidates, pixels decide.

A 64-bit difference hash alone is not enough: pictures of the same kind of garment collide, and chains of collisions
join hundreds of them. So every candidate pair is compared on 64 x 64 colour pixels, first as it is and then, for a
burst from a moving hand, after one picture was registered onto the other.
"""

import mmap
from collections.abc import Callable, Iterable
from typing import IO, Any

import numpy as np

from clothes.photos.decode import Inspection
from clothes.photos.image_registration import cell_means, registered_distance, root_mean_square
from clothes.system.threads import map_in_threads

THUMB = 64  # pixels: side of the pictures that are compared
STORED = 3 * THUMB * THUMB + 4 * 3 * 8 * 8  # bytes of a picture in the file: its pixels, and the means of 8 x 8 cells
# The distances below (see `distance`) were chosen by viewing all pairs of clothing-dataset-small, whatever their hash.
# As they are: its one copy 0.003, made copies mostly below 0.1, two garments of one shape on one sheet from 0.22.
# Registered: made bursts 0.05, two garments from 0.14. Mirrored pairs: none was a copy. On the 28 pixels of
# Fashion-MNIST two pairs of trousers come as near as 0.095, light and dark ones too.
_MAX_DISTANCE, _MAX_REGISTERED, _MAX_DISTANCE_SMALL = 0.12, 0.10, 0.07
_MAX_CONTRAST_RATIO = 1.4  # above: another colour, not another exposure
_MAX_SHAPE_RATIO = 1.25  # of the photos' width / height, which the square pictures do not show
_MAX_HASH_BITS, _MAX_HASH_BITS_SMALL = 10, 4  # of 64
_MAX_COARSE, _MAX_COARSE_REGISTERED = 0.16, 0.35  # the distance of 8 x 8 means, which rules out most candidates early
_ROUNDING = 1e-5
_SMALL = 64  # pixels: photos with a shorter long side have too little detail to be registered
_FLAT = 4.0  # gray levels: a picture of less contrast is blank, and equals another only as the same file
_NEAREST = 20  # candidates of a photo that are registered, so that the work grows with the photos, not their square
_BLOCK = 1 << 19  # hash comparisons at a time
_BATCH = 64  # pairs compared at a time
_HASHED = np.array([0, *range(8, 65, 7)])  # the columns of pixels where the nine cells of a row begin and end
_MAPPED = 1000  # pictures in memory while they are added

Pairs = tuple[np.ndarray, np.ndarray, np.ndarray]  # positions a, positions b, distances
_NOTHING: Pairs = (np.zeros(0, int), np.zeros(0, int), np.zeros(0, np.float32))


class Pictures:
    """Small pictures with what is compared of them, stored in a file of `count` times `STORED` bytes."""

    def __init__(self, file: IO[Any], count: int) -> None:
        self._map = mmap.mmap(file.fileno(), count * STORED)
        self._thumbs = np.frombuffer(self._map, np.uint8, count * 3 * THUMB * THUMB).reshape(count, THUMB, THUMB, 3)
        self._coarse = np.frombuffer(self._map, np.float32, offset=self._thumbs.nbytes).reshape(count, -1)
        self._hashes = np.zeros(count, dtype=np.uint64)
        self._contrast = np.zeros(count, dtype=np.float32)
        self._shares = np.zeros(count, dtype=np.float32)  # of the contrast of 2 x 2 cells: that of the coarse ones
        self._sizes = np.zeros((count, 2))  # width, height

    def add(self, i: int, photo: Inspection) -> None:
        """Stores a picture. It is measured before it is compared."""
        self._thumbs[i] = np.asarray(photo.small.resize((THUMB, THUMB)))
        self._sizes[i] = photo.width, photo.height
        if i % _MAPPED == 0:
            self._release()

    def measure(self, start: int, stop: int) -> None:
        """Takes the measures of these pictures, many at a time: for one picture NumPy's calls take longer than that."""

        def block(start: int) -> None:
            part = slice(start, min(start + _BATCH, stop))
            pictures = self._thumbs[part]
            fine = cell_means(pictures, 2)
            coarse = cell_means(fine, 4)
            self._hashes[part] = difference_hash(pictures)
            self._coarse[part] = _standardize(coarse)
            self._shares[part] = (_divisor(coarse) / _divisor(fine))[:, 0]
            self._contrast[part] = pictures.reshape(len(pictures), -1).std(axis=1, dtype=np.float32)
            self._release()

        for _ in map_in_threads(block, range(start, stop, _BATCH)):
            pass

    def _release(self) -> None:
        """Takes the pictures out of the memory of this process; they stay in the file."""
        if hasattr(mmap, "MADV_DONTNEED"):  # not on Windows
            self._map.madvise(mmap.MADV_DONTNEED)

    def similar_pairs(self, positions: Iterable[int]) -> Pairs:
        """Returns the similar pairs among these pictures.

        All hashes are compared, a block at a time on every core: for 100,000 photos 5 billion comparisons, which take
        seconds in NumPy. Only what passes both gates is kept, so the memory grows with the near-duplicates.
        """
        chosen = np.array([i for i in positions if self._contrast[i] >= _FLAT], dtype=int)
        small = self._is_small(chosen)
        order = np.argsort(~small, kind="stable")  # small ones first: in their blocks fewer bits may differ
        chosen, small = chosen[order], small[order]
        hashes = self._hashes[chosen]
        rows = max(1, _BLOCK // max(1, len(chosen)))

        def block(start: int) -> Pairs:
            bits = np.bitwise_count(hashes[start : start + rows, None] ^ hashes[None, start:])
            near = bits <= (_MAX_HASH_BITS_SMALL if small[start : start + rows].all() else _MAX_HASH_BITS)
            a, b = np.divmod(np.flatnonzero(near), bits.shape[1])  # np.nonzero takes three times as long
            is_upper = a < b
            return self._candidates(chosen[a[is_upper] + start], chosen[b[is_upper] + start])

        found = [_NOTHING, *map_in_threads(block, range(0, len(chosen), rows))]
        a, b, coarse = (np.concatenate(column) for column in zip(*found, strict=True))
        return self._confirmed(a, b, coarse)

    def most_similar(self, i: int) -> int | None:
        """Returns the position of the most similar picture before this one, or None."""
        near = np.bitwise_count(self._hashes[:i] ^ self._hashes[i]) <= _MAX_HASH_BITS
        others = np.flatnonzero(near & (self._contrast[:i] >= _FLAT) & (self._contrast[i] >= _FLAT))
        a, _, distances = self._confirmed(*self._candidates(others, np.full(len(others), i)))
        return int(a[distances.argmin()]) if len(a) else None

    def _is_small(self, positions: np.ndarray) -> np.ndarray:
        return np.asarray(self._sizes[positions].max(axis=1) < _SMALL)

    def _shape(self, positions: np.ndarray) -> np.ndarray:
        width, height = self._sizes[positions].T
        return np.asarray(width / height.clip(1))

    def _candidates(self, a: np.ndarray, b: np.ndarray) -> Pairs:
        """Returns the pairs whose hashes and 8 x 8 means are close, and the distance of the means."""
        small = self._is_small(a) | self._is_small(b)
        bits = np.bitwise_count(self._hashes[a] ^ self._hashes[b])
        keep = bits <= np.where(small, _MAX_HASH_BITS_SMALL, _MAX_HASH_BITS)
        a, b, small = a[keep], b[keep], small[keep]
        coarse = self._coarse_distance(a, b)
        keep = coarse <= np.where(small, _MAX_COARSE, _MAX_COARSE_REGISTERED)
        a, b, small, coarse = a[keep], b[keep], small[keep], coarse[keep]
        # `distance` is never below that of the means on its own scale, as means of cells lose differences.
        keep = ~small | (self._coarse_distance(a, b, scaled=True) <= _MAX_DISTANCE_SMALL + _ROUNDING)
        return a[keep], b[keep], coarse[keep]

    def _coarse_distance(self, a: np.ndarray, b: np.ndarray, *, scaled: bool = False) -> np.ndarray:
        """Returns the distance of the 8 x 8 means of pairs, if `scaled` divided as `distance` divides the pixels."""

        def means(positions: np.ndarray) -> np.ndarray:
            return self._coarse[positions] * (self._shares[positions, None] if scaled else np.float32(1))

        steps = [slice(start, start + 10_000) for start in range(0, len(a), 10_000)]
        parts = [root_mean_square(means(a[step]) - means(b[step])) for step in steps]
        return np.concatenate([np.zeros(0, np.float32), *parts])

    def _confirmed(self, a: np.ndarray, b: np.ndarray, coarse: np.ndarray) -> Pairs:
        """Returns the candidates that are similar by their pixels, and their distances."""
        keep = np.abs(np.log(self._shape(a) / self._shape(b))) < np.log(_MAX_SHAPE_RATIO)
        contrast_ratio = self._contrast[a] / self._contrast[b]
        keep &= (contrast_ratio < _MAX_CONTRAST_RATIO) & (contrast_ratio > 1 / _MAX_CONTRAST_RATIO)
        a, b, coarse = a[keep], b[keep], coarse[keep]
        direct = np.full(len(a), np.inf, dtype=np.float32)
        close = np.flatnonzero(coarse <= _MAX_COARSE)
        direct[close] = self._compare(distance, a[close], b[close])
        small = self._is_small(a) | self._is_small(b)
        similar = direct <= np.where(small, _MAX_DISTANCE_SMALL, _MAX_DISTANCE)
        rest = np.flatnonzero(~similar & ~small)
        rest = rest[_is_among_nearest(a[rest], b[rest], coarse[rest])]
        registered = np.full(len(a), np.inf, dtype=np.float32)
        registered[rest] = self._compare(registered_distance, a[rest], b[rest])
        similar |= registered <= _MAX_REGISTERED
        return a[similar], b[similar], np.minimum(direct, registered)[similar]

    def _compare(
        self, measure: Callable[[np.ndarray, np.ndarray], np.ndarray], a: np.ndarray, b: np.ndarray
    ) -> np.ndarray:
        def batch(start: int) -> np.ndarray:
            part = slice(start, start + _BATCH)
            pictures, others = self._thumbs[a[part]], self._thumbs[b[part]]
            self._release()
            return measure(pictures, others)

        return np.concatenate([np.zeros(0, np.float32), *map_in_threads(batch, range(0, len(a), _BATCH))])


def difference_hash(pictures: np.ndarray) -> np.ndarray:
    """Returns 64 bits for each picture: whether each of 8 x 8 cells is brighter than its left neighbour.

    uint8 (N, 64, 64, 3) to big-endian uint64 (N,).
    """
    rows = pictures.reshape(len(pictures), 8, 8, 3 * THUMB).sum(axis=2, dtype=np.float32)
    columns = np.add.reduceat(rows, 3 * _HASHED[:-1], axis=2) / np.diff(_HASHED)
    return np.packbits(columns[..., 1:] > columns[..., :-1], axis=2).reshape(-1, 8).view(">u8")[:, 0]


def distance(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Returns how different pairs of pictures (N, 64, 64, 3) are: 0 for equal ones, above 1 for unrelated ones.

    The root mean square difference after both got the same brightness and contrast and were blurred a little, so that
    exposure and JPEG quality hardly count: sqrt(2 - 2 r) for their correlation r.
    """
    return root_mean_square(_standardize(cell_means(one, 2)) - _standardize(cell_means(other, 2)))


def _standardize(means: np.ndarray) -> np.ndarray:
    """Returns cell means (N, S, S, 3) as float32 (N, values), each picture with mean 0 and standard deviation 1."""
    values = means.reshape(len(means), -1)
    return (values - values.mean(axis=1, keepdims=True)) / _divisor(means)


def _divisor(means: np.ndarray) -> np.ndarray:
    """Returns what each picture is divided by (N, 1): its standard deviation, or more if it is nearly blank."""
    return np.maximum(means.reshape(len(means), -1).std(axis=1, keepdims=True), 2.0)


def _is_among_nearest(a: np.ndarray, b: np.ndarray, distances: np.ndarray) -> np.ndarray:
    """Returns a mask of the pairs that are among the nearest of either photo."""
    ends = np.concatenate([a, b])
    order = np.lexsort((np.tile(distances, 2), ends))
    rank = np.empty(len(ends), dtype=int)
    rank[order] = np.arange(len(ends)) - np.searchsorted(ends[order], ends[order])
    return np.asarray((rank < _NEAREST).reshape(2, -1).any(axis=0))
