"""Writes the folder of a data set, all of it in one step, and checks whether it is complete."""

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from clothes.errors import DownloadError
from clothes.photos.decode import SUFFIXES
from clothes.system.files import publish, sync, sync_all, write_bytes
from clothes.system.progress import Progress

Reader = Callable[[], bytes]


def is_complete(to: Path, note: str, photos: Mapping[str, int]) -> bool:
    """Returns whether the folder holds the data set, by its note and the number of photos in each part.

    Raises DownloadError if it holds anything else.
    """
    try:
        if _is_empty(to):
            return False
        source = to / "SOURCE.txt"
        mark = note.partition(",")[0]
        if not source.is_file() or not source.read_text(encoding="utf-8", errors="replace").startswith(mark):
            raise DownloadError(f"{to} holds something else already, and stays as it is. Choose another folder: --to.")
        for folder, count in photos.items():
            names = (name for *_, names in os.walk(to / folder) for name in names)
            if sum(PurePosixPath(name).suffix.lower() in SUFFIXES for name in names) < count:
                return False
    except OSError as error:
        raise DownloadError(f"{to} cannot be read: {error.strerror}. Choose another folder: --to.") from None
    return True


def _is_empty(to: Path) -> bool:
    return not to.exists() or (to.is_dir() and all(child.name.startswith(".") for child in to.iterdir()))


def beside(to: Path, what: str) -> Path:
    """Returns the hidden path beside a folder where its download is kept, so that a later call continues it."""
    to = Path(os.path.realpath(to))
    return to.with_name(f".{to.name}-{what}")


def make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DownloadError(f"{folder} cannot be made: {error.strerror}. Choose another folder: --to.") from None


def put(to: Path, contents: Sequence[tuple[str, Reader]], progress: Progress | None = None) -> None:
    """Writes all files below `to` in one step. A folder with files gets the missing ones."""
    to = Path(os.path.realpath(to))
    make_folder(to.parent)
    try:
        if not _is_empty(to):
            for path, content in _counted(contents, progress):
                if not (to / path).exists():
                    (to / path).parent.mkdir(parents=True, exist_ok=True)
                    write_bytes(to / path, content())
            return
        # An empty folder may be a mount point, so the temporary folder is made inside it.
        with tempfile.TemporaryDirectory(prefix=f".{to.name}-", dir=to if to.exists() else to.parent) as temporary:
            making = Path(temporary, to.name)
            for folder in {PurePosixPath(path).parent for path, _ in contents}:
                (making / folder).mkdir(parents=True, exist_ok=True)
            for path, content in _counted(contents, progress):
                (making / path).write_bytes(content())
            sync_all()
            if not to.exists():
                publish(making, to)
                return
            # SOURCE.txt comes last: it marks the folder as complete.
            for child in sorted(making.iterdir(), key=lambda child: child.name == "SOURCE.txt"):
                child.replace(to / child.name)
            sync(to)
    except OSError as error:
        raise DownloadError(
            f"{to} cannot be written: {error.strerror or error}. Make room, or choose another folder: --to."
        ) from None


def _counted(contents: Sequence[tuple[str, Reader]], progress: Progress | None) -> Iterator[tuple[str, Reader]]:
    for done, item in enumerate(contents, 1):
        yield item
        if progress and (done % 100 == 0 or done == len(contents)):
            progress(done, len(contents))
