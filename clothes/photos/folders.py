"""Lists photos on disk: one folder per class, possibly below train/, validation/ and test/."""

import os
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path, PurePosixPath

from clothes.errors import PhotosError
from clothes.photos.class_names import PART_FOLDERS, choose_spellings, is_same_class, spelling_notes
from clothes.photos.decode import SUFFIXES
from clothes.system.plurals import counted, other_files

OTHER = "_other"  # the folder of photos that show none of the classes, to learn rejection
_DEEPEST = 40  # levels of folders
EMPTY_CLASS = "a class folder without photos"  # the reason why such a folder is skipped
LOOSE = "lies outside the class folders"  # the reason why such a photo is skipped
RECORDS = {"split.csv", "sources.csv", "SOURCE.txt", "LICENSE.txt"}  # written by clothes beside photos
_OWN = {*RECORDS, ".collecting.csv"}  # and the journal that is there while photos are collected


@dataclass(frozen=True)
class Skipped:
    """A file or folder that was not used, and why."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class PhotoFile:
    """A photo in a class folder. `path` is relative to the root, with slashes, and `label` is the class.

    The path is spelt as on disk. The label is in Unicode form NFC, so that a class that one system wrote into train/
    and another into test/ is one class.
    """

    path: str
    label: str
    part: str | None = None


@dataclass(frozen=True)
class Listing:
    """The photos of a folder of class folders. Their `part` is None unless there are part folders.

    Photos in a folder `_other` have that label, which is not in `classes`.
    """

    root: Path
    photos: tuple[PhotoFile, ...]
    classes: tuple[str, ...]
    skipped: tuple[Skipped, ...]
    notes: tuple[str, ...] = ()  # remarks for people on the classes

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts that exist as folders: of train, validation, test."""
        found = {photo.part for photo in self.photos}
        return tuple(part for part in ("train", "validation", "test") if part in found)


def list_class_folders(root: str | os.PathLike[str], *, classes: Collection[str] = ()) -> Listing:
    """Returns the photos of ROOT/<class>/** or ROOT/{train,validation|val|valid,test}/<class>/**, sorted by path.

    A folder that holds train/ alone, with class folders in it, has that one part. All of that may lie below single
    folders, as in ROOT/data/photos. Two spellings of a class are one: that of `classes`, else the more frequent one.
    Hidden folders, odd files and empty classes are listed as skipped. Opens no file. Raises PhotosError if there is
    nothing to list, or parts without train.
    """
    lister = PhotoLister(Path(root))
    base, folders, loose = lister.find_class_folders()
    parts = _part_folders(lister.root / base, folders)
    photos: list[PhotoFile] = []
    for name in folders:
        if not parts:
            photos += lister.class_photos(base + name, None)
        elif name in parts:
            photos += lister.part_photos(base + name, parts[name])
        else:
            lister.skip(base + name, "beside train/ and test/ a folder is not a class")
    if not photos:
        raise _no_photos(lister.root, loose, lister.skipped)
    for path in loose:
        lister.skip(path, LOOSE)
    spellings = choose_spellings((photo.label for photo in photos), (OTHER, *classes))
    return Listing(
        root=lister.root,
        photos=tuple(sorted((replace(p, label=spellings[p.label]) for p in photos), key=lambda photo: photo.path)),
        classes=tuple(sorted({*spellings.values()} - {OTHER})),
        skipped=tuple(sorted(lister.skipped, key=lambda item: item.path)),
        notes=tuple(_notes(base, photos, spellings)),
    )


def _notes(base: str, photos: Sequence[PhotoFile], spellings: Mapping[str, str]) -> Iterator[str]:
    """Yields a note for each choice of classes that the names of the folders leave open."""
    if base:
        yield f"The class folders are those in {base.removesuffix('/')}."
    for name, note in spelling_notes(spellings).items():
        yield f"{note} Rename the folder {name}."
    inside: dict[str, set[str]] = defaultdict(set)  # class -> folders in its folder; "" for photos beside them
    for photo in photos:
        inside[photo.label].add("/".join(from_class(photo.path, photo.label).parts[1:-1]))
    deeper = {name: sorted(found - {""}) for name, found in inside.items() if "" not in found or len(inside) == 1}
    if nested := sorted(name for name, folders in deeper.items() if len(folders) > 1):
        yield (
            f"Class folders that hold folders: {len(nested):,} of {len(inside):,}, such as {nested[0]} "
            f"({', '.join(deeper[nested[0]][:4])}). Each counts as one class. If the folders inside are the classes, "
            "move them."
        )


def list_photos(root: str | os.PathLike[str]) -> tuple[list[Path], list[Skipped]]:
    """Returns every photo below a folder, sorted, and what was skipped. Raises PhotosError if it cannot be read."""
    lister = PhotoLister(Path(root))
    _entries(lister.root)  # `walk` would skip a folder that cannot be read
    return sorted(lister.root / path for path in lister.walk("")), lister.skipped


def class_folder(root: str | os.PathLike[str], label: str) -> Path:
    """Returns the folder for new photos of a class: beside the other classes, in train/ if there are part folders.

    An existing class is found however it is spelt, so that Shirt and shirt are one class on every system. Raises
    PhotosError if the root does not exist or has parts without train.
    """
    lister = PhotoLister(Path(root))
    base, folders, _ = lister.find_class_folders()
    for name, part in _part_folders(lister.root / base, folders).items():
        if part == "train":
            base = f"{base}{name}/"
            folders, _ = lister.sort_entries(base)
            break
    same = [name for name in folders if is_same_class(name, label)]
    return lister.root / base / (label if label in same or not same else same[0])


def without_part(photo: str) -> PurePosixPath:
    """Returns a photo's path without the part folder: train/shirt/1.jpg -> shirt/1.jpg."""
    path = PurePosixPath(photo)
    return PurePosixPath(*path.parts[1:]) if len(path.parts) > 2 and path.parts[0].lower() in PART_FOLDERS else path


def from_class(photo: str, label: str) -> PurePosixPath:
    """Returns a photo's path from the folder of its class on: data/train/shirt/1.jpg -> shirt/1.jpg."""
    names = PurePosixPath(photo).parts
    return PurePosixPath(*names[next((i for i, name in enumerate(names[:-1]) if is_same_class(name, label)), 0) :])


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


def _part_folders(root: Path, folders: list[str]) -> dict[str, str]:
    """Returns the folders that are parts: name -> part. Raises PhotosError if there are parts without train."""
    parts = {name: PART_FOLDERS[name.lower()] for name in folders if name.lower() in PART_FOLDERS}
    entries = {name: PhotoLister(root / name).sort_entries() for name in parts}
    holds_classes = [name for name, (inside, loose) in entries.items() if inside and not loose]
    if "train" in parts.values() and (len(parts) > 1 or holds_classes == folders):
        return parts
    if holds_classes:
        raise PhotosError(
            f"{root / holds_classes[0]} holds folders like a part of a split, but parts are called train, "
            f"test and validation, and train must be there. {root} has {', '.join(folders[:5])}. Rename those, or name "
            "the folder that holds one folder per class."
        )
    return {}


def _no_photos(root: Path, loose: list[str], skipped: list[Skipped]) -> PhotosError:
    if loose:
        return PhotosError(
            f"{root} has {counted(len(loose), 'photo')} but no class folders. Make one folder per class and put the "
            f"photos into them: {root / 'shirt'}, {root / 'trousers'}, ..."
        )
    found = other_files(len(skipped))
    return PhotosError(f"No photo below {root}; it holds {found}. Put photos into one folder per class there.")


class PhotoLister:
    """Lists photos below a root and keeps what was skipped. Paths are relative to the root, with slashes."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.skipped: list[Skipped] = []
        self._followed: set[str] = set()  # targets of links: none is followed twice

    def skip(self, path: str, reason: str) -> None:
        self.skipped.append(Skipped(path, reason))

    def find_class_folders(self) -> tuple[str, list[str], list[str]]:
        """Returns the folder that holds the class folders, the folders in it, and the photos beside and above them."""
        found = self._descend("")
        if found is None:
            self.skipped.clear()
            found = "", *self.sort_entries()
        return found

    def _descend(self, base: str) -> tuple[str, list[str], list[str]] | None:
        """Goes down through single folders. Returns None unless that leads to parts or to at least two classes."""
        folders, loose = self.sort_entries(base)
        if base and loose:
            return None
        filled = list(islice((name for name in folders if any(PhotoLister(self.root).walk(base + name))), 2))
        if len(filled) > 1 or _part_folders(self.root / base, folders):
            return base, folders, loose
        if not filled or (found := self._descend(f"{base}{filled[0]}/")) is None:
            return None
        for name in set(folders) - set(filled):
            self.skip(base + name, EMPTY_CLASS)
        return found[0], found[1], loose + found[2]

    def sort_entries(self, prefix: str = "") -> tuple[list[str], list[str]]:
        """Returns the names of the folders in a folder, and the paths of the photos beside them."""
        used = [entry for entry in _entries(self.root / prefix) if not self._skips(entry, prefix)]
        folders = [entry.name for entry in used if entry.is_dir()]
        return folders, [prefix + entry.name for entry in used if not entry.is_dir()]

    def part_photos(self, folder: str, part: str) -> list[PhotoFile]:
        classes, loose = self.sort_entries(f"{folder}/")
        for path in loose:
            self.skip(path, LOOSE)
        return [photo for label in classes for photo in self.class_photos(f"{folder}/{label}", part)]

    def class_photos(self, folder: str, part: str | None) -> list[PhotoFile]:
        label = unicodedata.normalize("NFC", folder.rpartition("/")[2])
        before = len(self.skipped)
        photos = [PhotoFile(path, label, part) for path in self.walk(folder)]
        if not photos and not any(item.path == folder for item in self.skipped[before:]):
            self.skip(folder, EMPTY_CLASS)
        return photos

    def walk(self, folder: str) -> Iterator[str]:
        """Yields the paths of the photos below a folder."""
        if reason := self._why_not_entered(folder):
            self.skip(folder, reason)
            return
        try:
            with os.scandir(self.root / folder) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError as error:
            self.skip(folder, f"the folder cannot be read ({error.strerror})")
            return
        prefix = f"{folder}/" if folder else ""
        for entry in entries:
            if self._skips(entry, prefix):
                continue
            if entry.is_dir():
                yield from self.walk(prefix + entry.name)
            else:
                yield prefix + entry.name

    def _why_not_entered(self, folder: str) -> str:
        if folder and os.path.islink(self.root / folder):  # noqa: PTH114 - Path's raises below a locked folder
            target = os.path.realpath(self.root / folder)
            ways = (os.path.realpath(self.root / parent) for parent in Path(folder).parents)
            if Path(os.path.realpath(self.root)).is_relative_to(target) or target in ways:
                return "a link that leads back to a folder above it"
            if target in self._followed:
                return "a link to a folder that another link led to"
            self._followed.add(target)
        return f"more than {_DEEPEST} folders deep" if folder.count("/") >= _DEEPEST else ""

    def _skips(self, entry: os.DirEntry[str], prefix: str) -> bool:
        """Skips an entry that is neither a folder nor a photo. Records of clothes are not listed as skipped."""
        shown = os.fsencode(entry.name).decode("utf-8", "backslashreplace")
        if entry.name.startswith((".", "__")) and entry.name not in _OWN:
            reason = "hidden"
        elif shown != entry.name:
            reason = "its name is not valid text (UTF-8): rename it"
        elif (is_used := _is_folder_or_photo(entry)) or entry.name in _OWN:
            return not is_used
        else:
            reason = _why_no_photo(entry)
        self.skip(prefix + shown, reason)
        return True


def _is_folder_or_photo(entry: os.DirEntry[str]) -> bool:
    with suppress(OSError):  # a link to itself, or into a locked folder
        return entry.is_dir() or (Path(entry.name).suffix.lower() in SUFFIXES and entry.is_file())
    return False


def _why_no_photo(entry: os.DirEntry[str]) -> str:
    if entry.is_symlink() and not os.path.exists(entry.path):  # noqa: PTH110 - Path's raises in a locked folder
        return "a link to nothing"
    return "not a regular file" if Path(entry.name).suffix.lower() in SUFFIXES else "not a photo by its name"
