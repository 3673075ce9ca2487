"""sources.csv, which says where each collected photo is from, and the journal that keeps it true to the folder.

A photo is announced in the journal (on disk), written beside its place (on disk), then renamed to its place, and its
row added right after. So a kill leaves whole photos only, and what it leaves half done stands in the journal:
`Sources` finishes or removes that when it is opened the next time. One that is taken back is announced too.
"""

import csv
import io
import os
from collections.abc import Iterable
from contextlib import AbstractContextManager, suppress
from dataclasses import astuple, dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from clothes.errors import PhotosError
from clothes.system.checksums import sha256_file
from clothes.system.files import TEMP_PREFIX, append_synced, publish, sync
from clothes.system.locks import try_lock
from clothes.system.text import plain

COLUMNS = ("file", "sha256", "origin", "when", "licence", "author", "title", "page")
_JOURNAL = ".collecting.csv"
_LONGEST = 2000  # characters of a cell


@dataclass(frozen=True)
class Origin:
    """Where a photo is from: an address, or a path below the folder or zip file that was collected.

    `title` and `page`, where it is shown, are what Creative Commons licences want named beside the author.
    """

    origin: str
    licence: str = ""
    author: str = ""
    title: str = ""
    page: str = ""


class Sources(AbstractContextManager["Sources"]):
    """PHOTOS/sources.csv, open to add photos; for one process at a time, and one thread.

    `files` is origin -> file, relative to PHOTOS. Raises PhotosError when it is another table, or in use.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._path = root / "sources.csv"
        self._folders = {root}
        self._made: set[Path] = set()
        self._journal = _open_alone(root / _JOURNAL)
        try:
            if not self._path.exists():
                _replace(self._path, _line(COLUMNS))
            table = self._settle()
            self._file = self._path.open("ab")
        except BaseException:
            with self._journal:
                if not os.fstat(self._journal.fileno()).st_size:
                    with suppress(PermissionError):  # Windows removes no open file
                        (root / _JOURNAL).unlink()
            raise
        self._known = {cells[0] for cells in table}
        self.files = {cells[2]: cells[0] for cells in table}

    def add(self, path: Path, data: bytes, sha256: str, when: str, origin: Origin) -> None:
        """Puts a photo in place, where nothing may lie, and its row into the table."""
        file = path.relative_to(self.root).as_posix()
        origin_cell, *rest = map(_safe, astuple(origin))
        line = _line((file, sha256, origin_cell, when, *rest))
        append_synced(self._journal, line)
        if not path.parent.exists():
            path.parent.mkdir()
            self._made.add(path.parent)
        self._folders.add(path.parent)
        with _beside(path).open("xb") as photo:
            append_synced(photo, data)
        _beside(path).rename(path)
        if file not in self._known:  # else it was collected before, removed, and is back
            self._file.write(line)
            self._file.flush()
        self._known.add(file)
        self.files[origin_cell] = file

    def remove(self, path: Path) -> None:
        """Removes a photo and its row, and its folder if that was made here and is empty now."""
        file = path.relative_to(self.root).as_posix()
        table = _parsed(self._path, self._path.read_bytes())
        for cells in table:
            if cells[0] == file:
                append_synced(self._journal, _line(cells))
        path.unlink(missing_ok=True)
        self._file.close()  # Windows replaces no open file
        try:
            _replace(self._path, _without(table, {file}))
        finally:
            self._file = self._path.open("ab")
        with suppress(OSError):  # it has other photos, or is gone
            sync(path.parent)
            sync(self.root)
            if path.parent in self._made:
                path.parent.rmdir()
                self._folders.discard(path.parent)
        self._known.discard(file)
        self.files = {origin: name for origin, name in self.files.items() if name != file}

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._journal, suppress(OSError):  # on a full disk the journal stays, for the next time
            self._file.close()
            self._settle()
            (self.root / _JOURNAL).unlink()

    def _settle(self) -> list[list[str]]:
        """Makes photos and rows agree in all that the journal announces, on the disk too. The table's rows."""
        _beside(self._path).unlink(missing_ok=True)
        self._journal.seek(0)
        announced = [line for line in self._journal.read().splitlines(keepends=True) if line.endswith(b"\n")]
        before = data = self._path.read_bytes()
        if torn := data[data.rfind(b"\n") + 1 :]:  # by a kill, or an editor left the last line open
            data = data[: -len(torn)] if any(line.startswith(torn) for line in announced) else data + b"\n"
        table = _parsed(self._path, data)
        known, gone = {cells[0] for cells in table}, set()
        for line in announced:
            cells = next(csv.reader([line.decode("utf-8", "replace")]))
            file = Path("".join(cells[:1]))
            path = self.root / file
            inside = not file.is_absolute() and ".." not in file.parts
            if len(cells) != len(COLUMNS) or not inside or not path.parent.is_dir():
                continue
            if not path.exists() and _beside(path).is_file() and sha256_file(_beside(path)) == cells[1]:
                _beside(path).rename(path)
            _beside(path).unlink(missing_ok=True)
            self._folders.add(path.parent)
            if not path.exists():
                gone.add(cells[0])
            elif cells[0] not in known:
                data += line
                known.add(cells[0])
        if gone & known:
            data = _without(_parsed(self._path, data), gone)
        if data != before:
            _replace(self._path, data)
        for place in (self._path, *self._folders):
            sync(place)
        self._journal.truncate(0)
        return _parsed(self._path, data)


def _open_alone(path: Path) -> BinaryIO:
    """The journal, held by this process alone."""
    while True:
        journal = path.open("a+b")
        if not try_lock(journal):
            journal.close()
            raise PhotosError(f"Another `clothes collect` puts photos into {path.parent} now. Wait until it has ended.")
        if os.fstat(journal.fileno()).st_nlink:
            return journal
        journal.close()  # its holder removed it meanwhile


def _parsed(path: Path, data: bytes) -> list[list[str]]:
    """The rows of sources.csv."""
    try:
        lines = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))
    except (UnicodeDecodeError, csv.Error) as error:
        raise PhotosError(f"{path} is not a CSV file in UTF-8: {error}. Rename it, and it will be made anew.") from None
    if not lines or tuple(lines[0]) != COLUMNS:
        raise PhotosError(f"{path} must begin with the line {','.join(COLUMNS)}. Rename it, and it will be made anew.")
    for number, cells in enumerate(lines[1:], 2):
        if cells and len(cells) != len(COLUMNS):
            raise PhotosError(f"{path}, line {number}: {len(cells)} cells, not {len(COLUMNS)}. Mend or remove it.")
    return [cells for cells in lines[1:] if cells]


def _without(table: list[list[str]], files: set[str]) -> bytes:
    """sources.csv of these rows, but for those of some files."""
    return b"".join(map(_line, [COLUMNS, *(cells for cells in table if cells[0] not in files)]))


def _line(cells: Iterable[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue().encode()


def _safe(text: str) -> str:
    """What others wrote, as a cell: one line of text, which a spreadsheet does not take for a formula."""
    text = plain(text.encode("utf-8", "replace").decode())[:_LONGEST]
    return f" {text}" if text.startswith(("=", "+", "-", "@")) else text


def _beside(path: Path) -> Path:
    return path.with_name(f"{TEMP_PREFIX}{path.name}")


def _replace(path: Path, data: bytes) -> None:
    """`files.write_bytes` with a name that is found after a kill."""
    _beside(path).write_bytes(data)
    publish(_beside(path), path)
