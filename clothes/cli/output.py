"""Prints for people and programs: results on stdout, notes on stderr."""

import json
import shlex
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clothes.system.text import columns, padded, plain

if TYPE_CHECKING:
    from clothes.photos.folders import Skipped

_SKIPPED_SHOWN = 5


def note(text: str) -> None:
    """Prints to stderr, without control characters."""
    print(*map(plain, text.split("\n")), sep="\n", file=sys.stderr, flush=True)


def note_skipped(skipped: "Iterable[Skipped]", *, where: str = "clothes check PHOTOS --json") -> None:
    """Prints the first skipped files with their reasons; `where` names the command or file with the full list."""
    listed = list(skipped)
    for item in listed[:_SKIPPED_SHOWN]:
        note(f"Skipped {item.path}: {item.reason}")
    if (more := len(listed) - _SKIPPED_SHOWN) > 0:
        note(f"... and {more:,} more skipped, listed by: {where}")


def print_json(value: Any) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=False))


def print_address(url: str) -> None:
    print(f"The page is open at {url}  (Ctrl-C closes it)", flush=True)


def print_files(files: dict[str, Path]) -> None:
    width = max(map(len, files))
    for name, path in files.items():
        print(f"{name:{width}}  {path}")


def print_table(head: list[str], rows: list[list[Any]]) -> None:
    """Prints a table: the first column is aligned to the left, the others to the right."""
    cells = [head, *([str(cell) for cell in row] for row in rows)]
    widths = [max(columns(row[i]) for row in cells) for i in range(len(head))]
    for first, *others in cells:
        print("  ".join([padded(first, widths[0]), *map(str.rjust, others, widths[1:])]))


def quote(path: Path) -> str:
    """The path as a shell needs it."""
    return shlex.quote(str(path))


def duration(seconds: float) -> str:
    """A duration for people: "40 seconds", "17 minutes", "2.5 hours"."""
    if seconds < 90:
        return f"{max(1, round(seconds))} seconds"
    return f"{round(seconds / 60)} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"
