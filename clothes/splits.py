"""`split`: photos -> train, test and validation, the same for the same photos and seed, look-alikes on one side."""

import csv
import hashlib
import io
import math
import os
import shutil
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from clothes.config import SplitConfig
from clothes.errors import PhotosError, SplitError
from clothes.files import write_text
from clothes.folders import PART_FOLDERS, Skipped, list_class_folders
from clothes.lookalikes import Pair, Record, Survey, group

PARTS = ("train", "test", "validation")
COLUMNS = ("photo", "class", "part", "group", "sha256")


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
        return tuple(sorted({row.label for row in self.rows}))

    def part(self, name: str) -> tuple[Row, ...]:
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
        path = Path(path)
        if path.exists() and not overwrite and path.read_text(encoding="utf-8") != self.to_csv():
            raise SplitError(f"{path} holds another split. Keep it, or replace it with --overwrite.")
        try:
            write_text(path, self.to_csv())
        except OSError as error:
            raise SplitError(f"The split cannot be written to {path}: {error.strerror}. Name a place: --out.") from None

    @classmethod
    def read(cls, path: str | os.PathLike[str], root: str | os.PathLike[str]) -> Self:
        """The split in a CSV file, for the photos below `root`. Raises SplitError, naming the line."""
        try:
            with Path(path).open(encoding="utf-8", newline="") as file:
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
    split keep their part. Unreadable photos are listed in `skipped`. Writes nothing.
    """
    config = config or SplitConfig()
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
    kept, weights = _kept_parts(records, listing.parts, config, regroup=groups is not None, pool=pool, notes=notes)
    fixed = set(kept)  # by folders: nothing joins a part that somebody laid out by hand
    if previous is not None:
        kept |= _earlier_parts(records, previous)
    together = [[i for i in members if i not in fixed] for members in group(len(records), pairs)]
    units = _unite(usable, [*together, *([i for i in members if i not in fixed] for members in given.values())])
    units = _respect_kept(units, kept, notes)
    parts = _assign(units, records, kept, weights, config.seed)
    names = {i: name for name, members in given.items() for i in members}
    rows = tuple(
        Row(records[i].path, records[i].label, parts[i], _name_group(unit, records, names), records[i].sha256)
        for i, unit in sorted((i, unit) for unit in units for i in unit)
    )
    plain = _assign([[i] for i in usable], records, {} if previous is None else kept, weights, config.seed)
    if kept and previous is None:
        plain |= kept
    leaks = sum(plain[p.a] != plain[p.b] for p in pairs)
    left = [p for p in pairs if parts[p.a] != parts[p.b]]
    notes.append(_say_leaks(leaks - len(left), left, records))
    result = Split(listing.root, rows, tuple(skipped), (), max(0, leaks - len(left)))
    return replace(result, notes=(*notes, *_say_gaps(result)))


def copy_parts(result: Split, to: str | os.PathLike[str]) -> None:
    """Copies the photos into train/<class>/, test/<class>/ and validation/<class>/ below a folder.

    A photo that is there already with the same content is left; another of its name is never overwritten: SplitError.
    """
    for row in result.rows:
        inner = Path(*_without_part(row.photo).parts[1:])
        target = Path(to) / row.part / row.label / inner
        source = result.root / row.photo
        try:
            if target.exists():
                if hashlib.sha256(target.read_bytes()).hexdigest() != row.sha256:
                    raise SplitError(f"{target} is another photo than {source}. Choose an empty folder for --copy-to.")
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            making = target.with_name(f".making-{target.name}")
            shutil.copyfile(source, making)
            making.replace(target)
        except OSError as error:
            raise SplitError(f"{source} cannot be copied to {target}: {error.strerror}.") from None


def _without_part(photo: str) -> Path:
    """A photo's path from its class folder on: train/shirt/1.jpg -> shirt/1.jpg."""
    path = Path(photo)
    return Path(*path.parts[1:]) if len(path.parts) > 2 and path.parts[0].lower() in PART_FOLDERS else path


def _label_conflicts(records: Sequence[Record], pairs: Sequence[Pair]) -> list[str]:
    odd = [pair for pair in pairs if records[pair.a].label != records[pair.b].label]
    if not odd:
        return []
    first = odd[0]
    return [
        f"{len(odd)} look-alike pairs stand in two classes, such as {records[first.a].path} and "
        f"{records[first.b].path}: one label of each is probably wrong."
    ]


def _read_groups(path: Path, records: Sequence[Record], notes: list[str]) -> dict[str, list[int]]:
    """The groups of a CSV file: name -> positions of its photos."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = list(csv.reader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SplitError(f"The groups in {path} cannot be read: {error}.") from None
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
            positions.setdefault(_without_part(record.path).as_posix(), i)
    groups: dict[str, list[int]] = defaultdict(list)
    grouped: set[int] = set()
    unknown = 0
    for cells in lines[1:]:
        if not cells:
            continue
        if len(cells) <= max(photo, column):
            raise SplitError(f"{path}: the line {','.join(cells)!r} has too few columns.")
        name = cells[photo].strip().replace("\\", "/")
        position = positions.get(name, positions.get(_without_part(name).as_posix()))
        if position is None:
            unknown += 1
        elif cells[column].strip() and position not in grouped:
            groups[cells[column].strip()].append(position)
            grouped.add(position)
    if not groups:
        raise SplitError(f"{path} names none of the photos. Its first column is a path such as {records[0].path}.")
    if unknown:
        notes.append(f"{unknown} photos named in {path.name} are not there (or cannot be read).")
    alone = len(set(positions.values()) - grouped)
    if alone:
        notes.append(f"{alone} photos are in no group of {path.name}; each counts as a group of its own.")
    return dict(groups)


def _kept_parts(
    records: Sequence[Record],
    parts: tuple[str, ...],
    config: SplitConfig,
    *,
    regroup: bool,
    pool: bool,
    notes: list[str],
) -> tuple[dict[int, str], dict[str, float]]:
    """The parts that folders decide (position -> part), and how the other photos are shared out (part -> weight)."""
    weights = {"train": config.train, "test": config.test, "validation": config.validation}
    if not parts or pool:
        return {}, weights
    inner = {"train": config.train, "validation": config.validation}
    stay = {"test"} if regroup or "validation" not in parts else set(PARTS)
    if stay == {"test"}:
        what = (
            "Train and validation are split anew" if "validation" in parts else "The validation part is cut from train"
        )
        notes.append(f"{what}; the test folder is kept as it is.")
    else:
        notes.append("The folders train, validation and test are kept as they are (--pool splits anew).")
    if "test" not in parts:
        notes.append("There is no test folder: `clothes evaluate` will need --photos.")
    return {i: r.part for i, r in enumerate(records) if r.part in stay and r.error is None and r.part}, inner


def _earlier_parts(records: Sequence[Record], previous: Split) -> dict[int, str]:
    """The parts of photos that were split before, found by content and class: a renamed photo keeps its part too."""
    by_content = {(row.sha256, row.label): row.part for row in previous.rows}
    found = ((i, by_content.get((record.sha256, record.label))) for i, record in enumerate(records))
    return {i: part for i, part in found if part is not None}


def _unite(photos: Iterable[int], groups: Iterable[Sequence[int]]) -> list[list[int]]:
    """Photos in units that share no group: union-find."""
    parent = {i: i for i in photos}

    def find(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for members in groups:
        for other in members[1:]:
            parent[find(other)] = find(members[0])
    units: dict[int, list[int]] = defaultdict(list)
    for i in sorted(parent):
        units[find(i)].append(i)
    return list(units.values())


def _respect_kept(units: list[list[int]], kept: Mapping[int, str], notes: list[str]) -> list[list[int]]:
    """Units in which the kept photos agree; where they do not, the unit is taken apart, and that is noted."""
    result, torn = [], 0
    for unit in units:
        sides = {kept[i] for i in unit if i in kept}
        if len(sides) <= 1:
            result.append(unit)
            continue
        torn += 1
        result += [[i] for i in unit if i in kept]
        free = [i for i in unit if i not in kept]
        result += [free] if free else []
    if torn:
        notes.append(f"{torn} groups were on two sides already and stay so.")
    return result


def _assign(
    units: Sequence[Sequence[int]],
    records: Sequence[Record],
    kept: Mapping[int, str],
    weights: Mapping[str, float],
    seed: int,
) -> dict[int, str]:
    """The part of each photo: position -> part.

    Large units first, each to the part that it brings nearest to its share of every class; then single photos, class
    by class, to exactly the shares that are left. The order among equals is drawn from the seed and the photos'
    content, so it depends neither on the machine nor on the order of files.
    """

    def draw(unit: Sequence[int]) -> str:
        content = min(records[i].sha256 + records[i].path for i in unit)
        return hashlib.sha256(f"{seed} {content}".encode()).hexdigest()

    parts: dict[int, str] = {}
    count: dict[str, Counter[str]] = {part: Counter() for part in PARTS}
    free: list[Sequence[int]] = []
    for unit in units:
        side = next((kept[i] for i in unit if i in kept), None)
        if side is None:
            free.append(unit)
        for i in unit if side else ():
            parts[i] = side or ""
            count[side or ""][records[i].label] += 1
    # Photos whose part is fixed outside the weights (a kept test folder) take no share of the others.
    totals = Counter(records[i].label for unit in units for i in unit if parts.get(i, "train") in weights)
    share = sum(weights.values())
    target = {part: {name: n * weights[part] / share for name, n in totals.items()} for part in weights}

    for unit in sorted((u for u in free if len(u) > 1), key=lambda u: (-len(u), draw(u))):
        labels = Counter(records[i].label for i in unit)
        part = min(weights, key=lambda p: (_strain(labels, count[p], target[p], totals), list(weights).index(p)))
        for i in unit:
            parts[i] = part
        count[part].update(labels)

    singles: dict[str, list[int]] = defaultdict(list)
    for unit in sorted((u for u in free if len(u) == 1), key=draw):
        singles[records[unit[0]].label].append(unit[0])
    for name, photos in singles.items():
        quota = _quotas(len(photos), {part: target[part][name] - count[part][name] for part in weights})
        order = iter(photos)
        for part in weights:
            for _ in range(quota[part]):
                parts[next(order)] = part
    return parts


def _strain(labels: Counter[str], have: Counter[str], want: Mapping[str, float], totals: Counter[str]) -> float:
    """How much further from its shares a part gets by taking a unit: negative where it gets nearer.

    The squared misses are measured in shares of the target, so that a small part fills up as readily as a large one.
    """
    return sum(
        ((have[name] + n - want[name]) ** 2 - (have[name] - want[name]) ** 2) / max(want[name], 1e-9) / totals[name]
        for name, n in labels.items()
    )


def _quotas(photos: int, wanted: Mapping[str, float]) -> dict[str, int]:
    """Whole numbers that add up to `photos`, nearest to what is wanted, and one for each part if there are enough."""
    wanted = {part: max(0.0, value) for part, value in wanted.items()}
    total = sum(wanted.values())
    exact = {part: value * photos / total if total else photos / len(wanted) for part, value in wanted.items()}
    quota = {part: math.floor(value + 1e-9) for part, value in exact.items()}
    by_rest = sorted(wanted, key=lambda part: quota[part] - exact[part])
    for part in (by_rest * 2)[: photos - sum(quota.values())]:
        quota[part] += 1
    for part in wanted:  # nobody goes empty that could have one, train before all
        richest = max(quota, key=lambda p: quota[p])
        if quota[part] == 0 and wanted[part] > 0 and quota[richest] > 1:
            quota[part] += 1
            quota[richest] -= 1
    if quota.get("train") == 0 and wanted.get("train", 0) > 0 and photos:
        richest = max(quota, key=lambda p: quota[p])
        quota[richest] -= 1
        quota["train"] += 1
    return quota


def _name_group(unit: Sequence[int], records: Sequence[Record], names: Mapping[int, str]) -> str:
    """The group's own name, else the look-alikes' common one, else nothing."""
    given = sorted({names[i] for i in unit if i in names})
    if given:
        return "+".join(given)
    return f"alike-{min(records[i].sha256 for i in unit)[:12]}" if len(unit) > 1 else ""


def _say_leaks(prevented: int, left: Sequence[Pair], records: Sequence[Record]) -> str:
    text = f"{max(0, prevented)} look-alike pairs would have leaked between parts in a plain random split."
    if left:
        first = left[0]
        text += (
            f" {len(left)} pairs still stand on two sides, such as {records[first.a].path} and {records[first.b].path}."
        )
    return text


def _say_gaps(result: Split) -> list[str]:
    counts = result.counts()
    return [
        f"No {part} photo of {', '.join(missing)}: too few photos or groups of it."
        for part in PARTS
        if any(counts[part].values()) and (missing := [name for name in result.classes if not counts[part].get(name)])
    ]
