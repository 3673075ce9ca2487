"""`split`: photos -> train, test and validation. The same photos and seed give the same split on every machine."""

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from clothes.config import SplitConfig
from clothes.errors import PhotosError, SplitError
from clothes.photos.duplicates import Pair, Record, Survey, group
from clothes.photos.folders import list_class_folders
from clothes.photos.split_constraints import SPLIT_ANEW, Constraints, find_constraints
from clothes.photos.split_file import ALIKE, Row, Split
from clothes.photos.stratify import assign, unite
from clothes.system.plurals import counted
from clothes.system.progress import Progress
from clothes.system.terminal_text import quote


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
    listing = list_class_folders(photos)
    with Survey(listing, progress=progress) as survey:
        records, pairs = survey.records, survey.pairs()
    if not records:
        number = len(listing.photos)
        raise PhotosError(
            f"No readable photo in {listing.root} ({counted(number, 'file')}, {number:,} refused). "
            f"`clothes check {quote(listing.root)}` lists the reasons."
        )
    group_file = Path(groups) if groups is not None else None
    constraints = find_constraints(records, listing.root, settings, groups=group_file, pool=pool, previous=previous)
    placement = _Placement(records, pairs, constraints, settings.seed)
    if config is not None and constraints.earlier:
        placement.refuse_moving_earlier_photos()
    units, parts = placement.place(range(len(records)), constraints.kept)
    if group_file is not None:
        _refuse_torn_groups(group_file, constraints, parts)
    leaks = [pair for pair in pairs if parts[pair.a] != parts[pair.b]]
    plain = placement.place_each_alone()
    prevented = max(0, sum(plain[pair.a] != plain[pair.b] for pair in pairs) - len(leaks))
    rows = _rows(records, units, parts, constraints.groups)
    notes = list(listing.notes)
    if conflicts := [pair for pair in pairs if records[pair.a].label != records[pair.b].label]:
        found = f"{counted(len(conflicts), 'near-duplicate pair')} in two classes"
        notes.append(f"{found}{_example(_names(conflicts, records))}. One of the labels is probably wrong.")
    notes += constraints.notes
    if len(constraints.kept) < len(records):
        notes.append(
            f"{counted(prevented, 'near-duplicate pair')} would have leaked between parts in a plain random split."
        )
    torn = _torn_groups(constraints.groups, parts)
    for noun, names in (("near-duplicate pair", _names(leaks, records)), ("group", torn)):
        if names:
            verb = "is" if len(names) == 1 else "are"
            notes.append(f"{counted(len(names), noun)} {verb} still in two parts{_example(names)}.")
    result = Split(listing.root, rows, (*listing.skipped, *survey.unreadable), leaks_prevented=prevented)
    return replace(result, notes=(*notes, *_missing_classes(result)))


class _Placement:
    """Assigns photos to parts under constraints."""

    def __init__(self, records: Sequence[Record], pairs: Sequence[Pair], constraints: Constraints, seed: int) -> None:
        self._constraints, self._seed = constraints, seed
        self._together = [*group(len(records), pairs), *constraints.groups.values()]
        self._labels = [record.label for record in records]
        self._keys = [record.sha256 + record.path for record in records]

    def place(self, photos: Iterable[int], kept: Mapping[int, str]) -> tuple[list[list[int]], dict[int, str]]:
        """Returns units of photos that stay together, and each photo's part."""
        chosen = set(photos)
        units = unite(chosen, [[i for i in members if i in chosen] for members in self._together])
        units = [part for unit in units for part in self._detach(unit, kept)]
        return units, self._assign(units, kept)

    def _detach(self, unit: list[int], kept: Mapping[int, str]) -> list[list[int]]:
        """Takes a unit apart if its decided photos disagree, or if a part folder would grow with it.

        A kept test folder stays as it was published: a near-duplicate in train does not move there, but is reported.
        """
        decided = [i for i in unit if i in kept]
        free = [i for i in unit if i not in kept]
        grows = bool(free) and any(i in self._constraints.fixed for i in decided)
        if len({kept[i] for i in decided}) <= 1 and not grows:
            return [unit]
        return [[i] for i in decided] + ([free] if free else [])

    def place_each_alone(self) -> dict[int, str]:
        """Returns the parts of a plain random split, which keeps nothing together."""
        return self._assign([[i] for i in range(len(self._labels))], self._constraints.kept)

    def refuse_moving_earlier_photos(self) -> None:
        """Raises SplitError if the seed and the ratios would move photos of the earlier split."""
        earlier = self._constraints.earlier
        decided = self._constraints.fixed | self._constraints.pinned
        _, anew = self.place(earlier, {i: part for i, part in decided.items() if i in earlier})
        if moved := sum(anew[i] != part for i, part in earlier.items()):
            raise SplitError(
                f"The {counted(len(earlier), 'photo')} of the existing split keep their parts, but this seed or these "
                f"ratios would move {moved:,} of them. Leave out --seed or --ratios to add new photos to that split. "
                f"{SPLIT_ANEW}"
            )

    def _assign(self, units: Sequence[Sequence[int]], kept: Mapping[int, str]) -> dict[int, str]:
        weights = self._constraints.weights
        return assign(units, self._labels, self._keys, kept=kept, weights=weights, seed=self._seed)


def _torn_groups(groups: Mapping[str, Sequence[int]], parts: Mapping[int, str]) -> list[str]:
    return sorted(name for name, members in groups.items() if len({parts[i] for i in members if i in parts}) > 1)


def _refuse_torn_groups(path: Path, constraints: Constraints, parts: Mapping[int, str]) -> None:
    """Raises SplitError if the earlier split tears groups of the file. Part folders are allowed to."""
    torn = _torn_groups(constraints.groups, {i: part for i, part in parts.items() if i not in constraints.fixed})
    if torn:
        raise SplitError(
            f"{counted(len(torn), 'group')} of {path} would be in two parts{_example(torn)}. The photos of the "
            f"existing split keep their parts. {SPLIT_ANEW}"
        )


def _rows(
    records: Sequence[Record],
    units: Sequence[Sequence[int]],
    parts: Mapping[int, str],
    groups: Mapping[str, Sequence[int]],
) -> tuple[Row, ...]:
    """Returns the rows by path. Their group is the names of the groups in the unit, else a name for near-duplicates."""
    names: dict[int, set[str]] = defaultdict(set)
    for name, members in groups.items():
        for i in members:
            names[i].add(name)
    group_of: dict[int, str] = {}
    for unit in units:
        given = "+".join(sorted(set().union(*(names.get(i, ()) for i in unit))))
        alike = f"{ALIKE}{min(records[i].sha256 for i in unit)[:12]}" if len(unit) > 1 else ""
        group_of |= dict.fromkeys(unit, given or alike)
    return tuple(Row(r.path, r.label, parts[i], group_of[i], r.sha256) for i, r in enumerate(records))


def _missing_classes(split: Split) -> list[str]:
    missing = {part: [name for name in split.classes if not found.get(name)] for part, found in split.counts().items()}
    return [
        f"No {part} photo of {', '.join(names)}: too few photos or groups."
        for part, names in missing.items()
        if names and split.part(part)
    ]


def _names(pairs: Sequence[Pair], records: Sequence[Record]) -> list[str]:
    return [f"{records[pair.a].path} and {records[pair.b].path}" for pair in pairs]


def _example(found: Sequence[str]) -> str:
    return f": {found[0]}" if len(found) == 1 else f", such as {found[0]}"
