"""sources.csv, the origin of each collected photo, and the journal that keeps it equal to the folder.

The journal makes sure that a kill leaves whole photos only, each with its row:

1. The photo's row is appended to the journal, and the journal is synced to the disk.
2. The photo is written to a temporary file beside its place, and synced.
3. The temporary file is renamed to its place.
4. The row is appended to sources.csv.

Before a photo is removed, its row is appended to the journal too. When `Sources` is opened or closed, `_settle`
compares each row of the journal with the folder: a complete temporary file is renamed, a photo without a row gets it,
a row without a photo is removed. Then the journal is emptied, as it is when it has grown long.
"""

import codecs
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import BinaryIO

from clothes.errors import PhotosError
from clothes.system.checksums import sha256_file
from clothes.system.csv_files import csv_text, iter_csv, read_csv, read_table_bytes
from clothes.system.files import TEMP_PREFIX, append_synced, publish, sync
from clothes.system.locks import try_lock
from clothes.system.terminal_text import plain, utf8
from clothes.system.validation import stays_below

NAME_LENGTHS = (16, 32, 64)  # of a photo's name: the first characters of its checksum
COLUMNS = ("file", "sha256", "origin", "when", "licence", "author", "title", "page")
_JOURNAL = ".collecting.csv"
_LONGEST = 2000  # characters of a cell
_LONG = 1_000_000  # bytes of the journal, some thousand rows: enough for one sync of all its folders
_MOST_BYTES = 100_000_000  # of a journal of clothes, with any cells


@dataclass(frozen=True)
class Origin:
    """Where a photo comes from: an address, or a path below the collected folder or zip file.

    Creative Commons licences require the author, the `title` and the `page` that shows the photo.
    """

    origin: str
    licence: str = ""
    author: str = ""
    title: str = ""
    page: str = ""


class Sources(AbstractContextManager["Sources"]):
    """PHOTOS/sources.csv, open to add and remove photos, in one thread of one process at a time.

    `files` maps origins to files relative to PHOTOS. Raises PhotosError if the file is another table or is in use.
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
            self._settle()
            self._known, self.files = set[str](), dict[str, str]()
            for file, _, origin, *_ in _parsed(self._path, _read(self._path)):
                self._known.add(file)
                self.files[origin] = file
            self._file = self._path.open("ab")
        except BaseException:
            with self._journal:
                if not os.fstat(self._journal.fileno()).st_size:
                    with suppress(PermissionError):  # Windows removes no open file
                        (root / _JOURNAL).unlink()
            raise

    def lists(self, path: Path) -> bool:
        """Returns whether a photo was stored at this path. It may be removed by now."""
        return path.relative_to(self.root).as_posix() in self._known

    def add(self, path: Path, data: bytes, sha256: str, when: str, origin: Origin) -> None:
        """Stores a photo at a free path and adds its row to the table."""
        file = path.relative_to(self.root).as_posix()
        if not stays_below(file):  # the table would be refused from now on
            raise PhotosError(f"{path.parent} is a name that leads elsewhere on some systems. Rename the folder.")
        origin_cell, *rest = map(_safe, astuple(origin))
        line = _line((file, sha256, origin_cell, when, *rest))
        append_synced(self._journal, line)
        if not path.parent.exists():
            path.parent.mkdir()
            self._made.add(path.parent)
        self._folders.add(path.parent)
        with _open_beside(path) as photo:
            append_synced(photo, data)
        _beside(path).rename(path)
        if file not in self._known:  # else the photo was collected before and removed by hand
            self._file.write(line)
            self._file.flush()
        self._known.add(file)
        self.files[origin_cell] = file
        if self._journal.tell() > _LONG:
            self._empty_journal()

    def remove(self, path: Path) -> None:
        """Removes a photo and its row, and its folder if this object made it and it is empty."""
        file = path.relative_to(self.root).as_posix()
        table = list(_parsed(self._path, _read(self._path)))
        for cells in table:
            if cells[0] == file:
                append_synced(self._journal, _line(cells))
        path.unlink(missing_ok=True)
        self._file.close()  # Windows replaces no open file
        try:
            _replace(self._path, _without(table, {file}))
        finally:
            self._file = self._path.open("ab")
        with suppress(OSError):  # the folder holds other photos, or is gone
            sync(path.parent)
            sync(self.root)
            if path.parent in self._made:
                path.parent.rmdir()
                self._folders.discard(path.parent)
        self._known.discard(file)
        self.files = {origin: name for origin, name in self.files.items() if name != file}

    def __exit__(self, *_: object) -> None:
        with self._journal, suppress(OSError):  # on a full disk the journal stays for the next start
            self._file.close()
            self._settle()
            (self.root / _JOURNAL).unlink()

    def _settle(self) -> None:
        """Makes photos and rows agree with the journal, on the disk too."""
        _beside(self._path).unlink(missing_ok=True)
        if self._journal.seek(0, os.SEEK_END) > _MOST_BYTES:
            raise PhotosError(f"{self.root / _JOURNAL} is longer than any journal of clothes. Remove it.")
        self._journal.seek(0)
        announced = [line for line in self._journal.read().splitlines(keepends=True) if line.endswith(b"\n")]
        before = _read(self._path)
        if before.removeprefix(codecs.BOM_UTF8).startswith(",".join(COLUMNS).encode()):
            data = _complete_last_line(before, announced)
        else:  # a spreadsheet saved it with other separators or in another encoding
            data = _without(_parsed(self._path, before), set())
        known, gone = {cells[0] for cells in _parsed(self._path, data)}, set()
        for line in announced:
            file, sha256 = _announced(line)
            if not file or not (self.root / file).parent.is_dir():
                continue
            if not self._settle_photo(self.root / file, sha256):
                gone.add(file)
            elif file not in known:
                data += line
                known.add(file)
        if gone & known:
            data = _without(_parsed(self._path, data), gone)
        if data != before:
            _replace(self._path, data)
        self._empty_journal()

    def _empty_journal(self) -> None:
        """Forgets photos that are there with their rows, once they are on the disk."""
        for place in (self._path, *self._folders):
            with suppress(FileNotFoundError):  # somebody removed the folder
                sync(place)
        self._journal.truncate(0)

    def _settle_photo(self, path: Path, sha256: str) -> bool:
        """Renames a complete temporary file to its place, or removes it. Returns whether the photo exists."""
        unfinished = _beside(path)
        if not path.exists() and unfinished.is_file() and sha256_file(unfinished) == sha256:
            unfinished.rename(path)
        unfinished.unlink(missing_ok=True)
        self._folders.add(path.parent)
        return path.exists()


@contextmanager
def lock_rows(root: Path) -> Iterator[list[list[str]]]:
    """Yields the rows of sources.csv, to which nobody adds one during the block. Raises as `Sources` does."""
    path = root / "sources.csv"
    try:
        if (root / _JOURNAL).exists():
            with Sources(root):  # settles what a kill left
                pass
        journal = _open_alone(root / _JOURNAL)
    except OSError as error:
        raise PhotosError(f"{path} cannot be locked: {error.strerror}. Nothing was changed. Make room there.") from None
    with journal:
        try:
            yield list(_parsed(path, _read(path))) if path.exists() else []
        finally:
            with suppress(OSError):  # Windows removes no open file
                (root / _JOURNAL).unlink()


def rows_to_bytes(rows: Iterable[Iterable[str]]) -> bytes:
    """Returns the content of sources.csv for these rows."""
    return b"".join(map(_line, [COLUMNS, *rows]))


def _announced(line: bytes) -> tuple[str, str]:
    """Returns the file and the checksum of a journal line, or empty texts unless it names a photo by its checksum."""
    try:
        _, (_, (file, sha256, *_)) = read_csv(_line(COLUMNS) + line)
    except ValueError:
        return "", ""
    is_ours = stays_below(file) and Path(file).stem in {sha256[:length] for length in NAME_LENGTHS}
    return (file, sha256) if is_ours else ("", "")


def _complete_last_line(data: bytes, announced: list[bytes]) -> bytes:
    """Ends a table with a whole line. A kill tears a line that is announced too; an editor may leave the end out."""
    torn = data[data.rfind(b"\n") + 1 :]
    if not torn:
        return data
    return data[: -len(torn)] if any(line.startswith(torn) for line in announced) else data + b"\n"


def _open_alone(path: Path) -> BinaryIO:
    """Opens the journal and locks it. Raises PhotosError if another process holds it, or if it is no regular file."""
    if os.path.lexists(path) and not stat.S_ISREG(path.lstat().st_mode):  # a link's target would be emptied
        raise PhotosError(f"{path} is a link or not a regular file. Remove it.")
    while True:
        journal = path.open("a+b")
        if not try_lock(journal):
            journal.close()
            raise PhotosError(f"Another program is adding photos to {path.parent}. Wait until it has ended.")
        if os.fstat(journal.fileno()).st_nlink:
            return journal
        journal.close()  # the other process removed it in the meantime


def _read(path: Path) -> bytes:
    try:
        return read_table_bytes(path)
    except ValueError as error:
        raise PhotosError(f"{path} cannot be read: {error}. Rename it; a new one is made.") from None


def _parsed(path: Path, data: bytes) -> Iterator[list[str]]:
    """Yields the rows of sources.csv. Raises PhotosError for another table."""
    lines = iter_csv(data)
    try:
        _, header = next(lines, (0, []))
        if tuple(header) != COLUMNS:
            raise PhotosError(f"{path} must begin with the line {','.join(COLUMNS)}. Rename it; a new one is made.")
        for number, cells in lines:
            place = f"{path}, line {number}"
            if len(cells) != len(COLUMNS):
                raise PhotosError(f"{place}: {len(cells)} cells, not {len(COLUMNS)}. Correct or remove it.")
            if not stays_below(cells[0]):
                raise PhotosError(f"{place}: {cells[0][:100]!r} is no photo below it. Correct or remove it.")
            yield cells
    except ValueError as error:
        raise PhotosError(f"{path} cannot be read: {error}. Rename it; a new one is made.") from None


def _without(table: Iterable[list[str]], files: set[str]) -> bytes:
    """Returns the table without the rows of these files."""
    return rows_to_bytes(cells for cells in table if cells[0] not in files)


def _line(cells: Iterable[str]) -> bytes:
    return csv_text([cells]).encode()


def _safe(text: str) -> str:
    """Returns foreign text as one line of limited length."""
    return plain(utf8(text))[:_LONGEST]


def _beside(path: Path) -> Path:
    return path.with_name(f"{TEMP_PREFIX}{path.name}")


def _open_beside(path: Path) -> BinaryIO:
    """Opens a new temporary file. Removes what has its name: a remainder, or a link, whose target would be written."""
    _beside(path).unlink(missing_ok=True)
    return _beside(path).open("xb")


def _replace(path: Path, data: bytes) -> None:
    """Replaces a file like `files.write_bytes`, by way of a temporary name that is found after a kill."""
    with _open_beside(path) as file:
        file.write(data)
    publish(_beside(path), path)
