"""`collect_folder`, `collect_urls`, `collect_web`: photos of a folder, a zip file or the web -> class folders.

Each lists its photos; `_collect` loads, checks and stores them.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from clothes.collection.http_client import Fetcher
from clothes.collection.openverse import API, Found, search
from clothes.collection.photo_store import Photo, Store, examine
from clothes.collection.provenance import Origin
from clothes.collection.zip_archive import Archive
from clothes.errors import DownloadError, PhotoError, PhotosError
from clothes.photos import decode
from clothes.photos.class_names import choose_spellings, class_name, spelling_notes
from clothes.photos.folders import OTHER, Skipped, list_class_folders, list_photos
from clothes.system.plurals import other_files
from clothes.system.progress import StepProgress

SMALLEST = 200  # pixels; a picture from the web with a shorter side is a thumbnail
_THREADS = 8  # downloads at the same time


@dataclass(frozen=True)
class Collected:
    """The result of collecting: counts by class of `new` photos and those `already` stored, and the `refused` files.

    `notes` say which folders are the classes where their names leave it open.
    """

    root: Path
    new: dict[str, int]
    already: dict[str, int]
    refused: tuple[Skipped, ...]
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Returns plain lists and numbers for programs."""
        return {name: value for name, value in asdict(self).items() if name != "root"}


@dataclass(frozen=True)
class _Source:
    """A photo to store. `load` returns its bytes, or raises PhotoError or DownloadError.

    A photo with a `lasting` origin (a web address) is not loaded again if it was stored before.
    """

    name: str
    label: str
    load: Callable[[], bytes]
    origin: Origin
    lasting: bool = False


def collect_folder(
    source: str | os.PathLike[str],
    *,
    into: str | os.PathLike[str],
    label: str | None = None,
    progress: StepProgress | None = None,
) -> Collected:
    """Copies the photos of a folder or a zip file into the class folders of `into`, unchanged.

    The class is the name of the class folder, or `label` for all photos. The parts train/, test/ and validation/ of
    `source` are not kept: `clothes split` divides the photos again. Unusable files are listed in `refused`. Raises
    PhotosError if there is no photo, or if `source` is no zip file or a harmful one.
    """
    source = Path(source)
    label = None if label is None else class_name(label)
    with ExitStack() as stack:
        if not source.is_file():
            found, skipped, notes = _list_folder(source, label)
            read = lambda path: decode.read_file(source / path, name=path)  # noqa: E731
        else:
            archive = stack.enter_context(Archive(source))
            labels = archive.classes() if label is None else [label] * len(archive.photos)
            spellings = choose_spellings(filter(None, labels), (OTHER,))
            found = [(path, spellings.get(name, "")) for path, name in zip(archive.photos, labels, strict=True)]
            skipped, notes, read = archive.skipped, tuple(spelling_notes(spellings).values()), archive.read
        top = source.resolve().name

        def items() -> Iterator[_Source | Skipped]:
            yield from (_from_path(path, name, partial(read, path), f"{top}/{path}") for path, name in found)
            yield from skipped

        count = sum(isinstance(item, _Source) for item in items())
        with Store(into, progress=progress) as store:
            result = _collect(store, items(), total=count, threads=os.cpu_count() or 1, progress=progress)
    return replace(result, notes=notes)


def collect_urls(
    addresses: Iterable[str],
    *,
    into: str | os.PathLike[str],
    label: str,
    fetcher: Fetcher | None = None,
    progress: StepProgress | None = None,
) -> Collected:
    """Downloads photos from web addresses into the class `label` of `into`.

    Empty lines and lines that begin with # are ignored. An address that was collected before is not fetched again, and
    a photo that was removed since is not stored again. A `fetcher` can have other limits, or allow addresses of a
    private network. Failed downloads are listed in `refused`.
    """
    label = class_name(label)
    lines = dict.fromkeys(line.strip() for line in addresses)
    origins = [Origin(line) for line in lines if line and not line.startswith("#")]
    with Store(into, progress=progress) as store, fetcher or Fetcher() as fetch:
        items = (_from_address(origin, label, fetch) for origin in origins)
        return _collect(store, items, total=len(origins), threads=_THREADS, least=SMALLEST, progress=progress)


def collect_web(
    words: str,
    *,
    into: str | os.PathLike[str],
    label: str,
    count: int = 100,
    fetcher: Fetcher | None = None,
    api: str = API,
    progress: StepProgress | None = None,
) -> Collected:
    """Downloads openly licensed photos that Openverse finds for `words` until `count` of them are in the class `label`.

    Photos of earlier calls count. Photos that were removed since are not downloaded again. Raises DownloadError if
    Openverse cannot be searched.
    """
    label = class_name(label)
    with Store(into, progress=progress) as store, fetcher or Fetcher() as fetch:
        items = _from_search(search(words, fetch, api=api), label, fetch)
        return _collect(store, items, total=count, wanted=count, threads=_THREADS, least=SMALLEST, progress=progress)


def _list_folder(source: Path, label: str | None) -> tuple[list[tuple[str, str]], Sequence[Skipped], tuple[str, ...]]:
    """Returns path and class of each photo, the other files, and notes on the classes."""
    if label is not None:
        paths, others = list_photos(source)
        if not paths:
            raise PhotosError(f"No photo below {source}; it holds {other_files(len(others))}. Check the path.")
        return [(path.relative_to(source).as_posix(), label) for path in paths], others, ()
    try:
        listing = list_class_folders(source)
    except PhotosError as error:
        if not source.is_dir() or not list_photos(source)[0]:
            raise
        raise PhotosError(f"{error} Or name the class of them all: --class.") from None
    return [(photo.path, photo.label) for photo in listing.photos], listing.skipped, listing.notes


def _from_search(found: Iterable[Found | Skipped], label: str, fetcher: Fetcher) -> Iterator[_Source | Skipped]:
    for item in found:
        if isinstance(item, Skipped):
            yield item
        elif 0 < min(item.width, item.height) < SMALLEST:
            yield Skipped(item.origin.origin, too_small(item.width, item.height))
        else:
            yield _from_address(item.origin, label, fetcher)


def _from_address(origin: Origin, label: str, fetcher: Fetcher) -> _Source:
    return _Source(origin.origin, label, partial(fetcher.get, origin.origin), origin, lasting=True)


def _from_path(name: str, label: str, load: Callable[[], bytes], origin: str) -> _Source | Skipped:
    if not label:
        return Skipped(name, "it lies outside the class folders (--class names a class for all)")
    try:
        return _Source(name, class_name(label), load, Origin(origin))
    except PhotosError as error:
        return Skipped(name, str(error))


def _collect(
    store: Store,
    items: Iterable[_Source | Skipped],
    *,
    total: int,
    threads: int,
    wanted: int | None = None,
    least: int = 0,
    progress: StepProgress | None = None,
) -> Collected:
    """Stores the items in order until `wanted` photos are stored. Threads load and decode a few photos ahead."""
    refused: list[Skipped] = []
    waiting: deque[tuple[_Source, Future[Photo]]] = deque()
    seen = 0

    def report() -> None:
        if progress:
            progress("Collecting", seen - len(waiting) if wanted is None else store.total, total)

    def store_next() -> None:
        source, photo = waiting.popleft()
        with _refusals(source, refused):
            store.put(photo.result(), source.label, source.origin, again=not source.lasting)
        report()

    pool = ThreadPoolExecutor(threads)
    try:
        for item in items:
            if isinstance(item, Skipped):
                refused.append(item)
                continue
            seen += 1
            with _refusals(item, refused):
                if not item.lasting or not store.knows(item.origin.origin, item.label):
                    waiting.append((item, pool.submit(_load, item, least)))
            while waiting and (len(waiting) > 2 * threads or store.total + len(waiting) == wanted):
                store_next()
            if store.total == wanted:
                break
        while waiting:
            store_next()
        report()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    return Collected(store.root, dict(sorted(store.new.items())), dict(sorted(store.already.items())), tuple(refused))


@contextmanager
def _refusals(source: _Source, refused: list[Skipped]) -> Iterator[None]:
    """Adds the error of one photo to the list and continues."""
    try:
        yield
    except PhotoError as error:
        refused.append(Skipped(source.name, error.reason))
    except DownloadError as error:
        refused.append(Skipped(source.name, str(error)))


def _load(source: _Source, least: int) -> Photo:
    photo = examine(source.load(), name=source.name)
    if min(photo.inspection.width, photo.inspection.height) < least:
        raise PhotoError(source.name, "small", too_small(photo.inspection.width, photo.inspection.height))
    return photo


def too_small(width: int, height: int) -> str:
    """The reason for which a picture from the web is refused."""
    return f"{width} x {height} pixels are a thumbnail: a photo has {SMALLEST} a side at least"
