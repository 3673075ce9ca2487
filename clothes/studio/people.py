"""Groups of photos from a table of the user, as `clothes split --groups` reads it: those of one person, or one shop.

.studio/people.csv names the photos by their content, so that it stays right wherever they are moved.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from clothes.errors import PhotosError, SplitError
from clothes.photos.folders import list_class_folders
from clothes.photos.split_constraints import read_groups
from clothes.photos.split_file import Split
from clothes.studio.project import TRASH, Project
from clothes.system.checksums import sha256_file
from clothes.system.csv_files import csv_text, read_table
from clothes.system.files import move, write_text

_PEOPLE = "people.csv"
_AGAIN = "The photos are shared out anew. Tests of earlier recognisers do not compare with new ones."


def has_people(project: Project) -> bool:
    """Whether the project has a table of groups."""
    return (project.private / _PEOPLE).exists()


def take_people(project: Project, path: Path, name: str) -> list[str]:
    """Takes the groups of a table in place of earlier ones. Returns what to tell.

    The split is made anew, as it may tear the groups: the earlier one goes into the trash. Raises SplitError for
    another table, or one that names none of the photos.
    """
    with project.lock():
        notes: list[str] = []
        photos = list_class_folders(project.photos).photos
        try:
            groups = read_groups(path, photos, notes)
        except SplitError as error:
            raise SplitError(str(error).replace(str(path), name)) from None
        known = _known_checksums(project)
        rows = [(_checksum(project, known, photos[i].path), group) for group, of in groups.items() for i in of]
        notes += _set_split_aside(project)
        write_text(project.private / _PEOPLE, csv_text(rows))  # after a split that may tear the groups
    head = f"{len(groups):,} group{'s' * (len(groups) != 1)} in {name}: photos of a group stay in one part."
    return [head, *(note.replace(path.name, name) for note in notes)]


def forget_people(project: Project) -> str:
    """Moves the table of groups, and the split that was made with it, into the trash. Returns a sentence."""
    with project.lock():
        if not has_people(project):
            return "There are no groups of a table."
        move(project.private / _PEOPLE, _free(project.private / TRASH / _PEOPLE))
        return " ".join(["The groups of the table are forgotten.", *_set_split_aside(project)])


def _set_split_aside(project: Project) -> list[str]:
    """Moves the split into the trash, so that it is made anew. Returns what to tell of it."""
    there = [path for path in (project.photos / "split.csv", project.private / "parts.csv") if path.exists()]
    for table in there:
        move(table, _free(project.private / TRASH / table.name))
    return [_AGAIN] if there else []


def people_of(project: Project, photos: list[str]) -> Iterator[tuple[str, str]]:
    """Yields the photos that are in groups, each with its group. Raises PhotosError if the table cannot be read."""
    if not has_people(project):
        return
    try:
        rows = read_table(project.private / _PEOPLE)
    except (OSError, ValueError) as error:
        path = project.private / _PEOPLE
        raise PhotosError(f"{path} cannot be read: {error}. Remove it, and drop your table of groups again.") from None
    groups: dict[str, list[str]] = {}
    for _, cells in rows:
        groups.setdefault(cells[0], []).append(cells[-1])
    known = _known_checksums(project)
    for photo in photos:
        for group in groups.get(_checksum(project, known, photo), ()):
            yield photo, group


def _known_checksums(project: Project) -> dict[str, str]:
    """Returns those that the split has: it need not read the photos again."""
    path = project.photos / "split.csv"
    with suppress(SplitError):  # a damaged one is told where it is used
        return {row.photo: row.sha256 for row in Split.read(path, project.photos).rows} if path.exists() else {}
    return {}


def _checksum(project: Project, known: dict[str, str], photo: str) -> str:
    if known.get(photo):
        return known[photo]
    path = project.photos / photo
    status = path.stat()
    return _read_checksum(path, status.st_size, status.st_mtime_ns)


@lru_cache(100_000)
def _read_checksum(path: Path, size: int, changed: int) -> str:
    return sha256_file(path)


def _free(path: Path) -> Path:
    """Returns a name beside others that are taken."""
    number = 1
    while os.path.lexists(free := path.with_stem(f"{path.stem}-{number}")):
        number += 1
    return free
