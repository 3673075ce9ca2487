"""`split`: photos -> train, test and validation. The same photos and seed give the same split on every machine."""

import os
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from clothes.config import SplitConfig
from clothes.errors import PhotosError, SplitError
from clothes.photos.constraints import SPLIT_ANEW, Constraints, count, find_constraints
from clothes.photos.duplicates import Pair, Record, Survey, group
from clothes.photos.folders import Listing, Skipped, list_class_folders
from clothes.photos.split_file import ALIKE, PARTS, Row, Split
from clothes.photos.stratify import assign, unite
from clothes.system.progress import Progress


def split(
    photos: str | os.PathLike[str],
    *,
    config: SplitConfig | None = None,
    groups: str | os.PathLike[str] | None = None,
    pool: bool = False,
    previous: Split | None = None,
    progress: Progress | None = None,
) -> Split:
    """Split photos into train, test and validation, keeping class proportions and near-duplicates together.

    `groups` is a CSV file with a column `photo` and a column `group` (or `person`): photos of one group stay in one
    part. Folders train/, test/ (and validation/) are kept as they are, a missing validation part is cut from train;
    with `groups`, train and validation are split anew and test is kept; `pool` splits all anew. Photos of a `previous`
    split keep their part. Photos that came as corrections (`clothes corrections`) are in train. Unreadable photos are
    listed in `skipped`. Writes nothing.

    Raises SplitError if `config`, `groups` or `pool` asks for other parts than those of the `previous` split.
    """
    settings = config or SplitConfig()
    photo_set = _survey(list_class_folders(photos), progress)
    group_file = Path(groups) if groups is not None else None
    constraints = find_constraints(
        photo_set.records, photo_set.listing.root, settings, groups=group_file, pool=pool, previous=previous
    )
    placement = _Placement(photo_set, constraints, settings.seed)
    if config is not None and constraints.earlier:
        placement.refuse_moving_earlier_photos()
    units, parts = placement.place(set(photo_set.readable), constraints.kept)
    if group_file is not None:
        _refuse_torn_groups(group_file, constraints, parts)
    plain = placement.place_each_alone()
    return _describe(photo_set, constraints, units, parts, plain)


@dataclass(frozen=True)
class _PhotoSet:
    """The photos by their positions, and the pairs that look the same."""

    listing: Listing
    records: tuple[Record, ...]
    pairs: list[Pair]

    @cached_property
    def readable(self) -> list[int]:
        return [i for i, record in enumerate(self.records) if record.error is None]

    @cached_property
    def near_duplicates(self) -> list[list[int]]:
        groups = group(len(self.records), self.pairs)
        return [[i for i in members if self.records[i].error is None] for members in groups]


def _survey(listing: Listing, progress: Progress | None) -> _PhotoSet:
    with Survey(listing, progress=progress) as survey:
        photo_set = _PhotoSet(listing, survey.records, survey.pairs())
    if not photo_set.readable:
        number = len(photo_set.records)
        raise PhotosError(
            f"No readable photo in {listing.root} ({number} files, {number} refused). "
            f"`clothes check {listing.root}` lists the reasons."
        )
    return photo_set


class _Placement:
    """Assigns photos to parts under constraints."""

    def __init__(self, photo_set: _PhotoSet, constraints: Constraints, seed: int) -> None:
        self._photo_set, self._constraints, self._seed = photo_set, constraints, seed
        self._labels = [record.label for record in photo_set.records]
        self._keys = [record.sha256 + record.path for record in photo_set.records]

    def place(self, photos: Collection[int], kept: Mapping[int, str]) -> tuple[list[list[int]], dict[int, str]]:
        """Returns units of photos that stay together, and each photo's part."""
        together = (*self._photo_set.near_duplicates, *self._constraints.groups.values())
        units = unite(photos, [[i for i in members if i in photos] for members in together])
        units = _detach(units, kept, self._constraints.fixed)
        return units, self._assign(units, kept)

    def place_each_alone(self) -> dict[int, str]:
        """Returns the parts of a plain random split, which keeps nothing together."""
        return self._assign([[i] for i in self._photo_set.readable], self._constraints.kept)

    def refuse_moving_earlier_photos(self) -> None:
        """Raises SplitError if the seed and the ratios would move photos of the earlier split."""
        earlier = self._constraints.earlier
        decided = self._constraints.fixed | self._constraints.pinned
        _, anew = self.place(earlier, {i: part for i, part in decided.items() if i in earlier})
        if moved := sum(anew[i] != part for i, part in earlier.items()):
            raise SplitError(
                f"The {count(len(earlier), 'photo')} of the existing split keep their parts, but this --seed or "
                f"--ratios would move {moved:,} of them. Leave it out to add new photos to that split. {SPLIT_ANEW}"
            )

    def _assign(self, units: Sequence[Sequence[int]], kept: Mapping[int, str]) -> dict[int, str]:
        weights = self._constraints.weights
        return assign(units, self._labels, self._keys, kept=kept, weights=weights, seed=self._seed)


def _detach(units: list[list[int]], kept: Mapping[int, str], fixed: Collection[int]) -> list[list[int]]:
    """Takes units apart whose decided photos disagree, or with which a part folder would grow.

    A kept test folder stays as it was published: a near-duplicate in train does not move there, but is reported.
    """
    result: list[list[int]] = []
    for unit in units:
        decided = [i for i in unit if i in kept]
        free = [i for i in unit if i not in kept]
        if len({kept[i] for i in decided}) <= 1 and not (free and any(i in fixed for i in decided)):
            result.append(unit)
        else:
            result += [[i] for i in decided]
            result += [free] if free else []
    return result


def _refuse_torn_groups(path: Path, constraints: Constraints, parts: Mapping[int, str]) -> None:
    """Raises SplitError if the earlier split tears groups of the file. Part folders are allowed to."""
    torn = sorted(
        name
        for name, members in constraints.groups.items()
        if len({parts[i] for i in members if i not in constraints.fixed}) > 1
    )
    if torn:
        raise SplitError(
            f"{count(len(torn), 'group')} of {path} would be in two parts{_example(torn)}. The photos of the existing "
            f"split keep their parts. {SPLIT_ANEW}"
        )


def _describe(
    photo_set: _PhotoSet,
    constraints: Constraints,
    units: list[list[int]],
    parts: Mapping[int, str],
    plain: Mapping[int, str],
) -> Split:
    """Returns the split with its notes."""
    records, pairs = photo_set.records, photo_set.pairs
    leaks = [pair for pair in pairs if parts[pair.a] != parts[pair.b]]
    prevented = max(0, sum(plain[pair.a] != plain[pair.b] for pair in pairs) - len(leaks))
    names: dict[int, list[str]] = defaultdict(list)
    for name, members in constraints.groups.items():
        for i in members:
            names[i].append(name)
    rows = tuple(
        Row(records[i].path, records[i].label, parts[i], _name_group(unit, records, names), records[i].sha256)
        for i, unit in sorted((i, unit) for unit in units for i in unit)
    )
    notes = [*_label_conflicts(records, pairs), *constraints.notes]
    if len(constraints.kept) < len(photo_set.readable):
        notes.append(
            f"{count(prevented, 'near-duplicate pair')} would have leaked between parts in a plain random split."
        )
    torn = sorted(name for name, members in constraints.groups.items() if len({parts[i] for i in members}) > 1)
    notes += _leak_notes([_names(pair, records) for pair in leaks], "near-duplicate pair")
    notes += _leak_notes(torn, "group")
    notes += _missing_classes(rows)
    unreadable = [Skipped(record.path, record.error.reason) for record in records if record.error is not None]
    return Split(photo_set.listing.root, rows, (*photo_set.listing.skipped, *unreadable), tuple(notes), prevented)


def _name_group(unit: Sequence[int], records: Sequence[Record], names: Mapping[int, Sequence[str]]) -> str:
    """Returns the names of the groups in a unit, else a common name for near-duplicates, else nothing."""
    given = sorted({name for i in unit for name in names.get(i, ())})
    if given:
        return "+".join(given)
    return f"{ALIKE}{min(records[i].sha256 for i in unit)[:12]}" if len(unit) > 1 else ""


def _label_conflicts(records: Sequence[Record], pairs: Sequence[Pair]) -> list[str]:
    odd = [_names(pair, records) for pair in pairs if records[pair.a].label != records[pair.b].label]
    if not odd:
        return []
    return [
        f"{count(len(odd), 'near-duplicate pair')} in two classes{_example(odd)}. One of the labels is probably wrong."
    ]


def _leak_notes(found: Sequence[str], noun: str) -> list[str]:
    verb = "is" if len(found) == 1 else "are"
    return [f"{count(len(found), noun)} {verb} still in two parts{_example(found)}."] if found else []


def _missing_classes(rows: Sequence[Row]) -> list[str]:
    by_part = {part: {row.label for row in rows if row.part == part} for part in PARTS}
    classes = Split(Path(), tuple(rows)).classes
    return [
        f"No {part} photo of {', '.join(missing)}: too few photos or groups."
        for part, labels in by_part.items()
        if labels and (missing := [name for name in classes if name not in labels])
    ]


def _names(pair: Pair, records: Sequence[Record]) -> str:
    return f"{records[pair.a].path} and {records[pair.b].path}"


def _example(found: Sequence[str]) -> str:
    return f": {found[0]}" if len(found) == 1 else f", such as {found[0]}"
