"""Photos on disk: one folder per class, perhaps below train/, validation/ and test/."""

import os
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from clothes.errors import PhotosError
from clothes.photos.decode import SUFFIXES

# What people call the three parts.
PART_FOLDERS = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "val": "validation",
    "valid": "validation",
    "test": "test",
    "testing": "test",
}
OTHER = "_other"  # the folder of photos that show none of the classes, to learn from what not to recognise
_DEEPEST = 40  # folders below one another
_LONGEST_NAME = 100  # bytes of a class's name
_NO_LETTERS = {"Cc", "Cf", "Cs", "Cn", "Zl", "Zp"}
_WINDOWS_NAMES = {"CON", "PRN", "AUX", "NUL", *(f"{name}{i}" for name in ("COM", "LPT") for i in "123456789¹²³")}
RECORDS = {"split.csv", "sources.csv", "SOURCE.txt", "LICENSE.txt"}  # what clothes itself puts beside photos


@dataclass(frozen=True)
class Skipped:
    """A file or folder that was not used, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class PhotoFile:
    """A photo in a class folder: `path` is relative to the root, with slashes; `label` is the class.

    The path is spelt as on disk. The label is in Unicode's form NFC, so that a class that one system wrote into train/
    and another into test/ is one class.
    """

    path: str
    label: str
    part: str | None = None


@dataclass(frozen=True)
class Listing:
    """What lies below a folder of class folders. `part` of the photos is None unless there are part folders.

    Photos in a folder `_other` are listed with that label, which is no class.
    """

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

    A folder that holds train/ alone, with class folders in it, has that one part. Hidden folders, odd files and empty
    classes are listed as skipped. Nothing is opened. Raises PhotosError when there is nothing to list, or parts without
    train.
    """
    root = Path(root)
    entries = _entries(root)
    skipped: list[Skipped] = []
    folders, loose = _sort_out(root, entries, skipped)
    photos: list[PhotoFile] = []
    followed: set[str] = set()
    if as_parts := _part_folders(root, folders):
        for name in folders:
            if name not in as_parts:
                skipped.append(Skipped(name, "beside train/ and test/ a folder is not a class"))
                continue
            classes, lost = _sort_out(root / name, _entries(root / name), skipped, prefix=f"{name}/")
            skipped += [Skipped(path, "lies outside the class folders") for path in lost]
            for label in classes:
                photos += _class_photos(root, f"{name}/{label}", as_parts[name], skipped, followed)
    else:
        for name in folders:
            photos += _class_photos(root, name, None, skipped, followed)
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
        classes=tuple(sorted({photo.label for photo in photos} - {OTHER})),
        skipped=tuple(sorted(skipped, key=lambda item: item.path)),
    )


def list_photos(root: str | os.PathLike[str]) -> tuple[list[Path], list[Skipped]]:
    """Every photo below a folder, sorted, and what was skipped."""
    root = Path(root)
    _entries(root)
    skipped: list[Skipped] = []
    found = [root / path for path in _walk(root, "", skipped, set())]
    return sorted(found), skipped


def class_folder(root: str | os.PathLike[str], label: str) -> Path:
    """Where new photos of a class go: ROOT/<label>, or ROOT/train/<label> where there are part folders.

    A class that is there is met whatever its case, so that Shirt and shirt are one class on every system. Raises
    PhotosError when there is no folder, or parts without train.
    """
    root = Path(root)
    folders, _ = _sort_out(root, _entries(root), [])
    for name, part in _part_folders(root, folders).items():
        if part == "train":
            root = root / name
            folders, _ = _sort_out(root, _entries(root), [])
            break
    alike = [name for name in folders if _folded(name) == _folded(label)]
    return root / (label if label in alike or not alike else alike[0])


def class_name(text: str) -> str:
    """A class's name in Unicode's form NFC. Raises PhotosError unless a folder may bear it on every system."""
    name = unicodedata.normalize("NFC", text)
    if reason := _why_no_class(name):
        raise PhotosError(f"No class can be called {text[:50]!r}: {reason}. Give it another name.")
    return name


def why_no_name(name: str, *, longest: int) -> str:
    """Why a file or folder cannot be called so on every system, or nothing; `longest` is in bytes."""
    if not name.strip():
        return "the name is empty"
    if len(name.encode("utf-8", "replace")) > longest:
        return f"the name is longer than {longest} bytes"
    if any(unicodedata.category(c) in _NO_LETTERS and c not in "\u200c\u200d" for c in name):
        return "it holds characters that cannot be seen, or are no text"
    if odd := sorted(set(name) & set('/\\:*?"<>|')):
        return f"it holds {odd[0]}, which is no part of a name everywhere"
    if name != name.strip() or name.endswith("."):
        return "it has a space at its beginning, or a space or a dot at its end"
    if name.partition(".")[0].strip().upper() in _WINDOWS_NAMES:
        return "Windows keeps that name for a device"
    return ""


def _why_no_class(name: str) -> str:
    if name.startswith((".", "__")):
        return "it begins with a dot or two underscores"
    if name.lower() in PART_FOLDERS:
        return "that is the name of a part of a split"
    return why_no_name(name, longest=_LONGEST_NAME)


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def without_part(photo: str) -> PurePosixPath:
    """A photo's path from its class folder on: train/shirt/1.jpg -> shirt/1.jpg."""
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
    """The folders of a root that are parts, and which part each is; none where all are classes.

    Raises PhotosError when parts are there without train.
    """
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
    """Whether there are folders and no photos in it."""
    inner, loose = _sort_out(folder, _entries(folder), [])
    return bool(inner) and not loose


def _sort_out(
    root: Path, entries: list[os.DirEntry[str]], skipped: list[Skipped], *, prefix: str = ""
) -> tuple[list[str], list[str]]:
    """The names of the folders, and the paths of the photos that lie loose beside them."""
    folders, loose = [], []
    for entry in entries:
        if reason := _unwanted(entry):
            skipped.append(Skipped(prefix + _shown(entry.name), reason))
        elif _is_dir(entry):
            folders.append(entry.name)
        elif _is_photo(entry):
            loose.append(prefix + entry.name)
        elif entry.name not in RECORDS:
            skipped.append(Skipped(prefix + entry.name, _why_no_photo(entry)))
    return folders, loose


def _class_photos(
    root: Path, folder: str, part: str | None, skipped: list[Skipped], followed: set[str]
) -> list[PhotoFile]:
    label = unicodedata.normalize("NFC", folder.rpartition("/")[2])
    told = len(skipped)
    photos = [PhotoFile(path, label, part) for path in _walk(root, folder, skipped, followed)]
    if not photos and not any(item.path == folder for item in skipped[told:]):
        skipped.append(Skipped(folder, "a class folder without photos"))
    return photos


def _walk(root: Path, folder: str, skipped: list[Skipped], followed: set[str]) -> Iterator[str]:
    """Paths (relative to root, with slashes) of the photos below a folder.

    `followed` are the folders that links led to so far: none is followed twice, nor one back to the root or above.
    """
    if folder and os.path.islink(root / folder):  # noqa: PTH114 - Path's raises where the folder above is locked
        real = os.path.realpath(root / folder)
        if Path(os.path.realpath(root)).is_relative_to(real) or _leads_back(root, folder, real):
            skipped.append(Skipped(folder, "a link that leads back to a folder above it"))
            return
        if real in followed:
            skipped.append(Skipped(folder, "a link to a folder that another link led to"))
            return
        followed.add(real)
    if folder.count("/") >= _DEEPEST:
        skipped.append(Skipped(folder, f"more than {_DEEPEST} folders deep"))
        return
    try:
        with os.scandir(root / folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        skipped.append(Skipped(folder, f"the folder cannot be read ({error.strerror})"))
        return
    for entry in entries:
        path = f"{folder}/{entry.name}" if folder else entry.name
        if reason := _unwanted(entry):
            skipped.append(Skipped(f"{folder}/{_shown(entry.name)}" if folder else _shown(entry.name), reason))
        elif _is_dir(entry):
            yield from _walk(root, path, skipped, followed)
        elif _is_photo(entry):
            yield path
        elif entry.name not in RECORDS:
            skipped.append(Skipped(path, _why_no_photo(entry)))


def _leads_back(root: Path, folder: str, real: str) -> bool:
    """Whether a link's target is one of the folders on the way to it."""
    above = Path(folder).parents
    return any(os.path.realpath(root / parent) == real for parent in above)


def _unwanted(entry: os.DirEntry[str]) -> str:
    """Why an entry is not even looked at, or nothing."""
    if entry.name.startswith((".", "__")):
        return "hidden"
    return "" if _shown(entry.name) == entry.name else "its name is not valid text (UTF-8): rename it"


def _shown(name: str) -> str:
    """A name as it can be printed and saved; bytes that are no text as \\xe4."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _is_dir(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself, or into a locked folder
        return False


def _is_photo(entry: os.DirEntry[str]) -> bool:
    """Whether it is a file with a photo's ending."""
    try:
        return Path(entry.name).suffix.lower() in SUFFIXES and entry.is_file()
    except OSError:
        return False


def _why_no_photo(entry: os.DirEntry[str]) -> str:
    if entry.is_symlink() and not os.path.exists(entry.path):  # noqa: PTH110 - Path's raises in a locked folder
        return "a link to nothing"
    return "not a regular file" if Path(entry.name).suffix.lower() in SUFFIXES else "not a photo by its name"
