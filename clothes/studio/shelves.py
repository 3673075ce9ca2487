"""The classes and the unsorted photos of a project, open for new photos."""

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass

from clothes.collection.photo_store import Photo, Store, TestPhotos
from clothes.collection.provenance import Origin
from clothes.errors import PhotoError, PhotosError
from clothes.studio.grouping import add_to_burst
from clothes.studio.project import Project
from clothes.studio.unsorted import Unsorted


@dataclass(frozen=True)
class Added:
    """A photo that is in the project. It is not `new` if it was there before."""

    id: str
    new: bool = True


@dataclass(frozen=True)
class Refused:
    """A file that was not added, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Source:
    """A file to add to a class or to the unsorted photos (None). `load` returns its bytes.

    A side of its photo has `least` pixels at least.
    """

    name: str
    label: str | None
    load: Callable[[], bytes]
    origin: Origin
    least: int = 0


class Shelves(AbstractContextManager["Shelves"]):
    """Where new photos go. The ids of what it stores are appended to `added`. The caller holds the project's lock."""

    def __init__(self, project: Project, added: list[str], test_photos: TestPhotos) -> None:
        self._project, self._added = project, added
        with ExitStack() as stack:
            self._store = stack.enter_context(Store(project.photos, test_photos=test_photos))
            self._unsorted = stack.enter_context(Unsorted(project))
            self._stack = stack.pop_all()

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def put(self, source: Source, photo: Photo | PhotoError, burst: str) -> Added | Refused:
        """Stores a photo that was examined. Raises PhotosError if the disk does not allow it."""
        if isinstance(photo, PhotoError):
            return Refused(source.name, photo.reason)
        try:
            return self._put(source, photo, burst)
        except PhotoError as error:
            return Refused(source.name, error.reason)

    def _put(self, source: Source, photo: Photo, burst: str) -> Added:
        origin, unsorted, there = source.origin, self._unsorted.find(photo), self._store.find(photo)
        if unsorted and source.label is not None:
            raise PhotoError(source.name, "other-class", f"it is among the unsorted photos already: {unsorted.name}")
        if there and source.label is not None:
            self._store.put(photo, source.label, origin)  # refuses it if it is there in another class
        if known := unsorted or there:
            return Added(self._project.name(known), new=False)
        if burst:
            self._add_to_burst(photo, burst)
        if source.label is None:
            name = self._project.name(self._unsorted.put(photo, origin))
        else:
            path = self._store.put(photo, source.label, origin)
            assert path is not None  # it was not there
            name = self._project.name(path)
        self._added.append(name)
        return Added(name)

    def _add_to_burst(self, photo: Photo, burst: str) -> None:
        try:
            add_to_burst(self._project, [photo.sha256], burst)
        except OSError as error:
            raise PhotosError(
                f"The burst cannot be noted in {self._project.private}: {error.strerror}. The photos before it are "
                "kept. Make room, and add the same photos again."
            ) from None
