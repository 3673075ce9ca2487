"""What the photos of a run look like today: look-alikes and where they stand, and what was not used."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from clothes.errors import PhotoError, PhotosError
from clothes.photos import decode
from clothes.photos.duplicates import Survey
from clothes.photos.folders import Listing, PhotoFile, Skipped, list_class_folders
from clothes.photos.splits import ALIKE, PARTS, Row, Split
from clothes.photos.stratify import assign


@dataclass(frozen=True)
class Alike:
    """Two photos of a split that look the same."""

    a: Row
    b: Row

    @property
    def leaks(self) -> bool:
        return self.a.part != self.b.part

    @property
    def problem(self) -> str:
        """What is wrong about it, if anything."""
        if self.leaks:
            return f"one is in {self.a.part}, one in {self.b.part}: the test flatters"
        return "two classes: one of the labels is probably wrong" if self.a.label != self.b.label else ""


@dataclass(frozen=True)
class Findings:
    """`pairs` begin with those that are a problem.

    `leaks` counts those, and `torn` the given groups (people, shops), that a plain random split of the same proportions
    would have put on two sides.
    """

    pairs: tuple[Alike, ...]
    leaks: int
    groups: int
    torn: int
    skipped: tuple[Skipped, ...]


def survey(split: Split, *, progress: Callable[[int, int], None] | None = None) -> Findings:
    """One look at every photo of a split, and at what lies beside them."""
    rows = split.rows
    listing = Listing(split.root, tuple(PhotoFile(row.photo, row.label, row.part) for row in rows), split.classes, ())
    with Survey(listing, progress=progress) as seen:
        records, found = seen.records, seen.pairs()
    counts = split.counts()
    plain = assign(
        [[i] for i in range(len(rows))],
        [row.label for row in rows],
        [row.sha256 + row.photo for row in rows],
        kept={},
        weights={part: sum(counts[part].values()) for part in PARTS if counts[part]},
        seed=0,
    )
    groups: dict[str, list[int]] = defaultdict(list)
    for i, row in enumerate(rows):
        if row.group and not row.group.startswith(ALIKE):
            groups[row.group].append(i)
    return Findings(
        pairs=tuple(sorted((Alike(rows[p.a], rows[p.b]) for p in found), key=lambda pair: not pair.problem)),
        leaks=sum(plain[pair.a] != plain[pair.b] for pair in found),
        groups=len(groups),
        torn=sum(any(plain[a] != plain[b] for a, b in pairwise(members)) for members in groups.values()),
        skipped=(*(Skipped(r.path, r.error.reason) for r in records if r.error is not None), *_left_out(split)),
    )


def _left_out(split: Split) -> list[Skipped]:
    """What lies in the folder of the photos and is not in the split, and why."""
    try:
        listing = list_class_folders(split.root)
    except PhotosError as error:
        return [Skipped(split.root.name, str(error).replace(str(split.root), split.root.name))]
    used = {row.photo for row in split.rows}
    found = list(listing.skipped)
    for photo in listing.photos:
        if photo.path not in used:
            try:
                decode.inspect(split.root / photo.path, 32, name=photo.path)
                found.append(Skipped(photo.path, "it came after the split was made"))
            except PhotoError as error:
                found.append(Skipped(photo.path, error.reason))
    return found
