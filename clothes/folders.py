"""Photos on disk: one folder per class, perhaps below train/, validation/ and test/."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from clothes.errors import PhotosError
from clothes.images import SUFFIXES

# What people call the three parts.
PART_FOLDERS = {
    "train": "train",
    "validation": "validation",
    "val": "validation",
    "valid": "validation",
    "test": "test",
}
_OURS = {"split.csv", "sources.csv", "SOURCE.txt", "LICENSE.txt"}  # what clothes itself puts beside photos


@dataclass(frozen=True)
class Skipped:
    """A file or folder that was not used, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class PhotoFile:
    """A photo in a class folder: `path` is relative to the root, with slashes; `label` is the class."""

    path: str
    label: str
    part: str | None = None


@dataclass(frozen=True)
class Listing:
    """What lies below a folder of class folders. `part` of the photos is None unless there are part folders."""

    root: Path
    photos: tuple[PhotoFile, ...]
    classes: tuple[str, ...]
    skipped: tuple[Skipped, ...]

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts that stand there as folders: of train, validation, test."""
        found = {photo.part for photo in self.photos}
        return tuple(part for part in ("train", "validation", "test") if part in found)


def list_class_folders(root: str | os.PathLike[str]) -> Listing:
    """The photos of ROOT/<class>/** or ROOT/{train,validation|val|valid,test}/<class>/**, sorted by path.

    Hidden folders, odd files and empty classes are listed as skipped. Nothing is opened. Raises PhotosError when
    there is nothing to list.
    """
    root = Path(root)
    entries = _entries(root)
    skipped: list[Skipped] = []
    folders, loose = _sort_out(root, entries, skipped)
    photos: list[PhotoFile] = []
    as_parts = {name: PART_FOLDERS[name.lower()] for name in folders if name.lower() in PART_FOLDERS}
    if "train" in as_parts.values() and len(as_parts) > 1:
        for name in folders:
            if name not in as_parts:
                skipped.append(Skipped(name, "beside train/ and test/ a folder is not a class"))
                continue
            classes, lost = _sort_out(root / name, _entries(root / name), skipped, prefix=f"{name}/")
            skipped += [Skipped(path, "lies outside the class folders") for path in lost]
            for label in classes:
                photos += _class_photos(root, f"{name}/{label}", label, as_parts[name], skipped)
    else:
        for name in folders:
            photos += _class_photos(root, name, name, None, skipped)
    if not photos:
        if loose:
            raise PhotosError(
                f"{root} has {len(loose)} photos but no class folders. Make one folder per class and put the photos "
                f"into them: {root / 'shirt'}, {root / 'trousers'}, ..."
            )
        found = f"{len(skipped)} other files" if skipped else "nothing"
        raise PhotosError(f"No photo below {root}; it holds {found}. Put photos into one folder per class there.")
    skipped += [Skipped(path, "lies outside the class folders") for path in loose]
    return Listing(
        root=root,
        photos=tuple(sorted(photos, key=lambda photo: photo.path)),
        classes=tuple(sorted({photo.label for photo in photos})),
        skipped=tuple(sorted(skipped, key=lambda item: item.path)),
    )


def list_photos(root: str | os.PathLike[str]) -> tuple[list[Path], list[Skipped]]:
    """Every photo below a folder, sorted, and what was skipped."""
    root = Path(root)
    _entries(root)
    skipped: list[Skipped] = []
    found = [root / path for path in _walk(root, "", skipped)]
    return sorted(found), skipped


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except FileNotFoundError:
        raise PhotosError(f"There is no folder {folder}. Check the path.") from None
    except NotADirectoryError:
        raise PhotosError(f"{folder} is a file. Name the folder that holds one folder per class.") from None
    except OSError as error:
        raise PhotosError(f"The folder {folder} cannot be read: {error.strerror}.") from None


def _sort_out(
    root: Path, entries: list[os.DirEntry[str]], skipped: list[Skipped], *, prefix: str = ""
) -> tuple[list[str], list[str]]:
    """The names of the folders, and the paths of the photos that lie loose beside them."""
    folders, loose = [], []
    for entry in entries:
        if entry.name.startswith((".", "__")):
            skipped.append(Skipped(prefix + entry.name, "hidden"))
        elif entry.is_dir():
            folders.append(entry.name)
        elif Path(entry.name).suffix.lower() in SUFFIXES:
            loose.append(prefix + entry.name)
        elif entry.name not in _OURS:
            skipped.append(Skipped(prefix + entry.name, "not a photo by its name"))
    return folders, loose


def _class_photos(root: Path, folder: str, label: str, part: str | None, skipped: list[Skipped]) -> list[PhotoFile]:
    photos = [PhotoFile(path, label, part) for path in _walk(root, folder, skipped)]
    if not photos:
        skipped.append(Skipped(folder, "a class folder without photos"))
    return photos


def _walk(root: Path, folder: str, skipped: list[Skipped], seen: frozenset[str] = frozenset()) -> Iterator[str]:
    """Paths (relative to root, with slashes) of the photos below a folder. A link back to a folder above is left."""
    real = os.path.realpath(root / folder)
    if real in seen:
        skipped.append(Skipped(folder, "a link that leads back to a folder above it"))
        return
    try:
        with os.scandir(root / folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        skipped.append(Skipped(folder, f"the folder cannot be read ({error.strerror})"))
        return
    for entry in entries:
        path = f"{folder}/{entry.name}" if folder else entry.name
        if entry.name.startswith((".", "__")):
            skipped.append(Skipped(path, "hidden"))
        elif entry.is_dir():
            yield from _walk(root, path, skipped, seen | {real})
        elif Path(entry.name).suffix.lower() not in SUFFIXES:
            skipped.append(Skipped(path, "not a photo by its name"))
        elif not entry.is_file():
            skipped.append(Skipped(path, "a link to nothing" if entry.is_symlink() else "not a regular file"))
        else:
            yield path
