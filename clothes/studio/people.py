"""Groups of photos from a table of the user, as `clothes split --groups` reads it: those of one person, or one shop.

.studio/people.csv names the photos by their content, so that it stays right wherever they are moved.
"""

from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from clothes.errors import PhotosError, SplitError
from clothes.photos.folders import list_class_folders
from clothes.photos.split_constraints import read_groups
from clothes.photos.split_file import Split
from clothes.studio.project import Project
from clothes.studio.tables import PEOPLE, SPLIT, table_path
from clothes.system.checksums import sha256_file
from clothes.system.csv_files import csv_text, read_table
from clothes.system.plurals import counted


def has_people(project: Project) -> bool:
    """Whether the project has a table of groups."""
    return table_path(project, PEOPLE).exists()


def read_groups_table(project: Project, path: Path, name: str) -> tuple[str, list[str]]:
    """Returns the text of people.csv for a table that a person calls `name`, and what to tell of it.

    Raises SplitError for another table, or one that names none of the photos.
    """
    notes: list[str] = []
    photos = list_class_folders(project.photos).photos
    try:
        groups = read_groups(path, photos, notes)
    except SplitError as error:
        raise SplitError(str(error).replace(str(path), name)) from None
    known = _known_checksums(project)
    rows = [(_checksum(project, known, photos[i].path), group) for group, of in groups.items() for i in of]
    head = f"{counted(len(groups), 'group')} in {name}: photos of a group stay in one part."
    return csv_text(rows), [head, *(note.replace(path.name, name) for note in notes)]


def people_of(project: Project, photos: list[str]) -> Iterator[tuple[str, str]]:
    """Yields the photos that are in groups, each with its group. Raises PhotosError if the table cannot be read."""
    if not has_people(project):
        return
    try:
        rows = read_table(table_path(project, PEOPLE))
    except (OSError, ValueError) as error:
        path = table_path(project, PEOPLE)
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
    path = table_path(project, SPLIT)
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
