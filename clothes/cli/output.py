"""Prints for people and programs: results on stdout, notes on stderr.

Only this file prints, so that no name of a file or class can control the terminal.
"""

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clothes.system.terminal_text import columns, padded, plain, plain_json

if TYPE_CHECKING:
    from rich.console import Console

    from clothes.inference.run import Run
    from clothes.photos.folders import Skipped

_LISTED = 5


def show(*lines: object) -> None:
    """Prints each value as one line to stdout."""
    for line in lines:
        print(plain(str(line)))


def note(*lines: str) -> None:
    """Prints each text as one line to stderr."""
    for line in lines:
        print(plain(line), file=sys.stderr, flush=True)


def note_above(console: "Console", *lines: str) -> None:
    """Notes each text as one line above the progress bars of a console."""
    for line in lines:
        console.print(plain(line), markup=False, emoji=False, soft_wrap=True)


def note_first(lines: Sequence[str], more: str) -> None:
    """Notes the first lines. `more` says what the others are and which command or file lists them."""
    note(*lines[:_LISTED])
    if len(lines) > _LISTED:
        note(f"... and {len(lines) - _LISTED:,} more {more}")


def note_skipped(skipped: "Iterable[Skipped]", *, where: str = "clothes check PHOTOS --json") -> None:
    """Notes the first skipped files with their reasons; `where` names the command or file with the full list."""
    note_first([f"Skipped {item.path}: {item.reason}" for item in skipped], f"skipped, listed by: {where}")


def note_photos(run: "Run") -> None:
    """Notes the folder of a run's photos if it lies outside the current folder: run.json names it, not the user."""
    if not run.photos.is_relative_to(Path.cwd()):
        note(f"The photos are read from {run.photos}, which {run.path / 'run.json'} names.")


def show_json(value: Any, *, indent: int | None = 2) -> None:
    print(plain_json(json.dumps(value, indent=indent, ensure_ascii=False)))


def show_result(result: Any, render: Callable[[Any], None], as_json: bool) -> None:
    show_json(result.to_dict()) if as_json else render(result)


def show_address(url: str) -> None:
    print(f"The page is open at {url}  (Ctrl-C closes it)", flush=True)


def show_files(files: dict[str, Path]) -> None:
    width = max(map(len, files))
    show(*(f"{name:{width}}  {path}" for name, path in files.items()))


def show_table(head: list[str], rows: list[list[Any]]) -> None:
    """Prints a table: the first column is aligned to the left, the others to the right."""
    cells = [head, *([str(cell) for cell in row] for row in rows)]
    widths = [max(columns(row[i]) for row in cells) for i in range(len(head))]
    for first, *others in cells:
        right = [" " * (width - columns(cell)) + cell for cell, width in zip(others, widths[1:], strict=True)]
        show("  ".join([padded(first, widths[0]), *right]))


def duration(seconds: float) -> str:
    """A duration for people: "40 seconds", "17 minutes", "2.5 hours"."""
    if seconds < 1.5:
        return "1 second"
    if seconds < 90:
        return f"{round(seconds)} seconds"
    return f"{round(seconds / 60)} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"
