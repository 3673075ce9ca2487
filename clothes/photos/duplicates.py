"""Duplicates and near-duplicates among the photos of a listing, and groups of them."""

import tempfile
from bisect import bisect_left
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal

from clothes.errors import PhotoError, PhotosError
from clothes.photos import decode
from clothes.photos.folders import Listing, Skipped
from clothes.photos.image_similarity import STORED, THUMB, Pictures
from clothes.system.checksums import sha256
from clothes.system.files import preallocate
from clothes.system.plurals import counted
from clothes.system.progress import Progress
from clothes.system.threads import map_in_threads

Kind = Literal["exact", "near"]  # exact: the same file, byte for byte


@dataclass(frozen=True, slots=True)
class Record:
    """A readable photo. `located` tells whether its EXIF has the place where it was taken."""

    path: str
    label: str
    part: str | None
    sha256: str
    width: int
    height: int
    located: bool


@dataclass(frozen=True)
class Unreadable(Skipped):
    """A photo that cannot be used: `code` is a reason code of `clothes.photos.decode`."""

    code: str


@dataclass(frozen=True, slots=True)
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
    """Reads every photo of a listing once: `records` of those that can be read, and the `unreadable` ones.

    Keeps small pictures in a temporary file until it is closed (13 kB a photo). Raises PhotosError if there is no room.
    """

    def __init__(self, listing: Listing, *, progress: Progress | None = None) -> None:
        count = len(listing.photos)
        size = (count + 1) * STORED  # one more, for `like`
        self._file = tempfile.TemporaryFile(prefix="clothes-")  # noqa: SIM115 - lives as long as the survey
        try:
            preallocate(self._file.fileno(), size)
        except OSError as error:
            self._file.close()
            raise PhotosError(
                f"No room for the small copies of {counted(count, 'photo')} in {tempfile.gettempdir()} "
                f"({error.strerror}; {size / 1e6:,.0f} MB are needed). Set TMPDIR to a folder with more room."
            ) from None
        self._listing, self._pictures = listing, Pictures(self._file, count + 1)
        found: list[Record | Unreadable] = []
        for result in map_in_threads(self._examine, range(count)):
            found.append(result)
            if progress:
                progress(len(found), count)
        self._pictures.measure(0, count)
        self._numbers = [number for number, result in enumerate(found) if isinstance(result, Record)]  # of the pictures
        self.records = tuple(result for result in found if isinstance(result, Record))
        self.unreadable = tuple(result for result in found if isinstance(result, Unreadable))

    def __exit__(self, *_: object) -> None:
        del self._pictures
        self._file.close()

    def _examine(self, number: int) -> Record | Unreadable:
        photo = self._listing.photos[number]
        try:
            data = decode.read_file(self._listing.root / photo.path, name=photo.path)
            inspection = decode.inspect(data, THUMB, name=photo.path)
        except PhotoError as error:
            return Unreadable(photo.path, error.reason, error.code)
        self._pictures.add(number, inspection)
        size = inspection.width, inspection.height
        return Record(photo.path, photo.label, photo.part, sha256(data), *size, inspection.located)

    def like(self, photo: decode.Inspection) -> Record | None:
        """Returns the most similar near-duplicate of another photo, inspected at `THUMB` pixels. Not thread-safe."""
        last = len(self._listing.photos)
        self._pictures.add(last, photo)
        self._pictures.measure(last, last + 1)
        found = self._pictures.most_similar(last)
        return None if found is None else self.records[bisect_left(self._numbers, found)]

    def pairs(self) -> list[Pair]:
        """Returns the pairs that look the same, closest first. Copies of a file are paired with the first one."""
        first: dict[str, int] = {}
        pairs = []
        for i, record in enumerate(self.records):
            if (original := first.setdefault(record.sha256, i)) != i:
                pairs.append(Pair(original, i, "exact", 0.0))
        positions = {self._numbers[i]: i for i in first.values()}
        for a, b, distance in zip(*self._pictures.similar_pairs(positions), strict=True):
            one, other = sorted((positions[a], positions[b]))
            pairs.append(Pair(one, other, "near", float(distance)))
        return sorted(pairs, key=lambda pair: (pair.distance, pair.a, pair.b))


def group(count: int, pairs: Sequence[Pair]) -> list[list[int]]:
    """Returns groups of photos that look the same, without chaining: every two photos of a group are a pair.

    Greedy, in the order of the pairs: closest first. Identical files count as one photo.
    """
    near = [(pair.a, pair.b) for pair in pairs if pair.kind == "near"]
    are_near = set(near)
    groups = {i: [i] for i in range(count)}  # by each of their photos
    for a, b in near:
        joined = groups[a] + groups[b]
        if groups[a] is not groups[b] and all((min(x, y), max(x, y)) in are_near for x in groups[a] for y in groups[b]):
            groups |= dict.fromkeys(joined, joined)
    for pair in pairs:
        if pair.kind == "exact":
            groups[pair.a].append(pair.b)
            del groups[pair.b]
    return sorted({min(members): sorted(members) for members in groups.values() if len(members) > 1}.values())
