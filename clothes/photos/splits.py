"""`split`: photos -> train, test and validation, the same for the same photos and seed, look-alikes on one side."""

import csv
import hashlib
import io
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from clothes.config import SplitConfig
from clothes.errors import PhotosError, SplitError
from clothes.photos.duplicates import Pair, Record, Survey, group
from clothes.photos.folders import OTHER, PART_FOLDERS, Skipped, list_class_folders, without_part
from clothes.photos.stratify import assign, unite
from clothes.system.files import write_bytes

PARTS = ("train", "test", "validation")
CORRECTION = "correction"  # the origin, in sources.csv, of photos that are trained on alone
ALIKE = "alike-"  # begins the names of groups that were found, not given
COLUMNS = ("photo", "class", "part", "group", "sha256")
_ANEW = "Split anew with --overwrite, or write another split with --out."


@dataclass(frozen=True)
class Row:
    """A photo's place: `photo` is relative to the folder of photos, `group` names those that must stay together."""

    photo: str
    label: str
    part: str
    group: str
    sha256: str


@dataclass(frozen=True)
class Split:
    """Every photo's part. What was noticed on the way stands in `notes`; `leaks_prevented` counts look-alike pairs that
    a plain random split with the same seed would have put on different sides."""

    root: Path
    rows: tuple[Row, ...]
    skipped: tuple[Skipped, ...] = field(default=(), compare=False)
    notes: tuple[str, ...] = field(default=(), compare=False)
    leaks_prevented: int = field(default=0, compare=False)

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(sorted({row.label for row in self.rows} - {OTHER}))

    def part(self, name: str) -> tuple[Row, ...]:
        """The photos of a part, those that show none of the classes (with the label `_other`) among them."""
        return tuple(row for row in self.rows if row.part == name)

    def counts(self) -> dict[str, dict[str, int]]:
        """How many photos: part -> class -> count."""
        return {part: dict(sorted(Counter(row.label for row in self.part(part)).items())) for part in PARTS}

    @property
    def fingerprint(self) -> str:
        """SHA-256 over every photo's name, class, part and content."""
        lines = sorted(f"{row.photo}|{row.label}|{row.part}|{row.sha256}" for row in self.rows)
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    def to_csv(self) -> str:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows((row.photo, row.label, row.part, row.group, row.sha256) for row in self.rows)
        return text.getvalue()

    def write(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Writes split.csv. Raises SplitError when a different one is there, unless `overwrite`."""
        path, data = Path(path), self.to_csv().encode()
        try:
            if path.exists() and not overwrite:
                if path.read_bytes() != data:
                    raise SplitError(f"{path} holds another split. Keep it, or replace it with --overwrite.")
                return
            write_bytes(path, data)
        except OSError as error:
            raise SplitError(f"The split cannot be written to {path}: {error.strerror}. Name a place: --out.") from None

    @classmethod
    def read(cls, path: str | os.PathLike[str], root: str | os.PathLike[str]) -> Self:
        """The split in a CSV file, for the photos below `root`. Raises SplitError, naming the line."""
        try:
            with Path(path).open(encoding="utf-8-sig", newline="") as file:
                lines = list(csv.reader(file))
        except OSError as error:
            raise SplitError(f"The split {path} cannot be read: {error.strerror}.") from None
        except (UnicodeDecodeError, csv.Error) as error:
            raise SplitError(f"The split {path} is not a CSV file: {error}.") from None
        if not lines or tuple(lines[0]) != COLUMNS:
            raise SplitError(f"The split {path} must begin with the line {','.join(COLUMNS)}.")
        rows: dict[str, Row] = {}
        for number, cells in enumerate(lines[1:], 2):
            if len(cells) != len(COLUMNS) or cells[2] not in PARTS or not cells[0] or not cells[1]:
                raise SplitError(
                    f"{path}, line {number}: not a photo, class, part ({', '.join(PARTS)}), group, sha256."
                )
            if cells[0] in rows or Path(cells[0]).is_absolute() or ".." in Path(cells[0]).parts:
                raise SplitError(f"{path}, line {number}: {cells[0]} stands there twice or lies outside the photos.")
            rows[cells[0]] = Row(*cells)
        return cls(Path(root), tuple(rows.values()))


def split(
    photos: str | os.PathLike[str],
    *,
    config: SplitConfig | None = None,
    groups: str | os.PathLike[str] | None = None,
    pool: bool = False,
    previous: Split | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Split:
    """Split photos into train, test and validation, keeping class proportions and look-alikes together.

    `groups` is a CSV file with a column `photo` and a column `group` (or `person`): photos of one group stay on one
    side. Folders train/, test/ (and validation/) are kept as they are, a missing validation part is cut from train;
    with `groups`, train and validation are split anew and test is kept; `pool` splits all anew. Photos of a `previous`
    split keep their part. Photos that came as corrections (`clothes corrections`) are in train. Unreadable photos are
    listed in `skipped`. Writes nothing.

    Raises SplitError when a `config`, `groups` or `pool` asks for other parts than those of the `previous` split.
    """
    wanted, config = config, config or SplitConfig()
    listing = list_class_folders(photos)
    with Survey(listing, progress=progress) as survey:
        records, pairs = survey.records, survey.pairs()
    usable = [i for i, record in enumerate(records) if record.error is None]
    if not usable:
        raise PhotosError(
            f"No readable photo in {listing.root} ({len(records)} files, {len(records)} refused). "
            f"`clothes check {listing.root}` lists the reasons."
        )
    skipped = [*listing.skipped, *(Skipped(r.path, r.error.reason) for r in records if r.error is not None)]
    notes = _label_conflicts(records, pairs)
    given = _read_groups(Path(groups), records, notes) if groups is not None else {}
    earlier: dict[int, str] = {}
    if previous is not None:
        pooled = _is_pooled(previous)
        if pool and listing.parts and not pooled:
            raise SplitError(f"The split that is there keeps the test folder as it is, which --pool does not. {_ANEW}")
        pool = pooled
        earlier = _earlier_parts(records, previous, notes)
        given = _with_earlier_groups(given, records, previous)
        if groups is None and given and len(earlier) < len(usable):
            notes.append("The earlier split has groups, and the new photos are in none: name theirs with --groups.")
    fixed, weights = _fixed_parts(records, listing.parts, config, regroup=bool(given), pool=pool, notes=notes)
    corrected = _corrected(listing.root)
    pinned = {i: "train" for i in usable if records[i].sha256 in corrected and i not in fixed}
    if pinned:
        notes.append(f"{_count(len(pinned), 'correction')} in train: never tested on.")
    kept = fixed | earlier | pinned
    if odd := sum(kept[i] != part for i, part in fixed.items()):
        notes.append(f"{_count(odd, 'photo')} in another folder than the part of the earlier split, which is kept.")
    together = [[i for i in members if records[i].error is None] for members in group(len(records), pairs)]
    labels = [record.label for record in records]
    keys = [record.sha256 + record.path for record in records]

    def place(photos: Collection[int], kept: Mapping[int, str]) -> tuple[list[list[int]], dict[int, str]]:
        held = [[i for i in members if i in photos] for members in (*together, *given.values())]
        units = _detach(unite(photos, held), kept, fixed)
        return units, assign(units, labels, keys, kept=kept, weights=weights, seed=config.seed)

    if wanted is not None and earlier:
        anew = place(earlier, {i: part for i, part in (fixed | pinned).items() if i in earlier})[1]
        if moved := sum(anew[i] != part for i, part in earlier.items()):
            raise SplitError(
                f"The {_count(len(earlier), 'photo')} of the split that is there keep their parts, but this --seed or "
                f"--ratios would move {moved:,} of them. Leave it out to add new photos to that split. {_ANEW}"
            )
    units, parts = place(set(usable), kept)
    plain = assign([[i] for i in usable], labels, keys, kept=kept, weights=weights, seed=config.seed)
    torn = sorted(name for name, members in given.items() if len({parts[i] for i in members if i not in fixed}) > 1)
    if torn and groups is not None:
        raise SplitError(
            f"{_count(len(torn), 'group')} of {groups} would stand on two sides{_example(torn)}. The photos of the "
            f"split that is there keep their parts. {_ANEW}"
        )
    left = [pair for pair in pairs if parts[pair.a] != parts[pair.b]]
    prevented = max(0, sum(plain[pair.a] != plain[pair.b] for pair in pairs) - len(left))
    names: dict[int, list[str]] = defaultdict(list)
    for name, members in given.items():
        for i in members:
            names[i].append(name)
    rows = tuple(
        Row(records[i].path, records[i].label, parts[i], _name_group(unit, records, names), records[i].sha256)
        for i, unit in sorted((i, unit) for unit in units for i in unit)
    )
    if len(kept) < len(usable):
        notes.append(f"{_count(prevented, 'look-alike pair')} would have leaked between parts in a plain random split.")
    notes += _say_leaks(left, records, {name: {parts[i] for i in members} for name, members in given.items()})
    result = Split(listing.root, rows, tuple(skipped), (), prevented)
    return replace(result, notes=(*notes, *_say_gaps(result)))


def _corrected(root: Path) -> set[str]:
    """The SHA-256 of each photo that came as a correction, by sources.csv."""
    try:
        with (root / "sources.csv").open(encoding="utf-8-sig", errors="replace", newline="") as file:
            return {row.get("sha256", "") for row in csv.DictReader(file) if row.get("origin") == CORRECTION}
    except FileNotFoundError:
        return set()
    except (OSError, csv.Error) as error:
        raise SplitError(
            f"{root / 'sources.csv'}, which says what is trained on alone, cannot be read: {error}."
        ) from None


def _label_conflicts(records: Sequence[Record], pairs: Sequence[Pair]) -> list[str]:
    odd = [_both(pair, records) for pair in pairs if records[pair.a].label != records[pair.b].label]
    if not odd:
        return []
    count = _count(len(odd), "look-alike pair")
    return [f"{count} in two classes{_example(odd)}. One of the labels is probably wrong."]


def _read_groups(path: Path, records: Sequence[Record], notes: list[str]) -> dict[str, list[int]]:
    """The groups of a CSV file: name -> positions of its photos."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = list(csv.reader(file))
    except OSError as error:
        raise SplitError(f"The groups in {path} cannot be read: {error.strerror}.") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise SplitError(f"{path} is not a CSV file in UTF-8: {error}.") from None
    head = [name.strip().lower() for name in lines[0]] if lines else []
    if len(head) < 2 or "photo" not in head:
        raise SplitError(
            f"{path} must begin with a line such as photo,group; it begins with {','.join(head) or 'nothing'}."
        )
    photo = head.index("photo")
    column = next((head.index(name) for name in ("group", "person") if name in head), 1 if photo == 0 else 0)
    positions: dict[str, int] = {}
    for i, record in enumerate(records):
        if record.error is None:
            positions[record.path] = i
            positions.setdefault(without_part(record.path).as_posix(), i)
    groups: dict[str, list[int]] = defaultdict(list)
    unknown = 0
    for number, cells in enumerate(lines[1:], 2):
        if not any(cells):
            continue
        if len(cells) <= max(photo, column):
            raise SplitError(
                f"{path}, line {number}: {','.join(cells)!r} has too few columns; each line needs a group."
            )
        name = cells[photo].strip().replace("\\", "/").removeprefix("./")
        position = positions.get(name, positions.get(without_part(name).as_posix()))
        if position is None:
            unknown += 1
        elif cells[column].strip():
            groups[cells[column].strip()].append(position)
    if not groups:
        raise SplitError(f"{path} names none of the photos. Its column 'photo' needs paths such as {records[0].path}.")
    if unknown:
        notes.append(f"{_count(unknown, 'photo')} named in {path.name} not found (or not readable).")
    alone = len(set(positions.values()) - {i for members in groups.values() for i in members})
    if alone:
        notes.append(f"{_count(alone, 'photo')} in no group of {path.name}: each counts as a group of its own.")
    return dict(groups)


def _fixed_parts(
    records: Sequence[Record],
    parts: tuple[str, ...],
    config: SplitConfig,
    *,
    regroup: bool,
    pool: bool,
    notes: list[str],
) -> tuple[dict[int, str], dict[str, float]]:
    """The parts that folders decide (position -> part), and how the other photos are shared out (part -> weight)."""
    if not parts or pool:
        return {}, {"train": config.train, "test": config.test, "validation": config.validation}
    weights = {"train": config.train, "validation": config.validation}
    stay = {"test"} if regroup or "validation" not in parts else set(PARTS)
    if len(stay) == len(PARTS):
        notes.append(f"The folders {', '.join(parts)} are kept as they are (--pool splits anew).")
    elif "validation" in parts:
        notes.append("Train and validation are split anew" + ", test is kept as it is." * ("test" in parts))
    else:
        share = 100 * config.validation / (config.train + config.validation)
        notes.append(f"The validation part is cut from train ({share:.3g} % of it), test is kept as it is.")
    if "test" not in parts:
        notes.append("There is no test folder: `clothes evaluate` will need --photos.")
    return {i: r.part for i, r in enumerate(records) if r.part in stay and r.error is None and r.part}, weights


def _is_pooled(previous: Split) -> bool:
    """Whether an earlier split took photos out of a test folder, or into test from another part's."""
    folders = [(PART_FOLDERS.get(row.photo.partition("/")[0].lower()), row.part) for row in previous.rows]
    return any(folder is not None and (folder == "test") != (part == "test") for folder, part in folders)


def _earlier_parts(records: Sequence[Record], previous: Split, notes: list[str]) -> dict[int, str]:
    """The parts of photos that were split before. A photo renamed or put into another class keeps its part too."""
    by_name = {(row.photo, row.sha256): row.part for row in previous.rows}
    by_content = {row.sha256: row.part for row in previous.rows}
    good = [(i, record) for i, record in enumerate(records) if record.error is None]
    found = {i: by_name.get((r.path, r.sha256), by_content.get(r.sha256)) for i, r in good}
    kept = {i: part for i, part in found.items() if part is not None}
    gone = len(by_content.keys() - {record.sha256 for _, record in good})
    notes.append(
        f"{_count(len(kept), 'photo')} with the part of the earlier split (--overwrite splits anew), "
        f"{len(good) - len(kept):,} new" + f", {gone:,} gone" * bool(gone) + "."
    )
    return kept


def _with_earlier_groups(
    given: Mapping[str, list[int]], records: Sequence[Record], previous: Split
) -> dict[str, list[int]]:
    """The groups given now, and those that an earlier split was told of photos that are in none now."""
    names = {row.sha256: row.group for row in previous.rows if row.group and not row.group.startswith(ALIKE)}
    earlier: dict[str, list[int]] = defaultdict(list)
    for i, record in enumerate(records):
        if record.error is None and record.sha256 in names:
            earlier[names[record.sha256]].append(i)
    grouped = {i for members in given.values() for i in members}
    rest = {
        name: given.get(name, []) + [i for i in members if i not in grouped]
        for name, members in earlier.items()
        if name in given or grouped.isdisjoint(members)  # else look-alikes joined two, or the file names them anew
    }
    return {**given, **rest}


def _detach(units: list[list[int]], kept: Mapping[int, str], fixed: Collection[int]) -> list[list[int]]:
    """Units whose decided photos agree; where they do not, or a fixed folder would grow, the unit is taken apart.

    A kept test folder stays what it was published as: a look-alike in train does not move there, it is reported.
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


def _name_group(unit: Sequence[int], records: Sequence[Record], names: Mapping[int, Sequence[str]]) -> str:
    """The group's own name, else the look-alikes' common one, else nothing."""
    given = sorted({name for i in unit for name in names.get(i, ())})
    if given:
        return "+".join(given)
    return f"{ALIKE}{min(records[i].sha256 for i in unit)[:12]}" if len(unit) > 1 else ""


def _say_leaks(left: Sequence[Pair], records: Sequence[Record], sides: Mapping[str, Collection[str]]) -> list[str]:
    """What still stands on two sides: look-alikes, and groups (their name -> their parts)."""
    torn = sorted(name for name, parts in sides.items() if len(parts) > 1)
    return [
        f"{_count(len(found), what)} still {'stands' if len(found) == 1 else 'stand'} on two sides{_example(found)}."
        for found, what in (([_both(pair, records) for pair in left], "look-alike pair"), (torn, "group"))
        if found
    ]


def _say_gaps(result: Split) -> list[str]:
    counts = result.counts()
    return [
        f"No {part} photo of {', '.join(missing)}: too few photos or groups."
        for part in PARTS
        if any(counts[part].values()) and (missing := [name for name in result.classes if not counts[part].get(name)])
    ]


def _both(pair: Pair, records: Sequence[Record]) -> str:
    return f"{records[pair.a].path} and {records[pair.b].path}"


def _example(found: Sequence[str]) -> str:
    return f": {found[0]}" if len(found) == 1 else f", such as {found[0]}"


def _count(n: int, what: str) -> str:
    return f"{n:,} {what}" + ("" if n == 1 else "s")
