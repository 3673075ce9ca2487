"""The project: the folder in which the studio keeps photos, runs and what it needs for itself.

FOLDER/photos/<class>/*    the photos, as every command takes them, or another folder that is used in place
FOLDER/unsorted/*          photos without a class
FOLDER/runs/<name>/        run folders
FOLDER/groups.csv          the groups of the photos, for `clothes split --groups`
FOLDER/.studio/            project.json, journal.jsonl, bursts.csv, trash/, thumbnails/, jobs/

The id of a photo is its path with slashes: photos/shirt/1.jpg (also if the photos lie elsewhere) or unsorted/1.jpg.
"""

import os
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypedDict

from clothes.errors import ClothesError, PhotoError, PhotosError
from clothes.photos.decode import SUFFIXES
from clothes.photos.folders import list_class_folders, list_photos
from clothes.system.checksums import json_text
from clothes.system.files import write_text
from clothes.system.locks import folder_lock
from clothes.system.terminal_text import utf8
from clothes.system.validation import read_json, stays_below

PRIVATE, PHOTOS, UNSORTED, TRASH = ".studio", "photos", "unsorted", "trash"
_INFO = "project.json"
_WAIT_SECONDS = 20.0  # for another writer

_threads: defaultdict[Path, threading.RLock] = defaultdict(threading.RLock)  # by project
_locked: set[Path] = set()  # the projects that this process has locked


class _ProjectInfo(TypedDict):
    """The content of project.json: the folder of the photos, relative to the project."""

    photos: str


@dataclass(frozen=True)
class Project:
    """A project's folders. All of them exist."""

    root: Path
    photos: Path

    def require_photos(self) -> None:
        """Raises PhotosError if the folder of the photos is gone, before anything makes an empty one in its place."""
        if not self.photos.is_dir():
            raise PhotosError(
                f"The folder {self.photos} is gone: it was moved or renamed, or its disk is not connected. The studio "
                "has changed nothing. Put it back, and this page goes on; or start the studio with its new place."
            )

    @property
    def runs(self) -> Path:
        return self.root / "runs"

    @property
    def unsorted(self) -> Path:
        return self.root / UNSORTED

    @property
    def private(self) -> Path:
        return self.root / PRIVATE

    @classmethod
    def open(cls, folder: str | os.PathLike[str]) -> Self:
        """Opens the project in a folder and makes what is missing.

        A folder of class folders is used in place: its project is the folder FOLDER-studio beside it. Raises
        ClothesError if the folder cannot be used.
        """
        chosen = Path(os.path.normpath(Path(folder).absolute()))
        _require_name(chosen)
        try:
            project = cls(*_find(chosen))
            for path in (project.photos, project.runs, project.unsorted, project.private / TRASH):
                path.mkdir(parents=True, exist_ok=True)
            if not is_project(project.root):
                relative = Path(os.path.relpath(project.photos, project.root)).as_posix()
                write_text(project.private / _INFO, json_text({"photos": relative}))
        except OSError as error:
            raise ClothesError(
                f"The project in {chosen} cannot be used: {error.strerror or error}. Choose a folder that you may "
                "write to."
            ) from None
        return project

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Lets one writer at a time into the project. A thread may enter again. Raises ClothesError after a wait."""
        with _threads[self.root]:
            if self.root in _locked:
                yield
                return
            until = time.monotonic() + _WAIT_SECONDS
            while True:
                with folder_lock(self.private) as is_free:
                    if is_free:
                        _locked.add(self.root)
                        try:
                            yield
                        finally:
                            _locked.discard(self.root)
                        return
                if time.monotonic() > until:
                    raise ClothesError(
                        f"Another studio is changing the photos of {self.root}. Wait until it has ended, and try again."
                    )
                time.sleep(0.05)

    def photo_path(self, photo: str) -> Path:
        """Returns the path of a photo by its id. Raises PhotoError for any other text."""
        kind, _, rest = photo.partition("/")
        hidden = any(part.startswith((".", "__")) for part in rest.split("/"))
        is_photo = kind in (PHOTOS, UNSORTED) and Path(rest).suffix.lower() in SUFFIXES and not hidden
        if not is_photo or not stays_below(rest):
            raise PhotoError(photo[:100], "missing", "the project has no such photo")
        return self.place(photo)

    def place(self, name: str) -> Path:
        """Returns the path of photos/..., unsorted/... or trash/... Raises ValueError for any other name."""
        kind, _, rest = name.partition("/")
        roots = {PHOTOS: self.photos, UNSORTED: self.unsorted, TRASH: self.private / TRASH}
        if kind not in roots or (rest and not stays_below(rest)):
            raise ValueError(f"{name[:100]!r} is no place in the project")
        return roots[kind] / rest

    def name(self, path: Path) -> str:
        """Returns the id of a photo in the photos or among the unsorted ones."""
        kind, root = (PHOTOS, self.photos) if path.is_relative_to(self.photos) else (UNSORTED, self.unsorted)
        return f"{kind}/{path.relative_to(root).as_posix()}"


def is_project(folder: Path) -> bool:
    """Whether a folder holds a project."""
    return (folder / PRIVATE / _INFO).exists()


def _require_name(chosen: Path) -> None:
    """Raises ClothesError for a folder without a name, or with one that no file of a project can hold."""
    if not chosen.name:
        raise ClothesError(f"{chosen} is a whole disk, which cannot be a project. Choose a folder on it.")
    if (shown := utf8(str(chosen))) != str(chosen):
        raise ClothesError(f"{shown} cannot be a project: its path is not valid text (UTF-8). Rename it.")


def _find(chosen: Path) -> tuple[Path, Path]:
    """Returns the folder of the project and that of its photos. Raises ClothesError if there can be no project."""
    beside = chosen.with_name(f"{chosen.name}-studio")
    for root in (chosen, chosen.parent, beside):
        if is_project(root) and (root == chosen or _read_photos(root) == chosen):
            photos = _read_photos(root)
            if photos != root / PHOTOS and not photos.is_dir():
                raise ClothesError(
                    f"The project {root} uses the photos in {photos}, and there is no such folder. Put it back under "
                    "that name, or choose another project."
                )
            return root, photos
    if not chosen.exists() or (chosen / PHOTOS).is_dir():
        return chosen, chosen / PHOTOS
    if not chosen.is_dir():
        raise ClothesError(
            f"{chosen} is a file, and a project is a folder. Choose a folder; add photos and zip files on its page."
        )
    try:
        list_class_folders(chosen)
    except PhotosError as error:
        if list_photos(chosen)[0]:
            raise ClothesError(
                f"{chosen} cannot be a project: {error} Or choose another folder, and add these photos on its page."
            ) from None
        return chosen, chosen / PHOTOS
    if is_project(beside):
        raise ClothesError(
            f"{chosen} would have its project in {beside}, which is the project of other photos. Rename one of them."
        )
    return beside, chosen


def _read_photos(root: Path) -> Path:
    """Returns the folder of a project's photos: its own, or one beside it."""
    path = root / PRIVATE / _INFO
    try:
        name = read_json(path, _ProjectInfo)["photos"]
        below = name.removeprefix("../")
        if name != PHOTOS and (name == below or "/" in below or not stays_below(below)):
            raise ValueError(f"{name[:100]!r} is no folder beside the project")
    except (OSError, ValueError) as error:
        raise ClothesError(f"{path} cannot be read: {error}. Remove it to begin the project anew.") from None
    return Path(os.path.normpath(root / name))
