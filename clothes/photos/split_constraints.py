"""What is decided before chance: groups of people, part folders, an earlier split, corrections.

Photos go by their positions in the survey.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from clothes.config import SplitConfig
from clothes.errors import SplitError
from clothes.photos.class_names import PART_FOLDERS
from clothes.photos.duplicates import Record
from clothes.photos.folders import PhotoFile, from_class, without_part
from clothes.photos.split_file import ALIKE, PARTS, Split
from clothes.system.csv_files import read_csv, read_table, read_table_bytes, slashed
from clothes.system.plurals import counted

CORRECTION = "correction"  # the origin, in sources.csv, of photos that are trained on only
SPLIT_ANEW = "Split anew with --overwrite, or write another split with --out."


@dataclass
class Constraints:
    """`groups` (name -> photos), the parts that are decided already (photo -> part), and the shares of the others.

    `fixed` parts are those of part folders, `earlier` those of an earlier split, `pinned` those of corrections.
    """

    groups: Mapping[str, Sequence[int]] = field(default_factory=dict)
    fixed: dict[int, str] = field(default_factory=dict)
    earlier: dict[int, str] = field(default_factory=dict)
    pinned: dict[int, str] = field(default_factory=dict)
    weights: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def kept(self) -> dict[int, str]:
        return self.fixed | self.earlier | self.pinned


def find_constraints(
    records: Sequence[Record],
    root: Path,
    config: SplitConfig,
    *,
    groups: Path | None,
    pool: bool,
    previous: Split | None,
) -> Constraints:
    """Returns what is decided already. Raises SplitError for a group file, `pool` or sources.csv that does not fit."""
    found = Constraints()
    there = {record.part for record in records}
    parts = tuple(part for part in ("train", "validation", "test") if part in there)
    if groups is not None:
        found.groups = read_groups(groups, records, found.notes)
    if previous is not None:
        is_pooled = _is_pooled(previous)
        if pool and parts and not is_pooled:
            raise SplitError(f"The existing split keeps the test folder as it is (--pool does not). {SPLIT_ANEW}")
        pool = is_pooled
        found.earlier = _earlier_parts(records, previous, found.notes)
        found.groups = _with_earlier_groups(found.groups, records, previous)
        if groups is None and found.groups and len(found.earlier) < len(records):
            found.notes.append(
                "The earlier split has groups, and the new photos are in none. Name theirs with --groups."
            )
    _add_folder_parts(found, records, parts, config, pool=pool)
    corrections = _read_corrections(root)
    found.pinned = {i: "train" for i, r in enumerate(records) if r.sha256 in corrections and i not in found.fixed}
    if found.pinned:
        found.notes.append(f"{counted(len(found.pinned), 'correction')} in train: never tested on.")
    kept = found.kept
    if moved := sum(kept[i] != part for i, part in found.fixed.items()):
        found.notes.append(
            f"{counted(moved, 'photo')} in another folder than the part of the earlier split, which is kept."
        )
    return found


def read_groups(path: Path, records: Sequence[Record | PhotoFile], notes: list[str]) -> dict[str, list[int]]:
    """Returns the groups of a CSV file: name -> photos. Raises SplitError for another table."""
    lines, photo, column = _read_group_file(path)
    positions = {record.path: i for i, record in enumerate(records)}
    for i, record in enumerate(records):  # also without the folders above the class folder
        names = record.path.split("/")
        for start in range(1, len(names) - len(from_class(record.path, record.label).parts) + 1):
            positions.setdefault("/".join(names[start:]), i)
    groups: dict[str, list[int]] = defaultdict(list)
    unknown = 0
    for number, cells in lines:
        if len(cells) <= max(photo, column):
            raise SplitError(f"{path}, line {number}: {','.join(cells)!r} has too few columns. Add the group.")
        name = slashed(cells[photo].strip()).removeprefix("./")
        position = positions.get(name, positions.get(without_part(name).as_posix()))
        if position is None:
            unknown += 1
        elif group := cells[column].strip():
            groups[group].append(position)
    if not groups:
        raise SplitError(f"{path} names none of the photos. Its column 'photo' needs paths such as {records[0].path}.")
    if unknown:
        notes.append(f"{counted(unknown, 'photo')} named in {path.name} not found (or not readable).")
    if alone := len(records) - len({i for members in groups.values() for i in members}):
        notes.append(f"{counted(alone, 'photo')} in no group of {path.name}: each counts as a group of its own.")
    return dict(groups)


def _read_group_file(path: Path) -> tuple[list[tuple[int, list[str]]], int, int]:
    """Returns the numbered lines below the header, and the numbers of the columns with the photo and the group."""
    try:
        (_, header), *lines = read_table(path) or [(0, [])]
    except OSError as error:
        raise SplitError(f"The groups in {path} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise SplitError(f"The groups in {path} cannot be read: {error}.") from None
    names = [name.strip().lower() for name in header]
    if len(names) < 2 or "photo" not in names:
        found = ",".join(header) or "nothing"
        raise SplitError(f"{path} must begin with a line such as photo,group; it begins with {found}.")
    photo = names.index("photo")
    column = next((names.index(name) for name in ("group", "person") if name in names), 1 if photo == 0 else 0)
    return lines, photo, column


def _is_pooled(previous: Split) -> bool:
    """Returns whether an earlier split moved photos out of a test folder, or into test from another part's folder."""
    for row in previous.rows:
        above = row.photo.split("/")[: -len(from_class(row.photo, row.label).parts)]
        folder = PART_FOLDERS.get(above[-1].lower()) if above else None
        if folder is not None and (folder == "test") != (row.part == "test"):
            return True
    return False


def _earlier_parts(records: Sequence[Record], previous: Split, notes: list[str]) -> dict[int, str]:
    """Returns the parts of photos that were split before, also if a photo was renamed or put into another class."""
    by_name = {(row.photo, row.sha256): row.part for row in previous.rows}
    by_content = {row.sha256: row.part for row in previous.rows}
    found = {i: by_name.get((r.path, r.sha256), by_content.get(r.sha256)) for i, r in enumerate(records)}
    kept = {i: part for i, part in found.items() if part is not None}
    gone = len(by_content.keys() - {record.sha256 for record in records})
    notes.append(
        f"{counted(len(kept), 'photo')} with the part of the earlier split (--overwrite splits anew), "
        f"{len(records) - len(kept):,} new" + f", {gone:,} gone" * bool(gone) + "."
    )
    return kept


def _with_earlier_groups(
    groups: Mapping[str, Sequence[int]], records: Sequence[Record], previous: Split
) -> dict[str, Sequence[int]]:
    """Returns the groups, and those of an earlier split for photos that are in none now."""
    names = {row.sha256: row.group for row in previous.rows if row.group and not row.group.startswith(ALIKE)}
    earlier: dict[str, list[int]] = defaultdict(list)
    for i, record in enumerate(records):
        if record.sha256 in names:
            earlier[names[record.sha256]].append(i)
    grouped = {i for members in groups.values() for i in members}
    rest = {
        name: [*groups.get(name, []), *(i for i in members if i not in grouped)]
        for name, members in earlier.items()
        # Otherwise near-duplicates joined two groups, or the file names the photos anew.
        if name in groups or grouped.isdisjoint(members)
    }
    return {**groups, **rest}


def _add_folder_parts(
    found: Constraints, records: Sequence[Record], parts: tuple[str, ...], config: SplitConfig, *, pool: bool
) -> None:
    """Sets the parts that folders decide, and the shares of the others."""
    if not parts or pool:
        found.weights = {"train": config.train, "test": config.test, "validation": config.validation}
        return
    found.weights = {"train": config.train, "validation": config.validation}
    stay = {"test"} if found.groups or "validation" not in parts else set(PARTS)
    if len(stay) == len(PARTS):
        found.notes.append(f"The folders {', '.join(parts)} are kept as they are (--pool splits anew).")
    elif "validation" in parts:
        found.notes.append("Train and validation are split anew" + ", test is kept as it is." * ("test" in parts))
    else:
        share = 100 * config.validation / (config.train + config.validation)
        found.notes.append(f"The validation part is cut from train ({share:.3g} % of it), test is kept as it is.")
    if "test" not in parts:
        found.notes.append("There is no test folder. `clothes evaluate` will need --photos.")
    found.fixed = {i: r.part for i, r in enumerate(records) if r.part in stay and r.part}


def _read_corrections(root: Path) -> set[str]:
    """Returns the SHA-256 of each photo that came as a correction, by sources.csv."""
    path = root / "sources.csv"
    try:
        data = read_table_bytes(path)
        if b"sha256" not in data.replace(b"\0", b""):  # another table of that name
            return set()
        (_, header), *lines = read_csv(data) or [(0, [])]
    except FileNotFoundError:
        return set()
    except (OSError, ValueError) as error:
        raise SplitError(f"{path}, which lists the photos that are trained on only, cannot be read: {error}.") from None
    rows = (dict(zip(header, cells, strict=False)) for _, cells in lines)
    return {row.get("sha256", "") for row in rows if row.get("origin") == CORRECTION}
