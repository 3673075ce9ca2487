"""Carries out the moves of a step: the photos, and their rows in split.csv and sources.csv.

First the new tables are written beside the old ones, then the photos are renamed, then the tables are replaced. An
error before the last takes everything back. After a kill the same call finishes what is left.

A photo keeps its part and its group wherever it moves. The rows of photos that are gone from the classes stay as they
are. A photo that comes back, wherever to, gets its row again: the one of a gone photo with the same content.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from itertools import count
from os.path import lexists
from pathlib import Path, PurePosixPath

from clothes.collection.provenance import lock_rows, rows_to_bytes
from clothes.errors import PhotosError
from clothes.photos.split_file import Row, Split
from clothes.studio.journal import Move
from clothes.studio.project import PHOTOS, UNSORTED, Project
from clothes.system.checksums import sha256_file
from clothes.system.csv_files import with_mark
from clothes.system.files import move, remove_unfinished, replaced_after, sync

Cells = list[str]


class UnfinishedError(PhotosError):
    """The photos were moved, and the tables not yet: the next call with the same moves finishes it."""


def carry_out(project: Project, moves: Sequence[Move], *, make: Sequence[str] = (), drop: Sequence[str] = ()) -> int:
    """Moves photos and folders, makes the folders `make` and removes those of `drop` that are empty then.

    Moves that are done already are left out, and so are those whose photo is gone. Returns the number of these.

    Raises PhotosError if a name is taken or the disk does not allow it. Nothing is changed then, unless it is an
    UnfinishedError.
    """
    waiting = [item for item in moves if lexists(project.place(item.source))]
    known = [item for item in moves if item in set(waiting) or lexists(project.place(item.target))]
    is_moved = False
    try:
        with _replaced_tables(project, known):
            _rename(project, waiting, make)
            is_moved = True
    except FileExistsError as error:
        raise PhotosError(f"{error.filename} is in the way. Nothing was moved. Rename it, and try again.") from None
    except OSError as error:
        raise _explain(project, error, is_moved) from None
    for name in drop:
        with suppress(OSError):  # it holds something, or is gone
            project.place(name).rmdir()
    for folder in {project.place(name).parent for item in moves for name in (item.source, item.target)}:
        with suppress(OSError):  # it is gone
            sync(folder)
    return len(moves) - len(known)


def _rename(project: Project, moves: Sequence[Move], make: Sequence[str]) -> None:
    """Renames all photos and makes the folders, or raises OSError and leaves all as it was."""
    done: list[Move] = []
    try:
        for item in moves:
            move(project.place(item.source), project.place(item.target))
            done.append(item)
        for name in make:
            project.place(name).mkdir(parents=True, exist_ok=True)
    except OSError:
        for item in reversed(done):
            try:
                move(project.place(item.target), project.place(item.source))
            except OSError as error:
                raise _explain(project, error, is_moved=True) from None
        for name in reversed(make):
            with suppress(OSError):
                project.place(name).rmdir()
        raise


def _explain(project: Project, error: OSError, is_moved: bool) -> PhotosError:
    found = f"{error.filename2 or error.filename or project.photos} cannot be changed: {error.strerror}."
    if is_moved:
        return UnfinishedError(
            f"{found} No photo is lost, but the step is not complete. Remove the cause, and try again."
        )
    return PhotosError(f"{found} Nothing was moved. Remove the cause, and try again.")


def remove_unfinished_tables(project: Project) -> None:
    """Removes the unfinished tables that a kill left."""
    for folder in (project.photos, project.unsorted, project.private):
        remove_unfinished(folder)


def read_sources(project: Project) -> dict[str, list[Cells]]:
    """Returns the rows of sources.csv of the photos and of the unsorted ones."""
    with _locked_sources(project) as rows:
        return rows


@contextmanager
def _locked_sources(project: Project) -> Iterator[dict[str, list[Cells]]]:
    with ExitStack() as stack:
        yield {
            kind: stack.enter_context(lock_rows(folder)) if (folder / "sources.csv").exists() else []
            for kind, folder in ((PHOTOS, project.photos), (UNSORTED, project.unsorted))
        }


@contextmanager
def _replaced_tables(project: Project, moves: Sequence[Move]) -> Iterator[None]:
    """Writes the tables of the photos as they are after the moves, and puts them in place at the end of the block."""
    ways = _Ways(project, moves)
    split = project.photos / "split.csv"
    with ExitStack() as stack:
        rows = stack.enter_context(_locked_sources(project))
        new = _moved_sources(rows, ways)
        # The table that rows come into is replaced first: a kill between the two may double a row, never lose one.
        for kind in sorted(new, key=lambda kind: len(new[kind]) - len(rows[kind])):
            if new[kind] != rows[kind]:
                folder = project.photos if kind == PHOTOS else project.unsorted
                stack.enter_context(replaced_after(folder / "sources.csv", rows_to_bytes(new[kind])))
        if split.exists():
            old = Split.read(split, project.photos)
            changed = replace(old, rows=tuple(_moved_rows(old.rows, ways)))
            if changed != old:
                stack.enter_context(replaced_after(split, with_mark(changed.to_csv())))
        yield


class _Ways:
    """Where photos go."""

    def __init__(self, project: Project, moves: Sequence[Move]) -> None:
        self._project = project
        self._moves = {item.source: item for item in moves}

    def find(self, name: str) -> tuple[Move, str] | None:
        """Returns the move of a photo or of a folder it lies in, and where it leads. None for a photo that is gone."""
        head = name
        while head and head not in self._moves:
            head = head.rpartition("/")[0]
        if not head:
            return None
        target = self._moves[head].target + name[len(head) :]
        return (self._moves[head], target) if self.has(name) or self.has(target) else None

    def has(self, name: str) -> bool:
        return lexists(self._project.place(name))

    def arriving(self) -> Iterator[tuple[str, str, Path]]:
        """Yields the photos that come from outside: their path in the photos, their class, and where they are now."""
        for source, target, _, label in self._moves.values():
            if source.startswith(f"{PHOTOS}/") or not target.startswith(f"{PHOTOS}/"):
                continue
            there = self._project.place(source if self.has(source) else target)
            for path in [there] if there.is_file() else there.rglob("*"):
                if path.is_file():
                    name = (Path(target) / path.relative_to(there)).as_posix().removeprefix(f"{PHOTOS}/")
                    yield name, label, path


def _moved_rows(rows: Sequence[Row], ways: _Ways) -> Iterator[Row]:
    """Yields the rows of split.csv after the moves. A row of a gone photo gives way to one that comes to its place."""
    moved: dict[str, Row] = {}
    for row in rows:
        found = ways.find(f"{PHOTOS}/{row.photo}")
        if found and found[1].startswith(f"{PHOTOS}/"):
            name = found[1].removeprefix(f"{PHOTOS}/")
            moved[row.photo] = replace(row, photo=name, label=found[0].new_label)
    gone = {row.photo: row for row in rows if row.photo not in moved and not ways.has(f"{PHOTOS}/{row.photo}")}
    there = {row.photo: row.sha256 for row in moved.values()}
    for name, label, path in ways.arriving() if gone else ():
        there[name] = content = sha256_file(path)
        same = [row for row in gone.values() if row.sha256 == content]
        if same:
            old = next((row for row in same if row.photo == name), same[0])
            moved[old.photo] = replace(gone.pop(old.photo), photo=name, label=label)
    taken = {*there, *(row.photo for row in rows)}
    for row in rows:
        if row.photo in moved:
            yield moved[row.photo]
        elif row.photo not in there:
            yield row
        elif row.sha256 != there[row.photo]:
            yield replace(row, photo=_free_name(row.photo, taken, ways))


def _free_name(photo: str, taken: set[str], ways: _Ways) -> str:
    """Returns a name beside that of a gone photo, and adds it to those that are taken."""
    path = PurePosixPath(photo)
    names = (path.with_stem(f"{path.stem}-{number}").as_posix() for number in count(2))
    name = next(name for name in names if name not in taken and not ways.has(f"{PHOTOS}/{name}"))
    taken.add(name)
    return name


def _moved_sources(tables: Mapping[str, list[Cells]], ways: _Ways) -> dict[str, list[Cells]]:
    """Returns the rows of both sources.csv after the moves. A row goes with its photo, but not into the trash."""
    moved: dict[tuple[str, str], tuple[str, str]] = {}
    for kind, rows in tables.items():
        for file, *_ in rows:
            if found := ways.find(f"{kind}/{file}"):
                to, _, name = found[1].partition("/")
                if to in tables:
                    moved[kind, file] = to, name
    targets = set(moved.values())
    new: dict[str, list[Cells]] = {kind: [] for kind in tables}
    for kind, rows in tables.items():
        for file, *rest in rows:
            if (place := moved.get((kind, file))) or (kind, file) not in targets:
                to, name = place or (kind, file)
                new[to].append([name, *rest])
    return new
