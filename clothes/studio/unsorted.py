"""The unsorted photos: stored as those of a class are, each once, with its origin in unsorted/sources.csv."""

from contextlib import AbstractContextManager, ExitStack
from functools import cached_property
from pathlib import Path

from clothes.collection.photo_store import Photo, possible_paths, store_new
from clothes.collection.provenance import Origin, Sources
from clothes.photos.folders import list_photos
from clothes.studio.project import Project
from clothes.system.checksums import sha256_file


class Unsorted(AbstractContextManager["Unsorted"]):
    """The unsorted photos, open for new ones. The caller holds the project's lock."""

    def __init__(self, project: Project) -> None:
        self._root = project.unsorted
        self._stack = ExitStack()

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @cached_property
    def _sources(self) -> Sources:
        return self._stack.enter_context(Sources(self._root))

    @cached_property
    def _by_size(self) -> dict[int, list[Path]]:
        found: dict[int, list[Path]] = {}
        for path in list_photos(self._root)[0]:
            found.setdefault(path.stat().st_size, []).append(path)
        return found

    def find(self, photo: Photo) -> Path | None:
        """Returns the path of the same photo, or None."""
        same_size = self._by_size.get(len(photo.data), [])
        return next((path for path in same_size if path.exists() and sha256_file(path) == photo.sha256), None)

    def put(self, photo: Photo, origin: Origin) -> Path:
        """Stores a new photo and returns its path. Raises as `store_new` does."""
        path = store_new(self._sources, possible_paths(self._root, photo), photo, origin)
        self._by_size.setdefault(len(photo.data), []).append(path)
        return path
