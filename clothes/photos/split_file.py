"""A split: every photo with its part, and split.csv, the file that keeps it."""

import hashlib
import os
from codecs import BOM_UTF8
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from clothes.errors import PhotoError, SplitError
from clothes.photos.decode import read_file
from clothes.photos.folders import OTHER, Skipped
from clothes.system.checksums import sha256
from clothes.system.csv_files import csv_text, read_table, slashed, with_mark
from clothes.system.files import write_bytes
from clothes.system.validation import stays_below

PARTS = ("train", "test", "validation")
ALIKE = "alike-"  # prefix of the names of groups of near-duplicates, which nobody named
COLUMNS = ("photo", "class", "part", "group", "sha256")


@dataclass(frozen=True, slots=True)
class Row:
    """A photo's part. `photo` is relative to the folder of photos; photos of one `group` stay in one part."""

    photo: str
    label: str
    part: str
    group: str
    sha256: str


def has_changed(root: Path, row: Row) -> bool:
    """Returns whether a photo is another one than was split: a train photo may have got a test photo's name."""
    try:
        return row.sha256 not in ("", sha256(read_file(root / row.photo)))
    except PhotoError:  # it cannot be read, which others report
        return False


@dataclass(frozen=True)
class Split:
    """Every photo's part. `notes` are remarks for people; `leaks_prevented` is the number of near-duplicate pairs that
    a plain random split with the same seed would have put into different parts."""

    root: Path
    rows: tuple[Row, ...]
    skipped: tuple[Skipped, ...] = field(default=(), compare=False)
    notes: tuple[str, ...] = field(default=(), compare=False)
    leaks_prevented: int = field(default=0, compare=False)

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(sorted({row.label for row in self.rows} - {OTHER}))

    def part(self, name: str) -> tuple[Row, ...]:
        """Returns the photos of a part, including those with the label `_other`, which is no class."""
        return tuple(row for row in self.rows if row.part == name)

    def counts(self) -> dict[str, dict[str, int]]:
        """Returns the number of photos: part -> class -> count."""
        return {part: dict(sorted(Counter(row.label for row in self.part(part)).items())) for part in PARTS}

    @property
    def fingerprint(self) -> str:
        """SHA-256 of every photo's name, class, part and content."""
        lines = sorted(f"{row.photo}|{row.label}|{row.part}|{row.sha256}" for row in self.rows)
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    def to_csv(self) -> str:
        return csv_text([COLUMNS, *((row.photo, row.label, row.part, row.group, row.sha256) for row in self.rows)])

    def write(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Writes split.csv. Raises SplitError if the file holds another split, unless `overwrite`."""
        path, text = Path(path), self.to_csv()
        try:
            if overwrite or not path.exists():
                write_bytes(path, with_mark(text))
            elif path.read_bytes().removeprefix(BOM_UTF8) != text.encode():
                raise SplitError(f"{path} holds another split. Keep it, or replace it with --overwrite.")
        except OSError as error:
            raise SplitError(f"The split cannot be written to {path}: {error.strerror}. Name a place: --out.") from None

    @classmethod
    def read(cls, path: str | os.PathLike[str], root: str | os.PathLike[str]) -> Self:
        """Returns the split in a CSV file, of the photos below `root`. Raises SplitError with the line's number."""
        try:
            (_, header), *lines = read_table(Path(path)) or [(0, [])]
        except OSError as error:
            raise SplitError(f"The split {path} cannot be read: {error.strerror}.") from None
        except ValueError as error:
            raise SplitError(f"The split {path} cannot be read: {error}.") from None
        if tuple(header) != COLUMNS:
            raise SplitError(f"The split {path} must begin with the line {','.join(COLUMNS)}.")
        rows: dict[str, Row] = {}
        for number, cells in lines:
            if len(cells) != len(COLUMNS) or cells[2] not in PARTS or not cells[0] or not cells[1]:
                expected = f"photo, class, part ({', '.join(PARTS)}), group, sha256"
                raise SplitError(f"{path}, line {number}: it must hold {expected}.")
            photo = slashed(cells[0])
            if photo in rows or not stays_below(photo):
                raise SplitError(f"{path}, line {number}: {photo} is listed twice or lies outside the photos.")
            if "/" in cells[1] or cells[1].startswith(".") or not stays_below(cells[1]):  # copies go into such folders
                raise SplitError(f"{path}, line {number}: {cells[1]} is not the name of a class folder.")
            rows[photo] = Row(photo, *cells[1:])
        return cls(Path(root), tuple(rows.values()))
