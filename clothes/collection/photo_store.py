"""Stores photos in class folders, each once, named by its content. Refuses near-duplicates of test photos."""

import os
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path

from clothes.collection.provenance import NAME_LENGTHS, Origin, Sources
from clothes.errors import PhotoError, PhotosError
from clothes.photos.class_names import class_name, is_same_class
from clothes.photos.decode import Inspection, inspect
from clothes.photos.duplicates import Record, Survey
from clothes.photos.folders import Listing, PhotoFile, class_folder, list_class_folders, list_photos
from clothes.photos.image_similarity import THUMB
from clothes.photos.split_file import Split
from clothes.system.checksums import sha256, sha256_file
from clothes.system.progress import StepProgress

_REMOVED = "it was collected before, and removed since"


@dataclass(frozen=True)
class Photo:
    """A photo that can be stored: its bytes, checksum, size and thumbnail."""

    data: bytes
    sha256: str
    inspection: Inspection


def examine(data: bytes, *, name: str) -> Photo:
    """Decodes the bytes of a photo once. Raises PhotoError if it cannot be decoded."""
    return Photo(data, sha256(data), inspect(data, THUMB, name=name))


def possible_paths(folder: Path, photo: Photo) -> list[Path]:
    """Returns the paths that a photo may have in a folder: the shortest name first."""
    return [folder / f"{photo.sha256[:length]}{photo.inspection.ending}" for length in NAME_LENGTHS]


def store_new(sources: Sources, paths: Sequence[Path], photo: Photo, origin: Origin) -> Path:
    """Stores a photo at the first free path and returns it.

    Raises PhotoError if none is free, PhotosError if the disk does not allow it.
    """
    path = next((path for path in paths if not os.path.lexists(path)), None)
    if path is None:
        raise PhotoError(origin.origin, "taken", f"other files are called like it, such as {paths[-1].name}")
    when = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    try:
        sources.add(path, photo.data, photo.sha256, when, origin)
    except OSError as error:
        raise PhotosError(
            f"{path} cannot be written: {error.strerror}. The photos before it are kept. Remove the cause "
            "and add the same photos again."
        ) from None
    return path


class TestPhotos(AbstractContextManager["TestPhotos"]):
    """The test photos of PHOTOS. They are read before the first new photo, and again only if there are others.

    Raises SplitError if split.csv is damaged.
    """

    __test__ = False  # pytest would take it for a test

    def __init__(self, root: Path, *, progress: StepProgress | None = None) -> None:
        self._root, self._progress = root, progress or (lambda *_: None)
        self._split = _stamp(root / "split.csv")
        self._photos, self._key = _test_photos(root)
        self._survey: Survey | None = None

    def __exit__(self, *_: object) -> None:
        if self._survey:
            self._survey.__exit__()
        self._survey = None

    def like(self, photo: Inspection) -> Record | None:
        """Returns the test photo that another photo is a near-duplicate of."""
        if (split := _stamp(self._root / "split.csv")) != self._split:
            before, self._split = self._key, split
            self._photos, self._key = _test_photos(self._root)
            if self._key != before:
                self.__exit__()
        if self._survey is None and self._photos.photos:
            self._survey = Survey(self._photos, progress=partial(self._progress, "Looking at the test photos"))
        return self._survey.like(photo) if self._survey else None


class Store(AbstractContextManager["Store"]):
    """PHOTOS, open for new photos in one thread of one process at a time. `new` and `already` count them by class, in
    the spelling of its folder.

    `test_photos` can be those of an earlier store. Raises PhotosError if the folder cannot be used, and SplitError if
    its split.csv is damaged.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        *,
        test_photos: TestPhotos | None = None,
        progress: StepProgress | None = None,
    ) -> None:
        self.root = Path(root)
        self.new: Counter[str] = Counter()
        self.already: Counter[str] = Counter()
        self._class_folder = cache(partial(class_folder, self.root))
        # The stored photos, named as in sources.csv: those asked for, all by their bytes, and their checksums.
        self._requested = set[str]()
        self._by_size: dict[int, list[str]] = defaultdict(list)
        self._hashes: dict[str, str] = {}
        self._stack = ExitStack()
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            self._test_photos = test_photos or self._stack.enter_context(TestPhotos(self.root, progress=progress))
            with ExitStack() as stack:
                self._sources = stack.enter_context(Sources(self.root))
                for photo in list_photos(self.root)[0]:  # after `Sources` has settled what a kill left
                    self._by_size[photo.stat().st_size].append(self._file(photo))
                stack.pop_all()
        except OSError as error:
            raise PhotosError(
                f"Photos cannot be put into {self.root}: {error.strerror}. Choose another folder: --into."
            ) from None

    def __exit__(self, *_: object) -> None:
        self._stack.close()
        self._sources.__exit__()

    @property
    def total(self) -> int:
        """The number of different requested photos that are stored now, new ones and earlier ones."""
        return len(self._requested)

    def spelling(self, label: str) -> str:
        """Returns the name of the folder for new photos of a class, as it is spelt: Shirt for shirt."""
        return unicodedata.normalize("NFC", self._class_folder(label).name)

    def knows(self, address: str, label: str) -> bool:
        """Returns whether the photo of this address was collected before, and counts it if so.

        Raises PhotoError if it was removed since, or is in another class.
        """
        if (file := self._sources.files.get(address)) is None:
            return False
        if not (self.root / file).exists():
            raise PhotoError(address, "removed", _REMOVED)
        self._count(self.root / file, label, address)
        return True

    def put(self, photo: Photo, label: str, origin: Origin, *, again: bool = True) -> Path | None:
        """Stores a photo and returns its path, or None if it is stored already.

        Raises PhotoError if it is stored in another class, is a near-duplicate of a test photo or, without `again`, was
        removed before. Raises PhotosError if no class can have this name or the disk is full.
        """
        label = class_name(label)
        folder = self._class_folder(label)
        if there := self.find(photo):
            self._count(there, label, origin.origin)
            return None
        if (known := self._test_photos.like(photo.inspection)) is not None:
            reason = f"it looks like {known.path}, a photo of the test part, and would make the test too easy"
            raise PhotoError(origin.origin, "test", reason)
        names = possible_paths(folder, photo)
        if not again and any(map(self._sources.lists, names)):
            raise PhotoError(origin.origin, "removed", _REMOVED)
        path = store_new(self._sources, names, photo, origin)
        file = self._file(path)
        self._by_size[len(photo.data)].append(file)
        self._hashes[file] = photo.sha256
        self._requested.add(file)
        self.new[self.spelling(label)] += 1
        return path

    def undo(self, path: Path) -> None:
        """Removes a photo that `put` stored, and its row. `new` still counts it.

        A photo that was changed since stays, with a PhotoError. Raises PhotosError if it cannot be removed.
        """
        try:
            if path.exists() and not sha256_file(path).startswith(path.stem):
                raise PhotoError(path.name, "changed", f"{path.name} was changed since, and stays")
            self._sources.remove(path)
        except OSError as error:
            raise PhotosError(f"{path} cannot be removed: {error.strerror}. Remove the cause and try again.") from None
        self._requested.discard(self._file(path))

    def find(self, photo: Photo) -> Path | None:
        """Returns the path of the same photo, if it is stored. Reads only files of the same size, each once."""
        for file in self._by_size[len(photo.data)]:
            path = self.root / file
            if file not in self._hashes:
                with suppress(OSError):
                    self._hashes[file] = sha256_file(path)
            if self._hashes.get(file) == photo.sha256 and path.exists():  # it may be removed by now
                return path
        return None

    def _file(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()

    def _count(self, there: Path, label: str, name: str) -> None:
        file = self._file(there)
        if not any(is_same_class(name, label) for name in file.split("/")[:-1]):
            raise PhotoError(name, "other-class", f"it is there already, but not as {label}: {file}")
        self._requested.add(file)
        self.already[self.spelling(label)] += 1


def _stamp(path: Path) -> tuple[int, int] | None:
    """Returns a value that changes with the file, or None without a file."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns


def _test_photos(root: Path) -> tuple[Listing, frozenset[str]]:
    """Lists the photos of the test part: those of split.csv and those in test/. Also returns what tells them apart."""
    photos, key = {}, set()
    if (root / "split.csv").exists():
        rows = Split.read(root / "split.csv", root).part("test")
        photos = {row.photo: PhotoFile(row.photo, row.label) for row in rows}
        key = {row.sha256 or row.photo for row in rows}
    with suppress(PhotosError):  # the folder is empty
        found = [photo for photo in list_class_folders(root).photos if photo.part == "test"]
        key |= {photo.path for photo in found if photo.path not in photos}
        photos |= {photo.path: photo for photo in found}
    return Listing(root, tuple(photos.values()), (), ()), frozenset(key)
