"""Duplicates and near-duplicates among the photos of a listing, and groups of them."""

import os
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import Literal

import numpy as np

from clothes.errors import PhotoError, PhotosError
from clothes.photos import decode
from clothes.photos.folders import Listing
from clothes.photos.similarity import THUMB, Pictures
from clothes.system.checksums import sha256
from clothes.system.files import preallocate
from clothes.system.progress import Progress

Kind = Literal["exact", "near"]  # exact: the same file, byte for byte


@dataclass(frozen=True)
class Record:
    """What the survey found of a photo. If it is unreadable, `error` is set and the rest is empty."""

    path: str
    label: str
    part: str | None
    sha256: str = ""
    width: int = 0
    height: int = 0
    located: bool = False  # its EXIF has the place where it was taken
    error: PhotoError | None = None


@dataclass(frozen=True)
class Pair:
    """Two photos that look the same, by their positions in the survey: a < b. `distance` is 0 for identical files."""

    a: int
    b: int
    kind: Kind
    distance: float


@dataclass(frozen=True)
class NearDuplicate:
    """Two photos that look the same, by their paths. Further copies of a file are paired with the first one only."""

    photo: str
    other: str
    kind: Kind


class Survey(AbstractContextManager["Survey"]):
    """Reads every photo of a listing once: `records`, and small pictures in a temporary file until it is closed.

    Raises PhotosError if there is no room for that file (12 kB a photo).
    """

    def __init__(self, listing: Listing, *, progress: Progress | None = None) -> None:
        self.listing = listing
        count = len(listing.photos)
        shape = (count + 1, THUMB, THUMB, 3)  # one more, for `like`
        self._file = tempfile.TemporaryFile(prefix="clothes-")  # noqa: SIM115 - lives as long as the survey
        try:
            preallocate(self._file.fileno(), int(np.prod(shape)))
        except OSError as error:
            self._file.close()
            raise PhotosError(
                f"No room for the small copies of {count:,} photos in {tempfile.gettempdir()} ({error.strerror}; "
                f"{np.prod(shape) / 1e6:,.0f} MB are needed). Set TMPDIR to a folder with more room."
            ) from None
        thumbs = np.memmap(self._file, dtype=np.uint8, mode="r+", shape=shape)  # type: ignore[call-overload]
        self._pictures = Pictures(thumbs)
        records = []
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for done, record in enumerate(pool.map(self._examine, range(count)), 1):
                records.append(record)
                if progress:
                    progress(done, count)
        self.records = tuple(records)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        del self._pictures
        self._file.close()

    def _examine(self, i: int) -> Record:
        photo = self.listing.photos[i]
        try:
            data = decode.read_file(self.listing.root / photo.path, name=photo.path)
            inspection = decode.inspect(data, THUMB, name=photo.path)
        except PhotoError as error:
            return Record(photo.path, photo.label, photo.part, error=error)
        self._pictures.add(i, inspection)
        size = inspection.width, inspection.height
        return Record(photo.path, photo.label, photo.part, sha256(data), *size, inspection.located)

    def like(self, photo: decode.Inspection) -> Record | None:
        """Returns the most similar near-duplicate of another photo, inspected at `THUMB` pixels. Not thread-safe."""
        last = len(self.records)
        self._pictures.add(last, photo)
        found = self._pictures.most_similar(last)
        return None if found is None else self.records[found]

    def pairs(self) -> list[Pair]:
        """Returns the pairs that look the same, closest first. Copies of a file are paired with the first one."""
        first: dict[str, int] = {}
        pairs = []
        for i, record in enumerate(self.records):
            if record.error is None and (original := first.setdefault(record.sha256, i)) != i:
                pairs.append(Pair(original, i, "exact", 0.0))
        for a, b, distance in zip(*self._pictures.similar_pairs(first.values()), strict=True):
            pairs.append(Pair(int(min(a, b)), int(max(a, b)), "near", float(distance)))
        return sorted(pairs, key=lambda pair: (pair.distance, pair.a, pair.b))


def group(count: int, pairs: Sequence[Pair]) -> list[list[int]]:
    """Returns groups of photos that look the same, without chaining: every two photos of a group are a pair.

    Greedy, the closest pairs first. Identical files count as one photo.
    """
    original = list(range(count))
    for pair in sorted(pairs, key=lambda pair: (pair.a, pair.b)):
        if pair.kind == "exact":
            original[pair.b] = original[pair.a]
    near = [(original[pair.a], original[pair.b]) for pair in pairs if pair.kind == "near"]
    are_near = {(min(pair), max(pair)) for pair in near}
    groups: dict[int, list[int]] = {}  # by the position of one of its photos
    group_of: dict[int, int] = {}
    for a, b in near:
        one, other = group_of.get(a, a), group_of.get(b, b)
        if one == other:
            continue
        left, right = groups.get(one, [one]), groups.get(other, [other])
        if all((min(x, y), max(x, y)) in are_near for x in left for y in right):
            groups[one] = left + right
            groups.pop(other, None)
            group_of |= dict.fromkeys(groups[one], one)
    members: dict[int, list[int]] = {}
    for i in range(count):
        members.setdefault(group_of.get(original[i], original[i]), []).append(i)
    return sorted(found for found in members.values() if len(found) > 1)
