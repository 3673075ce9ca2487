"""Lists the photos of a project by class, a page at a time, counts photos and garments, and makes thumbnails."""

import hashlib
import io
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from clothes.errors import SplitError
from clothes.photos import decode
from clothes.photos.folders import Skipped
from clothes.photos.folders import list_photos as list_files
from clothes.photos.split_file import Split
from clothes.studio.class_folders import ClassFolders, empty_classes, list_classes
from clothes.studio.grouping import burst_of, read_bursts
from clothes.studio.project import PHOTOS, UNSORTED, Project
from clothes.system.files import write_bytes

SIZES = (40, 1600)  # pixels of a thumbnail
_SETTLED = 100_000_000  # nanoseconds: a folder that changed later may change again without a new time
_QUALITY = 80


@dataclass(frozen=True, slots=True)
class Item:
    """A photo: its id, class (None for an unsorted one), file name, and garment (empty if it shows one of its own)."""

    id: str
    label: str | None
    name: str
    group: str


@dataclass(frozen=True)
class Page:
    """Some photos of a class: those from number `start` on, of `total`."""

    items: tuple[Item, ...]
    start: int
    total: int


@dataclass(frozen=True)
class ClassCount:
    """The photos of a class, and the garments on them: frames of one burst and near-duplicates show one garment."""

    label: str
    photos: int
    garments: int


@dataclass(frozen=True)
class Counts:
    """The classes by name, the number of unsorted photos, and the files that are not used with the reasons."""

    classes: tuple[ClassCount, ...]
    unsorted: int
    skipped: tuple[Skipped, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Snapshot:
    """What was found, and the times of the folders and tables by which it is known to be still so."""

    by_class: dict[str | None, tuple[Item, ...]]
    counts: Counts
    times: dict[Path, int]


_snapshots: dict[Path, _Snapshot] = {}  # by project


def list_photos(project: Project, label: str | None = None, start: int = 0, count: int = 200) -> Page:
    """Returns photos of a class, or the unsorted ones (None), ordered by path."""
    items = _look(project).by_class.get(label, ())
    start = max(0, start)
    return Page(items[start : start + max(0, count)], start, len(items))


def count_photos(project: Project) -> Counts:
    """Returns the classes, also those without photos, with their numbers of photos and garments."""
    return _look(project).counts


def thumbnail(project: Project, photo: str, size: int = 160) -> bytes:
    """Returns a small JPEG of a photo, without EXIF, and keeps it. Raises PhotoError."""
    path, size = project.photo_path(photo), min(max(size, SIZES[0]), SIZES[1])
    kept = None
    with suppress(OSError):
        status = path.stat()
        version = f"{status.st_ino} {status.st_size} {status.st_mtime_ns} {size} {path.name}"
        kept = project.private / "thumbnails" / f"{hashlib.sha256(os.fsencode(version)).hexdigest()[:32]}.jpg"
        return kept.read_bytes()
    file = io.BytesIO()
    decode.thumbnail(path, size, name=photo).save(file, "JPEG", quality=_QUALITY)
    if kept:
        with suppress(OSError):  # a full disk: it is made again
            kept.parent.mkdir(exist_ok=True)
            write_bytes(kept, file.getvalue())
    return file.getvalue()


def _look(project: Project) -> _Snapshot:
    found = _snapshots.get(project.root)
    if found is None or any(_time(path) != then for path, then in found.times.items()):
        began = time.time_ns()
        found = _read(project)
        if max(found.times.values()) < began - _SETTLED:
            _snapshots[project.root] = found
    return found


def _read(project: Project) -> _Snapshot:
    listing = list_classes(project)
    files, skipped = list_files(project.unsorted)
    skipped = [Skipped(f"{UNSORTED}/{item.path}", item.reason) for item in skipped]
    empty, group = empty_classes(listing), _read_groups(project)
    in_classes: dict[str, list[Item]] = {label: [] for label in ClassFolders(project, listing).labels}
    for photo in listing.photos:
        item = Item(f"{PHOTOS}/{photo.path}", photo.label, PurePosixPath(photo.path).name, group(photo.path))
        in_classes[photo.label].append(item)
    counts = [ClassCount(label, len(items), _garments(items)) for label, items in sorted(in_classes.items())]
    unsorted = [Item(project.name(file), None, file.name, group(file.name)) for file in files]
    inside = {str(folder) for photo in listing.photos for folder in PurePosixPath(photo.path).parents}
    folders = {listing.root / path for path in {*inside, *empty, "."}} | {file.parent for file in files}
    tables = {listing.root / "split.csv", project.private / "bursts.csv", project.unsorted}
    return _Snapshot(
        {label: tuple(items) for label, items in (*in_classes.items(), (None, unsorted))},
        Counts(tuple(counts), len(files), (*listing.skipped, *skipped), listing.notes),
        {path: _time(path) for path in folders | tables},
    )


def _read_groups(project: Project) -> Callable[[str], str]:
    """Returns the function that gives the garment of a photo: the group in split.csv, or its burst."""
    bursts, path = read_bursts(project), project.photos / "split.csv"
    in_split: dict[str, str] = {}
    with suppress(SplitError):  # a damaged one is told where it is used
        if path.exists():
            in_split = {row.photo: row.group for row in Split.read(path, project.photos).rows}
    return lambda photo: in_split.get(photo) or burst_of(photo, bursts)


def _garments(items: Sequence[Item]) -> int:
    return len({item.group or item.id for item in items})


def _time(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
