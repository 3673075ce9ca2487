"""The photos of a split as they are today: near-duplicates, groups, and files that are not used."""

from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise

from clothes.errors import PhotoError, PhotosError
from clothes.photos import decode
from clothes.photos.duplicates import Survey
from clothes.photos.folders import Listing, PhotoFile, Skipped, list_class_folders
from clothes.photos.split_file import ALIKE, PARTS, Row, Split
from clothes.photos.stratify import assign
from clothes.system.progress import Progress


@dataclass(frozen=True)
class DuplicateRows:
    """Two near-duplicates in a split. They leak if they are in different parts."""

    a: Row
    b: Row

    @property
    def leaks(self) -> bool:
        return self.a.part != self.b.part

    @property
    def problem(self) -> str:
        """A sentence about a leak or contradicting labels; empty without a problem."""
        if self.leaks:
            return f"One is in {self.a.part}, one in {self.b.part}: the test result is too optimistic."
        return "Two classes: one of the labels is probably wrong." if self.a.label != self.b.label else ""


@dataclass(frozen=True)
class DatasetAudit:
    """Near-duplicates, those with a problem first, and files that are not used.

    `random_leaks` and `random_torn` count the pairs and the given groups (people, shops) that a random split of the
    same proportions would divide between parts.
    """

    pairs: tuple[DuplicateRows, ...]
    leaks: int
    random_leaks: int
    groups: int
    random_torn: int
    skipped: tuple[Skipped, ...]


def audit(split: Split, *, progress: Progress | None = None) -> DatasetAudit:
    """Reads every photo of a split once, and lists the files beside them."""
    rows, counts = split.rows, split.counts()
    listing = Listing(split.root, tuple(PhotoFile(row.photo, row.label, row.part) for row in rows), split.classes, ())
    with Survey(listing, progress=progress) as survey:
        records, near = survey.records, survey.pairs()
    position = {row.photo: i for i, row in enumerate(rows)}
    found = [(position[records[pair.a].path], position[records[pair.b].path]) for pair in near]
    random_part = assign(  # ignores near-duplicates and groups
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
    pairs = [DuplicateRows(rows[a], rows[b]) for a, b in found]
    torn = [any(random_part[a] != random_part[b] for a, b in pairwise(members)) for members in groups.values()]
    return DatasetAudit(
        pairs=tuple(sorted(pairs, key=lambda pair: not pair.problem)),
        leaks=sum(pair.leaks for pair in pairs),
        random_leaks=sum(random_part[a] != random_part[b] for a, b in found),
        groups=len(groups),
        random_torn=sum(torn),
        skipped=(*survey.unreadable, *_find_unused(split)),
    )


def _find_unused(split: Split) -> list[Skipped]:
    """Lists the files in the folder of the photos that are not in the split, with reasons."""
    try:
        listing = list_class_folders(split.root)
    except PhotosError as error:
        return [Skipped(split.root.name, str(error).replace(str(split.root), split.root.name))]
    used = {row.photo for row in split.rows}
    unused = list(listing.skipped)
    for path in (photo.path for photo in listing.photos if photo.path not in used):
        try:
            decode.inspect(split.root / path, 32, name=path)
            unused.append(Skipped(path, "it was added after the split was made"))
        except PhotoError as error:
            unused.append(Skipped(path, error.reason))
    return unused
