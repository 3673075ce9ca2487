"""Compares a local folder with a folder in Drive: which files are missing on the other side."""

import os
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from clothes.collection.drive.client import Drive
from clothes.collection.drive.errors import RefusedError
from clothes.collection.drive.filenames import marked, safe_name, unfit
from clothes.collection.drive.item import Item
from clothes.collection.resumable_download import file_md5
from clothes.errors import DriveError
from clothes.photos.decode import MAX_BYTES, SUFFIXES
from clothes.photos.folders import RECORDS, Skipped
from clothes.system.progress import Progress

_DEEPEST = 40  # folders below one another


@dataclass
class Place:
    """The content of a folder on either side: known files (name, MD5), and the names in use."""

    known: set[tuple[str, str]] = field(default_factory=set)
    taken: set[str] = field(default_factory=set)


@dataclass
class Branch:
    """A folder in Drive, or several with the same name, which count as one. New files go into the first."""

    ids: list[str] = field(default_factory=list)
    files: list[Item] = field(default_factory=list)


@dataclass(frozen=True)
class Source:
    """A file to compare: its folder, relative and with slashes, and its name there."""

    folder: str
    name: str
    md5: str
    size: int
    origin: Any  # a local Path, or an Item in Drive
    mime: str = ""

    @property
    def path(self) -> str:
        return join(self.folder, self.name)


def remote_tree(drive: Drive, top: Item, skipped: list[Skipped]) -> dict[str, Branch]:
    """Returns the folders below a folder in Drive by path. The path of the top folder is empty."""
    tree: dict[str, Branch] = {}
    todo = [("", top)]
    seen = set()
    while todo:
        path, folder = todo.pop()
        if folder.id in seen:
            continue
        seen.add(folder.id)
        branch = tree.setdefault(path, Branch())
        branch.ids.append(folder.id)
        below = []
        try:
            items = list(drive.children(folder.id))
        except RefusedError as error:
            raise DriveError(f"{folder.link} ({folder.name}) cannot be listed: {error}.") from None
        for item in items:
            if not item.is_folder:
                branch.files.append(item)
                continue
            name = unicodedata.normalize("NFC", item.name)
            inner = join(path, name)
            if reason := unfit(name):
                skipped.append(Skipped(inner, f"a folder: {reason}. Rename it in Drive"))
            elif name.startswith((".", "__")):
                skipped.append(Skipped(inner, "hidden"))
            elif inner.count("/") >= _DEEPEST:
                skipped.append(Skipped(inner, f"more than {_DEEPEST} folders deep"))
            else:
                below.append((inner, item))
        todo += reversed(below)
    return tree


def local_sources(root: Path, names: Sequence[str], skipped: list[Skipped], progress: Progress) -> list[Source]:
    """Returns the files of these paths with their MD5s. Unreadable files are added to `skipped`."""
    sources = []
    sizes = dict.fromkeys(names, 0)
    for name in names:
        with suppress(OSError):
            sizes[name] = (root / name).stat().st_size
    done, total = 0, sum(sizes.values())
    for name, size in sizes.items():
        try:
            md5 = file_md5(root / name)
        except OSError as error:
            skipped.append(Skipped(name, f"the file cannot be read ({error.strerror})"))
            continue
        folder, _, file = unicodedata.normalize("NFC", name).rpartition("/")
        sources.append(Source(folder, file, md5, size, root / name))
        done += size
        progress(done, total)
    return sources


def place_of(files: Iterable[Item]) -> Place:
    """Returns the content of a folder in Drive."""
    place = Place()
    for item in files:
        name = safe_name(item.name, item.md5, item.mime)
        place.known.add((name, item.md5))
        place.taken |= {name.casefold(), unicodedata.normalize("NFC", item.name).casefold()}
    return place


def local_folder(root: Path, path: str) -> Path:
    """Returns the local path of a folder below the root, spelt as on disk if it exists in another Unicode form."""
    folder = root
    for name in path.split("/") if path else ():
        spelt = name
        with suppress(OSError):
            spelt = next((n for n in os.listdir(folder) if unicodedata.normalize("NFC", n) == name), name)  # noqa: PTH208
        folder /= spelt
    return folder


def local_places(folders: Mapping[str, Path], sources: Sequence[Source], progress: Progress) -> dict[str, Place]:
    """Returns the content of the target folders. Reads only files with the size of a source."""
    sizes: dict[str, set[int]] = {}
    for source in sources:
        sizes.setdefault(source.folder, set()).add(source.size)
    places = {folder: Place() for folder in sizes}
    alike = []
    for folder, place in places.items():
        with suppress(FileNotFoundError, NotADirectoryError), os.scandir(folders[folder]) as entries:
            for entry in entries:
                name = unicodedata.normalize("NFC", entry.name)
                place.taken.add(name.casefold())
                if entry.is_file() and entry.stat().st_size in sizes[folder]:
                    alike.append((place, name, Path(entry.path), entry.stat().st_size))
    done, total = 0, sum(size for *_, size in alike)
    for place, name, path, size in alike:
        with suppress(OSError):
            md5 = file_md5(path)
            place.known.add((safe_name(name, md5), md5))
        done += size
        progress(done, total)
    return places


def plan(
    sources: Sequence[Source], places: dict[str, Place], skipped: list[Skipped]
) -> tuple[list[tuple[Source, str]], int]:
    """Returns the missing files, each with its name on the other side, and the number of equal files."""
    todo, same = [], 0
    for source in sources:
        name = safe_name(source.name, source.md5, source.mime)
        place = places.setdefault(source.folder, Place())
        if (name, source.md5) in place.known:
            same += 1
            continue
        place.known.add((name, source.md5))
        if name.casefold() in place.taken:
            name = marked(name, source.md5)
        if name.casefold() in place.taken:
            skipped.append(Skipped(source.path, f"something else is called {name} there"))
            continue
        place.taken.add(name.casefold())
        todo.append((source, name))
    return todo, same


def unwanted(item: Item) -> str:
    """Returns the reason not to download a file of Drive, or an empty text."""
    if item.is_shortcut:
        return "a shortcut"
    if item.mime.startswith("application/vnd.google-apps."):
        return "a Google document, not a file"
    if item.name.startswith((".", "__")) and not unfit(item.name):
        return "hidden"
    ending = PurePosixPath(safe_name(item.name, item.md5, item.mime)).suffix.lower()
    if ending not in SUFFIXES and item.name not in RECORDS:
        return "not a photo by its name"
    if not re.fullmatch(r"[0-9a-f]{32}", item.md5):
        return "Drive gives no MD5 for it"
    return f"larger than the {MAX_BYTES // 1_000_000} MB allowed" if item.size > MAX_BYTES else ""


def join(folder: str, name: str) -> str:
    """Joins a relative path with slashes. The path of the top folder is empty."""
    return f"{folder}/{name}" if folder else name
