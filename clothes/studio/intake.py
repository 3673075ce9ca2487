"""Takes photos in: files, zip files, folders, bursts of a camera. Each file is added, or refused with a reason.

Photos of class folders go into their classes, all others to the unsorted ones, for which `suggest` names classes.
"""

import os
import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clothes.collection.collect import too_small
from clothes.collection.photo_store import Photo, TestPhotos, examine
from clothes.collection.provenance import Origin
from clothes.collection.zip_archive import Archive
from clothes.errors import ClothesError, PhotoError, PhotosError
from clothes.photos import decode
from clothes.photos.class_names import choose_spellings, class_name, spelling_notes
from clothes.photos.folders import LOOSE, OTHER, Skipped, list_class_folders, list_photos
from clothes.studio.class_folders import ClassFolders
from clothes.studio.filling import filling
from clothes.studio.history import History
from clothes.studio.page_sentences import for_page, for_page_all
from clothes.studio.project import Project
from clothes.studio.shelves import Added, Refused, Shelves, Source
from clothes.system.plurals import other_files
from clothes.system.progress import Progress
from clothes.system.threads import map_in_threads

if TYPE_CHECKING:
    from clothes.inference.classifier import Classifier

_CHUNK_SECONDS = 3.0  # the project is locked at a time
_GAP_SECONDS = 0.02  # for another writer


@dataclass
class Intaken:
    """The result of a batch: each file is in one of the lists. `problem` says why it ended early, if it did."""

    added: list[str] = field(default_factory=list)
    already: list[str] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    problem: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Returns plain values for the page, with the numbers of the photos."""
        return {
            "added": len(self.added),
            "already": len(self.already),
            "refused": [[item.name, for_page(item.reason)] for item in self.refused],
            "notes": for_page_all([*self.notes, self.problem]),
        }


class Intake(AbstractContextManager["Intake"]):
    """A project, open for new photos. All that one object adds is one batch, which `undo` takes back in one step.

    Methods may be called from any number of threads; the photos are stored one after the other.
    """

    def __init__(self, project: Project) -> None:
        self.project = project
        self._history = History(project)
        self._batch = secrets.token_hex(8)
        self._test_photos: TestPhotos | None = None
        self._is_cancelled = False

    def __exit__(self, *_: object) -> None:
        if self._test_photos:
            self._test_photos.__exit__()

    def add_file(self, name: str, photo: bytes | Path, label: str | None = None) -> Added | Refused:
        """Adds one photo, unchanged, to a class or to the unsorted ones. `name` is the one it has for the user."""
        return self.add_files([(name, photo)], label)[0]

    def add_files(self, files: Sequence[tuple[str, bytes | Path]], label: str | None = None) -> list[Added | Refused]:
        """Adds photos and returns what became of each. Faster than one by one."""
        label = self.checked(label)
        sources = [Source(name, label, partial(_load, name, photo), Origin(name)) for name, photo in files]
        return self._store_files(sources)

    def add_burst(
        self, frames: Sequence[bytes], label: str | None = None, *, burst: str | None = None
    ) -> list[Added | Refused]:
        """Adds the frames of a camera that show one garment. They stay in one part of the split.

        Frames that come in several calls belong together if they name the same `burst`.
        """
        name = f"burst-{burst or secrets.token_hex(6)}"
        label = self.checked(label)
        origin = Origin("camera")
        sources = [Source(f"frame {n}", label, partial(bytes, data), origin) for n, data in enumerate(frames, 1)]
        return self._store_files(sources, burst=name)

    def add_zip(
        self,
        path: str | os.PathLike[str],
        label: str | None = None,
        *,
        name: str | None = None,
        progress: Progress | None = None,
        stop: Callable[[], bool] = lambda: False,
    ) -> Intaken:
        """Adds the photos of a zip file, by its class folders, or all to one class. `name` is the file's for the user.

        Raises PhotosError if it is no zip file or a harmful one. `stop` is asked after each photo: those before
        it stay.
        """
        path, result = Path(path), Intaken()
        top = name or path.name
        with filling(self.project), Archive(path) as archive:
            labels: Sequence[str | None] = [label] * len(archive.photos)
            if label is None:
                try:
                    labels = [found or None for found in archive.classes()]
                except PhotosError as error:
                    result.notes.append(f"{str(error).replace(str(path), top)} Its photos are unsorted.")
            sources = _sources(archive.photos, labels, lambda photo: partial(archive.read, photo), top, result)
            result.refused += [Refused(item.path, item.reason) for item in archive.skipped]
            return self.add_sources(sources, result, progress, stop)

    def add_folder(
        self,
        path: str | os.PathLike[str],
        label: str | None = None,
        *,
        progress: Progress | None = None,
        stop: Callable[[], bool] = lambda: False,
    ) -> Intaken:
        """Copies the photos of a folder of this computer, by its class folders. All others go to the class `label`.

        Raises PhotosError if there is no photo in it. `stop` is asked after each photo: those before it stay.
        """
        path, result = Path(path), Intaken()
        read = lambda photo: partial(decode.read_file, path / photo, name=photo)  # noqa: E731
        with filling(self.project):
            names, labels, skipped = _list_folder(path, label, result)
            sources = _sources(names, labels, read, path.resolve().name, result)
            result.refused += [Refused(item.path, item.reason) for item in skipped]
            return self.add_sources(sources, result, progress, stop)

    def cancel(self) -> None:
        """Ends what is being added after the photo that is under way. What comes later is not added."""
        self._is_cancelled = True

    def checked(self, label: str | None) -> str | None:
        """Returns a class as it is spelt here. Raises PhotosError if no class can have a new name."""
        return None if label is None else ClassFolders(self.project).find(label) or class_name(label)

    def _store_files(self, sources: Sequence[Source], burst: str = "") -> list[Added | Refused]:
        outcomes, problem = self._store(sources, burst=burst)
        problem = problem or "cancelled before it was added"
        return outcomes + [Refused(source.name, problem) for source in sources[len(outcomes) :]]

    def add_sources(
        self,
        sources: Sequence[Source],
        result: Intaken,
        progress: Progress | None = None,
        stop: Callable[[], bool] = lambda: False,
    ) -> Intaken:
        """Adds photos until `stop` says so, and enters what became of each in the result, which it returns."""

        def after(done: int) -> bool:
            if progress:
                progress(done, len(sources))
            return stop()

        outcomes, result.problem = self._store(sources, after=after)
        for outcome in outcomes:
            if isinstance(outcome, Refused):
                result.refused.append(outcome)
            else:
                (result.added if outcome.new else result.already).append(outcome.id)
        return result

    def _store(
        self, sources: Sequence[Source], *, burst: str = "", after: Callable[[int], bool] = lambda _: False
    ) -> tuple[list[Added | Refused], str]:
        """Stores photos in order until `after` returns True. Returns what became of each, and why it ended early.

        The project is locked for some seconds at a time, so that photos can be moved in between.
        """
        outcomes: list[Added | Refused] = []
        is_stopped = self._is_cancelled
        examined = map_in_threads(_examine, sources)
        try:
            while len(outcomes) < len(sources) and not is_stopped:
                with self._history.adding(self._batch) as added, ExitStack() as stack:
                    shelves = stack.enter_context(Shelves(self.project, added, self._read_test_photos()))
                    until = time.monotonic() + _CHUNK_SECONDS
                    while len(outcomes) < len(sources) and not is_stopped and time.monotonic() < until:
                        outcomes.append(shelves.put(sources[len(outcomes)], next(examined), burst))
                        is_stopped = after(len(outcomes)) or self._is_cancelled
                time.sleep(_GAP_SECONDS)
        except ClothesError as error:
            return outcomes, str(error)
        except OSError as error:
            why = f"{self.project.root} cannot be read or written: {error.strerror}. The photos before it are kept."
            return outcomes, f"{why} Remove the cause and add the same photos again."
        finally:
            examined.close()
        return outcomes, ""

    def _read_test_photos(self) -> TestPhotos:
        self._test_photos = self._test_photos or TestPhotos(self.project.photos)
        return self._test_photos


def suggest(project: Project, classifier: "Classifier", *, progress: Progress | None = None) -> dict[str, list[str]]:
    """Returns the unsorted photos by the class that a recogniser sees on them. Those it is not sure of are left out.

    A class that the project has is spelt as there.
    """
    photos, folders = list_photos(project.unsorted)[0], ClassFolders(project)
    found: dict[str, list[str]] = {}
    for done, (photo, answer) in enumerate(zip(photos, classifier.predict_many(photos), strict=True), 1):
        if not isinstance(answer, PhotoError) and answer.known:
            found.setdefault(folders.find(answer.label) or answer.label, []).append(project.name(photo))
        if progress:
            progress(done, len(photos))
    return dict(sorted(found.items()))


def _list_folder(path: Path, label: str | None, result: Intaken) -> tuple[list[str], list[str | None], list[Skipped]]:
    """Returns the photos of a folder, the class of each, and the other files. Raises PhotosError without a photo."""
    try:
        listing = list_class_folders(path)
    except PhotosError:
        if label is None:
            result.notes.append(f"{path.name} has no folders that are clearly classes: its photos are unsorted.")
    else:
        loose = [item.path for item in listing.skipped if item.reason == LOOSE]
        result.notes += listing.notes
        names = [*(photo.path for photo in listing.photos), *loose]
        labels: list[str | None] = [*(photo.label for photo in listing.photos), *(label for _ in loose)]
        return names, labels, [item for item in listing.skipped if item.reason != LOOSE]
    photos, skipped = list_photos(path)
    if not photos:
        raise PhotosError(f"No photo below {path}; it holds {other_files(len(skipped))}. Check the path.")
    return [photo.relative_to(path).as_posix() for photo in photos], [label] * len(photos), skipped


def _usable(label: str | None) -> str | None:
    """Returns the name of a class, or None for one that a folder cannot have on every system."""
    try:
        return class_name(label) if label else None
    except PhotosError:
        return None


def _sources(
    names: Sequence[str],
    labels: Sequence[str | None],
    read: Callable[[str], Callable[[], bytes]],
    top: str,
    result: Intaken,
) -> list[Source]:
    """Returns what to add, one spelling for each class. Photos of a class that cannot have its name are unsorted."""
    spellings = choose_spellings(filter(None, labels), (OTHER,))
    result.notes += spelling_notes(spellings).values()
    for label in {spelling for spelling in spellings.values() if _usable(spelling) is None}:
        result.notes.append(f"No class can be called {label}: its photos are unsorted.")
    chosen = [_usable(spellings[label]) if label else None for label in labels]
    return [Source(name, label, read(name), Origin(f"{top}/{name}")) for name, label in zip(names, chosen, strict=True)]


def _load(name: str, photo: bytes | Path) -> bytes:
    return photo if isinstance(photo, bytes) else decode.read_file(photo, name=name)


def _examine(source: Source) -> Photo | PhotoError:
    try:
        photo = examine(source.load(), name=source.name)
    except PhotoError as error:
        return error
    width, height = photo.inspection.width, photo.inspection.height
    return photo if min(width, height) >= source.least else PhotoError(source.name, "small", too_small(width, height))
