"""The folders of the classes, however they are spelt and below whatever part folders, and free names in them."""

import os
import unicodedata
from itertools import chain, count
from pathlib import PurePosixPath

from clothes.errors import PhotosError
from clothes.photos.class_names import PART_FOLDERS, is_same_class
from clothes.photos.folders import EMPTY_CLASS, Listing, PhotoLister, from_class, list_class_folders, list_photos
from clothes.photos.split_file import Split
from clothes.studio.moves import read_sources
from clothes.studio.project import PHOTOS, UNSORTED, Project
from clothes.system.checksums import sha256_file


def list_classes(project: Project) -> Listing:
    """Returns the listing of the photos, also if there is none yet: then with the empty class folders as skipped."""
    try:
        return list_class_folders(project.photos)
    except PhotosError:
        if list_photos(project.photos)[0]:
            raise
        return Listing(project.photos, (), (), ())


def empty_classes(listing: Listing) -> list[str]:
    """Returns the class folders without photos, relative to the photos."""
    if listing.photos:
        return [item.path for item in listing.skipped if item.reason == EMPTY_CLASS]
    names, _ = PhotoLister(listing.root).sort_entries()
    return [name for name in names if name.lower() not in PART_FOLDERS]


class ClassFolders:
    """The classes of a project as they are now. `photos` maps the ids of the photos to their classes."""

    def __init__(self, project: Project, listing: Listing | None = None) -> None:
        self._project = project
        listing = listing or list_classes(project)
        self.photos = {f"{PHOTOS}/{photo.path}": photo.label for photo in listing.photos}
        self._folders: dict[str, str] = {}  # the folder of a class -> the class
        for photo, label in self.photos.items():
            above, name, _ = self.divide(photo)
            self._folders[above + name] = label
        for path in empty_classes(listing):
            name = unicodedata.normalize("NFC", path.rpartition("/")[2])
            same = next((label for label in self._folders.values() if is_same_class(label, name)), name)
            self._folders[f"{PHOTOS}/{path}"] = same

    @property
    def labels(self) -> set[str]:
        return set(self._folders.values())

    def find(self, label: str) -> str | None:
        """Returns a class as it is spelt here, or None."""
        labels = self.labels
        name = unicodedata.normalize("NFC", label)
        return name if name in labels else next((there for there in sorted(labels) if is_same_class(there, name)), None)

    def existing(self, label: str) -> str:
        """Returns a class as it is spelt here. Raises PhotosError if there is none."""
        if (found := self.find(label)) is None:
            raise PhotosError(f"There is no class {label[:50]}. It may have been renamed: load the page again.")
        return found

    def of(self, label: str) -> list[str]:
        """Returns the folders of a class."""
        return sorted(folder for folder, name in self._folders.items() if name == label)

    def label_of(self, photo: str) -> str:
        """Returns the class of a photo, or an empty text for an unsorted one. Raises PhotosError for other files."""
        if photo.startswith(f"{UNSORTED}/"):
            return ""
        if photo not in self.photos:
            raise PhotosError(f"{photo[:100]} lies in no class. Move it into a class folder, and load the page again.")
        return self.photos[photo]

    def divide(self, photo: str) -> tuple[str, str, str]:
        """Returns the id of a photo in three: up to its class folder, the name of that folder, and the rest."""
        inside = from_class(photo.partition("/")[2], self.photos[photo]).as_posix()
        name, _, rest = inside.partition("/")
        return photo.removesuffix(inside), name, rest

    def beside(self, above: str, label: str) -> str:
        """Returns the folder of a class in the same folder as others, which may not exist yet."""
        with os.scandir(self._project.place(above.removesuffix("/"))) as entries:
            names = sorted(entry.name for entry in entries if entry.is_dir())
        same = [name for name in names if is_same_class(name, label)]
        return above + (label if label in same or not same else same[0])


class FreeNames:
    """Names for photos that move. Taken are those of other photos and those in split.csv and sources.csv.

    Two names that one system or another holds for the same (1.JPG and 1.jpg) are the same name.
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self._listed: dict[str, str] = {}  # a place in a table -> the checksum of its photo
        for kind, rows in read_sources(project).items():
            self._listed |= {_folded(f"{kind}/{cells[0]}"): cells[1] for cells in rows}
        if (split := project.photos / "split.csv").exists():
            photos = Split.read(split, project.photos).rows
            self._listed |= {_folded(f"{PHOTOS}/{row.photo}"): row.sha256 for row in photos}
        self._taken: dict[str, set[str]] = {}  # folder -> the places in it

    def choose(self, photo: str, wanted: str) -> str:
        """Returns the wanted place for a photo, or one beside it with a number."""
        folder, _, name = wanted.rpartition("/")
        stem, suffix = PurePosixPath(name).stem, PurePosixPath(name).suffix
        taken = self._taken.setdefault(folder, self._list(folder))
        for candidate in chain([wanted], (f"{folder}/{stem}-{number}{suffix}" for number in count(2))):
            if (place := _folded(candidate)) not in taken and not self._is_listed_otherwise(place, photo):
                break
        taken.add(place)
        return candidate

    def lists_below(self, folder: str) -> bool:
        """Whether a table has photos in a folder, which are gone if there is no such folder."""
        return any(place.startswith(f"{_folded(folder)}/") for place in self._listed)

    def _list(self, folder: str) -> set[str]:
        try:
            return {_folded(f"{folder}/{path.name}") for path in self._project.place(folder).iterdir()}
        except FileNotFoundError:
            return set()

    def _is_listed_otherwise(self, place: str, photo: str) -> bool:
        """Whether a table has another photo there, which is gone. The photo itself may come back to its row."""
        checksum = self._listed.get(place)
        return checksum is not None and checksum != sha256_file(self._project.place(photo))


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
