"""journal.jsonl: every step of the studio, so that it can be undone after a restart, and finished after a kill.

A step is appended before it is carried out, and marked as done after it. Each line is one of these:

    {"step": 4, "kind": "edit", "say": ..., "moves": [[source, target, label before, label after], ...], "made": [...]}
        with "tables": ..., "names": [...] if it exchanges tables: the folder that keeps them, and which ones come
    {"step": 5, "kind": "adding", "batch": ..., "rows": [12, 0], "folders": [...]}      photos are being added: the rows
        of both sources.csv and the folders that there were before
    {"step": 6, "kind": "undo", "count": 1}      or "redo": of the last steps, or of those undone last; "names" as above
    {"done": 6}
"""

import json
import os
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, NotRequired, TypedDict

from clothes.errors import ClothesError
from clothes.system.files import append_synced
from clothes.system.validation import parse_json


class Move(NamedTuple):
    """A photo or folder that moves: its place before and after, and its class there (empty without one)."""

    source: str
    target: str
    label: str
    new_label: str

    def reversed(self) -> "Move":
        return Move(self.target, self.source, self.new_label, self.label)


class Entry(TypedDict):
    """A line of the journal."""

    step: NotRequired[int]
    kind: NotRequired[str]
    say: NotRequired[str]
    batch: NotRequired[str]
    moves: NotRequired[list[tuple[str, str, str, str]]]
    made: NotRequired[list[str]]
    rows: NotRequired[tuple[int, int]]
    folders: NotRequired[list[str]]
    count: NotRequired[int]
    tables: NotRequired[str]
    names: NotRequired[list[str]]
    done: NotRequired[int]


@dataclass(frozen=True)
class Step:
    """One step: a sentence, the moves, the folders it made. Steps of one batch are undone together.

    One that exchanges tables keeps them in the folder `tables`, and has no moves.
    """

    number: int
    say: str
    moves: tuple[Move, ...]
    made: tuple[str, ...] = ()
    batch: str = ""
    tables: str = ""

    def entry(self) -> Entry:
        moves, made = [(*move,) for move in self.moves], list(self.made)
        return {"step": self.number, "kind": "edit", "say": self.say, "batch": self.batch, "moves": moves, "made": made}


@dataclass
class Journal:
    """The steps that can be undone and redone, newest last, and the one that is not finished.

    The caller holds the project's lock, and reads before anything else.
    """

    path: Path
    done: list[Step] = field(default_factory=list)
    undone: list[Step] = field(default_factory=list)
    pending: Entry | None = None
    last: int = 0
    _stamp: tuple[int, int] | None = None

    def read(self) -> None:
        """Reads what this or another process has written, without a line that a kill has torn."""
        try:
            if not self.path.exists() or self._stamp == self._look():
                return
            data = self.path.read_bytes()
            if torn := len(data) - (data.rfind(b"\n") + 1):
                data = data[:-torn]
                os.truncate(self.path, len(data))
            self.done, self.undone, self.pending, self.last = [], [], None, 0
            for line in data.splitlines():
                self._take(parse_json(line, Entry))
            self._stamp = self._look()
        except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
            raise ClothesError(
                f"{self.path} cannot be read: {error}. No photo was changed. Rename it: earlier steps can then not be "
                "undone."
            ) from None

    def append(self, entry: Entry) -> int:
        """Writes a line to the disk, or nothing. Returns the size before, for `take_back`. Raises OSError."""
        before = self.path.stat().st_size if self.path.exists() else 0
        try:
            with self.path.open("ab") as file:
                append_synced(file, json.dumps(entry, ensure_ascii=False).encode() + b"\n")
        except OSError:
            if self.path.exists():
                os.truncate(self.path, before)
            raise
        self._take(entry)
        self._stamp = self._look()
        return before

    def take_back(self, size: int) -> None:
        """Removes the lines of a step that was not carried out."""
        os.truncate(self.path, size)
        self._stamp = None
        self.read()

    def finish(self) -> None:
        """Marks the last step as done. A full disk is no error: the step is then only looked at again."""
        with suppress(OSError):
            self.append({"done": self.last})
        self.pending = None

    def _look(self) -> tuple[int, int]:
        status = self.path.stat()
        return status.st_size, status.st_mtime_ns

    def _take(self, entry: Entry) -> None:
        if "done" in entry:
            self.pending = None
            return
        self.pending, self.last, kind = entry, entry["step"], entry["kind"]
        if kind == "edit":
            moves = tuple(Move(*move) for move in entry["moves"])
            made, tables = tuple(entry["made"]), entry.get("tables", "")
            self.done.append(Step(entry["step"], entry["say"], moves, made, entry["batch"], tables))
            self.undone.clear()
        elif kind in ("undo", "redo"):
            taken, given = (self.done, self.undone) if kind == "undo" else (self.undone, self.done)
            for _ in range(entry["count"]):
                given.append(taken.pop())
        elif kind != "adding":
            raise ValueError(f"{kind!r} is no kind of step")
