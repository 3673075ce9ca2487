"""Lists photos on disk: one folder per class, possibly below train/, validation/ and test/."""

import os
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from clothes.errors import PhotosError
from clothes.photos.decode import SUFFIXES

# Folder names of the three parts.
PART_FOLDERS = (
    dict.fromkeys(("train", "training"), "train")
    | dict.fromkeys(("validation", "val", "valid"), "validation")
    | dict.fromkeys(("test", "testing"), "test")
)
OTHER = "_other"  # the folder of photos that show none of the classes, to learn rejection
_DEEPEST = 40  # levels of folders
_LONGEST_NAME = 100  # bytes of a class name
_NO_LETTERS = {"Cc", "Cf", "Cs", "Cn", "Zl", "Zp"}
_WINDOWS_NAMES = {"CON", "PRN", "AUX", "NUL", *(f"{name}{i}" for name in ("COM", "LPT") for i in "123456789¹²³")}
RECORDS = {"split.csv", "sources.csv", "SOURCE.txt", "LICENSE.txt"}  # written by clothes beside photos


@dataclass(frozen=True)
class Skipped:
    """A file or folder that was not used, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
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

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts that exist as folders: of train, validation, test."""
        found = {photo.part for photo in self.photos}
        return tuple(part for part in ("train", "validation", "test") if part in found)


def list_class_folders(root: str | os.PathLike[str]) -> Listing:
    """Returns the photos of ROOT/<class>/** or ROOT/{train,validation|val|valid,test}/<class>/**, sorted by path.

    A folder that holds train/ alone, with class folders in it, has that one part. Hidden folders, odd files and empty
    classes are listed as skipped. Opens no file. Raises PhotosError if there is nothing to list, or parts without
    train.
    """
    lister = _Lister(Path(root))
    folders, loose = lister.sort_entries(lister.root)
    photos: list[PhotoFile] = []
    if part_folders := _part_folders(lister.root, folders):
        for name in folders:
            if name in part_folders:
                photos += lister.part_photos(name, part_folders[name])
            else:
                lister.skip(name, "beside train/ and test/ a folder is not a class")
    else:
        for name in folders:
            photos += lister.class_photos(name, None)
    if not photos:
        raise _no_photos(lister.root, loose, lister.skipped)
    for path in loose:
        lister.skip(path, "lies outside the class folders")
    return Listing(
        root=lister.root,
        photos=tuple(sorted(photos, key=lambda photo: photo.path)),
        classes=tuple(sorted({photo.label for photo in photos} - {OTHER})),
        skipped=tuple(sorted(lister.skipped, key=lambda item: item.path)),
    )


def list_photos(root: str | os.PathLike[str]) -> tuple[list[Path], list[Skipped]]:
    """Returns every photo below a folder, sorted, and what was skipped. Raises PhotosError if it cannot be read."""
    lister = _Lister(Path(root))
    _entries(lister.root)
    return sorted(lister.root / path for path in lister.walk("")), lister.skipped


def class_folder(root: str | os.PathLike[str], label: str) -> Path:
    """Returns the folder for new photos of a class: ROOT/<label>, or ROOT/train/<label> if there are part folders.

    An existing class is found whatever its case, so that Shirt and shirt are one class on every system. Raises
    PhotosError if the root does not exist or has parts without train.
    """
    root = Path(root)
    folders, _ = _Lister(root).sort_entries(root)
    for name, part in _part_folders(root, folders).items():
        if part == "train":
            root = root / name
            folders, _ = _Lister(root).sort_entries(root)
            break
    same = [name for name in folders if _folded(name) == _folded(label)]
    return root / (label if label in same or not same else same[0])


def class_name(text: str) -> str:
    """Returns a class name in Unicode form NFC. Raises PhotosError unless a folder can have it on every system."""
    name = unicodedata.normalize("NFC", text)
    if name.startswith((".", "__")):
        reason = "it begins with a dot or two underscores"
    elif name.lower() in PART_FOLDERS:
        reason = "that is the name of a part of a split"
    else:
        reason = why_no_name(name, longest=_LONGEST_NAME)
    if reason:
        raise PhotosError(f"No class can be called {text[:50]!r}: {reason}. Give it another name.")
    return name


def why_no_name(name: str, *, longest: int) -> str:
    """Returns why a file or folder cannot have this name on every system, or nothing. `longest` is in bytes."""
    if not name.strip():
        return "the name is empty"
    if len(name.encode("utf-8", "replace")) > longest:
        return f"the name is longer than {longest} bytes"
    if any(unicodedata.category(c) in _NO_LETTERS and c not in "\u200c\u200d" for c in name):
        return "it has invisible or invalid characters"
    if odd := sorted(set(name) & set('/\\:*?"<>|')):
        return f"it has {odd[0]}, which some systems do not allow"
    if name != name.strip() or name.endswith("."):
        return "it begins with a space, or ends with a space or a dot"
    if name.partition(".")[0].strip().upper() in _WINDOWS_NAMES:
        return "Windows reserves that name for a device"
    return ""


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def without_part(photo: str) -> PurePosixPath:
    """Returns a photo's path without the part folder: train/shirt/1.jpg -> shirt/1.jpg."""
    path = PurePosixPath(photo)
    return PurePosixPath(*path.parts[1:]) if len(path.parts) > 2 and path.parts[0].lower() in PART_FOLDERS else path


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
    as_parts = {name: PART_FOLDERS[name.lower()] for name in folders if name.lower() in PART_FOLDERS}
    holds_classes = [name for name in as_parts if _holds_folders_alone(root / name)]
    if "train" in as_parts.values() and (len(as_parts) > 1 or holds_classes == folders):
        return as_parts
    if holds_classes:
        raise PhotosError(
            f"{root / holds_classes[0]} holds folders like a part of a split, but parts are called train, "
            f"test and validation, and train must be there. {root} has {', '.join(folders[:5])}. Rename those, or name "
            "the folder that holds one folder per class."
        )
    return {}


def _holds_folders_alone(folder: Path) -> bool:
    """Returns whether a folder has folders and no photos."""
    folders, loose = _Lister(folder).sort_entries(folder)
    return bool(folders) and not loose


def _no_photos(root: Path, loose: list[str], skipped: list[Skipped]) -> PhotosError:
    if loose:
        return PhotosError(
            f"{root} has {len(loose)} photos but no class folders. Make one folder per class and put the photos "
            f"into them: {root / 'shirt'}, {root / 'trousers'}, ..."
        )
    found = f"{len(skipped)} other files" if skipped else "nothing"
    return PhotosError(f"No photo below {root}; it holds {found}. Put photos into one folder per class there.")


class _Lister:
    """Lists photos below a root and keeps what was skipped. Paths are relative to the root, with slashes."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.skipped: list[Skipped] = []
        self._followed: set[str] = set()  # targets of links: none is followed twice

    def skip(self, path: str, reason: str) -> None:
        self.skipped.append(Skipped(path, reason))

    def sort_entries(self, folder: Path, *, prefix: str = "") -> tuple[list[str], list[str]]:
        """Returns the names of the folders in a folder, and the paths of the photos beside them."""
        folders, loose = [], []
        for entry in _entries(folder):
            if self._skips(entry, prefix):
                continue
            if entry.is_dir():
                folders.append(entry.name)
            else:
                loose.append(prefix + entry.name)
        return folders, loose

    def part_photos(self, folder: str, part: str) -> list[PhotoFile]:
        classes, loose = self.sort_entries(self.root / folder, prefix=f"{folder}/")
        for path in loose:
            self.skip(path, "lies outside the class folders")
        return [photo for label in classes for photo in self.class_photos(f"{folder}/{label}", part)]

    def class_photos(self, folder: str, part: str | None) -> list[PhotoFile]:
        label = unicodedata.normalize("NFC", folder.rpartition("/")[2])
        before = len(self.skipped)
        photos = [PhotoFile(path, label, part) for path in self.walk(folder)]
        if not photos and not any(item.path == folder for item in self.skipped[before:]):
            self.skip(folder, "a class folder without photos")
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
        if entry.name.startswith((".", "__")):
            reason = "hidden"
        elif shown != entry.name:
            reason = "its name is not valid text (UTF-8): rename it"
        elif _is_folder_or_photo(entry):
            return False
        elif entry.name in RECORDS:
            return True
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
