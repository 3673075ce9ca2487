"""Groups: frames of one burst show one garment and belong into one part. Makes the split, which keeps them together.

.studio/bursts.csv names the frames by their content, so that it stays right wherever they are moved. groups.csv is
written from it, with the paths that `clothes split --groups` reads.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import nullcontext, suppress
from dataclasses import replace
from pathlib import Path, PurePosixPath

from clothes.config import SplitConfig
from clothes.errors import PhotosError
from clothes.photos.folders import Listing, list_class_folders
from clothes.photos.split import split
from clothes.photos.split_file import Row, Split
from clothes.studio.people import has_people, people_of
from clothes.studio.project import Project
from clothes.studio.tables import PARTS, table_path
from clothes.system.csv_files import csv_text, read_table
from clothes.system.files import append_synced, write_text
from clothes.system.progress import Progress

GROUPS = "groups.csv"
_BURSTS = "bursts.csv"
_CONTENT = re.compile(r"[0-9a-f]{16}")  # the name of a stored photo begins with its checksum
_TRIES = 3  # to read all photos while none changes; the last one keeps others from changing them
_STRICTEST = ("test", "validation", "train")


def add_to_burst(project: Project, checksums: Iterable[str], burst: str) -> None:
    """Notes the frames of a burst, before they are stored. Raises OSError."""
    with (project.private / _BURSTS).open("ab") as file:
        # The empty line ends what a kill has torn.
        append_synced(file, ("\n" + csv_text((sha256[:16], burst) for sha256 in checksums)).encode())


def read_bursts(project: Project) -> dict[str, str]:
    """Returns the burst of each frame, by the first 16 characters of its checksum."""
    path = project.private / _BURSTS
    try:
        rows = read_table(path) if path.exists() else []
    except (OSError, ValueError) as error:
        raise PhotosError(f"{path} cannot be read: {error}. Remove it: frames then count as photos.") from None
    return {cells[0]: cells[1] for _, cells in rows if len(cells) == 2}


def burst_of(photo: str, bursts: Mapping[str, str]) -> str:
    """Returns the burst of a photo by its name, or an empty text."""
    found = _CONTENT.match(PurePosixPath(photo).name)
    return bursts.get(found[0], "") if found else ""


def write_groups(project: Project) -> Path | None:
    """Writes groups.csv for the photos as they lie now. Returns its path, or None if no photo is in a group.

    A photo may be in a burst and in a group of the user's table: the split joins them.
    """
    bursts, path = read_bursts(project), project.root / GROUPS
    rows = []
    with suppress(PhotosError):  # no photo
        if bursts or has_people(project):
            photos = [photo.path for photo in list_class_folders(project.photos).photos]
            rows = [(photo, burst) for photo in photos if (burst := burst_of(photo, bursts))]
            rows += people_of(project, photos)
    text = csv_text([("photo", "group"), *rows])
    if path.read_bytes() != text.encode() if path.exists() else rows:
        write_text(path, text)
    return path if rows else None


def update_split(project: Project, *, config: SplitConfig | None = None, progress: Progress | None = None) -> Split:
    """Returns the split of all photos, which it writes to split.csv. Earlier photos keep their parts.

    Frames of one burst stay together. Reads every photo, unless the split lists them all; others may change photos
    or groups meanwhile. Raises PhotosError and SplitError as `clothes.split` does.
    """
    for left in reversed(range(_TRIES)):
        with nullcontext() if left else project.lock():
            with project.lock():
                groups = write_groups(project)
                grouped = _read_groups(project)
                there, previous, current = _look(project)
            if current:
                return current
            result = split(project.photos, config=config, groups=groups, previous=previous, progress=progress)
            with project.lock():
                if _there(list_class_folders(project.photos)) == there and _read_groups(project) == grouped:
                    result.write(project.photos / "split.csv", overwrite=True)
                    return result
    raise PhotosError(f"The photos in {project.photos} change all this time. Wait until nothing is added any more.")


def _look(project: Project) -> tuple[set[tuple[str, str]], Split | None, Split | None]:
    """Returns the photos that are there, the split they had before, and the present split if it lists them all."""
    path, listing = project.photos / "split.csv", list_class_folders(project.photos)
    there = _there(listing)
    if not path.exists():
        return there, None, None
    written = Split.read(path, project.photos)
    rows = tuple(_without_torn(written.rows, read_bursts(project)))
    left = tuple(row for row in rows if (row.photo, row.label) in there)
    remembered = _remember(project, set(rows) - set(left))
    if len(left) < len(there) or _is_any_newer(listing, path):
        return there, replace(written, rows=(*remembered, *rows)), None
    current = replace(written, rows=left)
    if len(left) < len(written.rows):
        current.write(path, overwrite=True)
    return there, written, current


def _read_groups(project: Project) -> bytes:
    path = project.root / GROUPS
    return path.read_bytes() if path.exists() else b""


def _there(listing: Listing) -> set[tuple[str, str]]:
    return {(photo.path, photo.label) for photo in listing.photos}


def _remember(project: Project, gone: Iterable[Row]) -> list[Row]:
    """Adds photos that are gone to those whose parts are remembered: they have them again if they come back.

    Returns the rows of those remembered before.
    """
    path = table_path(project, PARTS)
    before = {row.sha256: row for row in (Split.read(path, project.private).rows if path.exists() else ())}
    rows = before | {row.sha256: replace(row, photo=row.sha256) for row in gone if row.sha256}
    if rows != before:
        Split(project.private, tuple(rows.values())).write(path, overwrite=True)
    return list(before.values())


def _without_torn(rows: Iterable[Row], bursts: Mapping[str, str]) -> Iterable[Row]:
    """Yields the rows of an earlier split without those that tear a burst: its frames move to the strictest part."""
    rows = list(rows)
    parts: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        parts[bursts.get(row.sha256[:16], "")].add(row.part)
    for row in rows:
        burst = bursts.get(row.sha256[:16], "")
        if not burst or row.part == next(part for part in _STRICTEST if part in parts[burst]):
            yield row


def _is_any_newer(listing: Listing, path: Path) -> bool:
    """Whether a photo was written after a split."""
    since = path.stat().st_mtime_ns
    return any((listing.root / photo.path).stat().st_mtime_ns > since for photo in listing.photos)
