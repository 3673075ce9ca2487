"""Carries out, undoes and redoes the steps of the journal, each whole or not at all, also if the process is killed."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from clothes.errors import ClothesError, PhotosError
from clothes.studio import tables
from clothes.studio.grouping import write_groups
from clothes.studio.journal import Entry, Journal, Move, Step
from clothes.studio.moves import UnfinishedError, carry_out, read_sources, remove_unfinished_tables
from clothes.studio.project import PHOTOS, TRASH, UNSORTED, Project
from clothes.studio.tables import Exchange
from clothes.system.plurals import counted
from clothes.system.terminal_text import utf8


class History:
    """The steps of a project. Finishes what a killed process left. Several may be open at a time."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self._journal = Journal(project.private / "journal.jsonl")
        with self.writing():
            tables.clean_up(self.project)
            self.write_groups()

    @contextmanager
    def writing(self) -> Iterator[int]:
        """Locks the project for the block, finishes the step before, and yields the number of the next step."""
        with self.project.lock():
            self._journal.read()
            if self._journal.pending:
                self._settle(self._journal.pending)
            yield self._journal.last + 1

    def trash(self, number: int) -> str:
        """Returns the folder for what a step removes."""
        name = f"{TRASH}/{number}"
        return name if not self.project.place(name).exists() else self.trash(number + 1_000_000)

    def apply(self, say: str, moves: Sequence[Move], *, made: Sequence[str] = ()) -> str:
        """Carries out a step within `writing`. Returns the sentence. Raises PhotosError; nothing is changed then."""
        step = Step(self._journal.last + 1, say, tuple(moves), tuple(made))
        before = self._append(step.entry())
        self._carry_out(before, _Moves(step.moves, make=step.made))
        return f"{say}."

    def replace_tables(self, say: str, new: Mapping[str, str]) -> str:
        """Sets the tables of the split aside within `writing`, and takes new ones, by name. One step, as `apply`."""
        step = Step(self._journal.last + 1, say, (), tables=self.trash(self._journal.last + 1))
        exchange = Exchange.begin(self.project, step.tables, new)
        before = self._append(step.entry() | {"tables": step.tables, "names": [*exchange.names]})
        self._carry_out(before, exchange)
        return f"{say}."

    def undo(self) -> str:
        """Undoes the last step, or all steps of a batch. Returns a sentence. Raises PhotosError as `apply` does."""
        with self.writing():
            steps = _last_batch(self._journal.done)
            if not steps:
                return "There is nothing to undo."
            return f"Undone: {self._repeat('undo', steps)}"

    def redo(self) -> str:
        """Carries out again what was undone last. Returns a sentence. Raises PhotosError as `apply` does."""
        with self.writing():
            steps = _last_batch(self._journal.undone)
            if not steps:
                return "There is nothing to do again."
            return f"Done again: {self._repeat('redo', steps)}"

    def next(self) -> tuple[str, str]:
        """Returns what `undo` and what `redo` would change, or empty texts."""
        with self.project.lock():
            self._journal.read()
            return _say(_last_batch(self._journal.done)), _say(_last_batch(self._journal.undone))

    @contextmanager
    def adding(self, batch: str) -> Iterator[list[str]]:
        """Lets the block add photos and append their ids to the list: they become one step.

        A kill in it leaves the photos that are whole, which the next start finds.
        """
        with self.writing() as number:
            sources = read_sources(self.project)
            entry: Entry = {
                "step": number,
                "kind": "adding",
                "batch": batch,
                "rows": (len(sources[PHOTOS]), len(sources[UNSORTED])),
                "folders": self._folders(),
            }
            before = self._append(entry)
            added: list[str] = []
            try:
                yield added
            finally:
                if not added:
                    self._journal.take_back(before)
                with suppress(PhotosError):  # a full disk leaves it to `_settle`
                    self._note_added(entry, added)

    def _repeat(self, kind: str, steps: Sequence[Step]) -> str:
        entry: Entry = {"step": self._journal.last + 1, "kind": kind, "count": len(steps)}
        change = self._change(kind, steps)
        if isinstance(change, Exchange):
            entry["names"] = [*change.names]
        gone = self._carry_out(self._append(entry), change)
        missing = "" if not gone else f" {gone:,} of the photos {'is' if gone == 1 else 'are'} gone."
        return f"{_say(steps)}.{missing}"

    def _change(self, kind: str, steps: Sequence[Step], names: Sequence[str] | None = None) -> "_Moves | Exchange":
        """Returns what undoes or redoes steps, in this order. `names` are the tables that come, by default all kept."""
        folder, is_undone = steps[0].tables, kind == "undo"
        if not folder:
            return _Moves.of(kind, steps)
        return Exchange.of(self.project, folder, is_undone) if names is None else Exchange(folder, is_undone, names)

    def _carry_out(self, before: int, change: "_Moves | Exchange") -> int:
        try:
            gone = change.carry_out(self.project)
        except UnfinishedError:
            raise
        except ClothesError:
            self._journal.take_back(before)
            raise
        self._journal.finish()
        self.write_groups()
        return gone

    def _settle(self, entry: Entry) -> None:
        """Finishes a step that a kill interrupted."""
        remove_unfinished_tables(self.project)
        if entry["kind"] == "adding":
            added = self._added_since(*entry["rows"])
            for folder in {*self._folders()} - {*entry["folders"]}:
                with suppress(OSError):  # it has photos
                    self.project.place(folder).rmdir()
            self._note_added(entry, added)
        elif entry["kind"] == "edit":
            self._change("redo", self._journal.done[-1:], entry.get("names")).carry_out(self.project)
        else:
            steps = (self._journal.undone if entry["kind"] == "undo" else self._journal.done)[-entry["count"] :]
            self._change(entry["kind"], steps[::-1], entry.get("names")).carry_out(self.project)
        self._journal.finish()

    def _note_added(self, entry: Entry, added: Sequence[str]) -> None:
        """Notes the photos that were added, as if they had come out of the trash."""
        if not added:
            return
        number = entry["step"] + 1
        moves = [Move(f"{self.trash(number)}/{photo}", photo, "", _class_of(photo)) for photo in added]
        made = {photo.rpartition("/")[0] for photo in added if _class_of(photo)} - {*entry["folders"]}
        step = Step(number, f"{counted(len(moves), 'photo')} added", tuple(moves), tuple(sorted(made)), entry["batch"])
        self._append(step.entry())
        self._journal.finish()
        self.write_groups()

    def _append(self, entry: Entry) -> int:
        try:
            return self._journal.append(entry)
        except OSError as error:
            raise PhotosError(
                f"{self._journal.path} cannot be written: {error.strerror}. Nothing was changed. Make room, and try "
                "again."
            ) from None

    def write_groups(self) -> None:
        """Writes groups.csv for the photos as they lie now."""
        with suppress(OSError):  # on a full disk; it is written again before a split
            write_groups(self.project)

    def _folders(self) -> list[str]:
        """Returns all folders of the photos, but those whose names are not valid text: they are no classes."""
        root = self.project.photos
        names = (self.project.name(Path(folder)) for folder, *_ in os.walk(root) if Path(folder) != root)
        return [name for name in names if utf8(name) == name]

    def _added_since(self, photos: int, unsorted: int) -> list[str]:
        """Returns the photos whose rows came after those that were counted."""
        sources, counted = read_sources(self.project), {PHOTOS: photos, UNSORTED: unsorted}
        names = [f"{kind}/{cells[0]}" for kind, rows in sources.items() for cells in rows[counted[kind] :]]
        return [name for name in names if self.project.place(name).exists()]


def _last_batch(steps: Sequence[Step]) -> list[Step]:
    """Returns the last step and those of its batch that lie directly before it, newest first."""
    found: list[Step] = []
    for step in reversed(steps):
        if found and not (step.batch and step.batch == found[0].batch):
            break
        found.append(step)
    return found


@dataclass(frozen=True)
class _Moves:
    """Moves, and the folders to make and to drop."""

    moves: Sequence[Move]
    make: Sequence[str] = ()
    drop: Sequence[str] = ()

    @classmethod
    def of(cls, kind: str, steps: Sequence[Step]) -> "_Moves":
        """Returns those of steps that are undone or redone in this order."""
        made = [name for step in steps for name in step.made]
        if kind == "redo":
            return cls([move for step in steps for move in step.moves], make=made)
        return cls([move.reversed() for step in steps for move in reversed(step.moves)], drop=made[::-1])

    def carry_out(self, project: Project) -> int:
        return carry_out(project, self.moves, make=self.make, drop=self.drop)


def _say(steps: Sequence[Step]) -> str:
    if not steps:
        return ""
    return steps[0].say if len(steps) == 1 else f"{counted(sum(len(step.moves) for step in steps), 'photo')} added"


def _class_of(photo: str) -> str:
    """Returns the class of a stored photo, or an empty text for an unsorted one."""
    kind, *folders, _ = photo.split("/")
    return folders[-1] if kind == PHOTOS and folders else ""
