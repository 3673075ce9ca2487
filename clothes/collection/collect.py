"""`collect_folder`, `collect_urls`, `collect_web`: each names its photos one by one, and `_collect` stores them."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from clothes.collection.http_client import Fetcher
from clothes.collection.openverse import API, Found, search
from clothes.collection.photo_store import Photo, Progress, Store, examine
from clothes.collection.provenance import Origin
from clothes.collection.zip_archive import Archive
from clothes.errors import DownloadError, PhotoError, PhotosError
from clothes.photos import decode
from clothes.photos.folders import Skipped, class_name, list_class_folders, list_photos

SMALLEST = 200  # pixels: pictures of the internet with a shorter side are thumbnails
_THREADS = 8  # downloads at once, from all hosts


@dataclass(frozen=True)
class Collected:
    """What came of collecting: photos by class, `new` ones and those `already` there, and what was `refused`."""

    root: Path
    new: dict[str, int]
    already: dict[str, int]
    refused: tuple[Skipped, ...]

    def to_dict(self) -> dict[str, Any]:
        """Everything, as plain lists and numbers."""
        return {name: value for name, value in asdict(self).items() if name != "root"}


@dataclass(frozen=True)
class _Source:
    """A photo that may be stored: `load` gives its bytes, or raises PhotoError or DownloadError.

    What is at a `lasting` origin, a web address, is not loaded again when it was stored before.
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
    progress: Progress | None = None,
) -> Collected:
    """Copies the photos of a folder or a zip file into the class folders of `into`, byte by byte.

    The class is that of the class folder a photo lies in, or `label` for all. Where `source` has train/, test/ and
    validation/, a photo's part is not kept: `clothes split` divides them anew. What cannot be used is in `refused`.
    Raises PhotosError when there is no photo, or when `source` is no zip file or one made to do harm.
    """
    source = Path(source)
    label = None if label is None else class_name(label)
    with ExitStack() as stack:
        if source.is_file():
            items = _from_archive(stack.enter_context(Archive(source)), source.name, label)
        else:
            items = _from_folder(source, label)
        with Store(into, progress=progress) as store:
            count = sum(isinstance(item, _Source) for item in items)
            return _collect(store, items, total=count, threads=os.cpu_count() or 1, progress=progress)


def collect_urls(
    addresses: Iterable[str],
    *,
    into: str | os.PathLike[str],
    label: str,
    fetcher: Fetcher | None = None,
    progress: Progress | None = None,
) -> Collected:
    """Downloads photos from web addresses into the class `label` of `into`.

    Lines that are empty or begin with # are passed over. What came from an address before is not fetched again, and
    stays away when it was removed since. The `fetcher` may have other manners, or let in addresses of a private
    network. What cannot be had is in `refused`.
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
    progress: Progress | None = None,
) -> Collected:
    """Downloads openly licensed photos that Openverse finds for `words` until `count` of them are in the class `label`.

    Those that an earlier call brought count, and those that were removed since stay away. Raises DownloadError when
    Openverse cannot be searched.
    """
    label = class_name(label)
    with Store(into, progress=progress) as store, fetcher or Fetcher() as fetch:
        items = _from_search(search(words, fetch, api=api), label, fetch)
        return _collect(store, items, total=count, wanted=count, threads=_THREADS, least=SMALLEST, progress=progress)


def _from_folder(source: Path, label: str | None) -> list[_Source | Skipped]:
    if label is None:
        try:
            listing = list_class_folders(source)
        except PhotosError as error:
            if not source.is_dir() or not list_photos(source)[0]:
                raise
            raise PhotosError(f"{error} Or name the class of them all: --class.") from None
        found, skipped = [(photo.path, photo.label) for photo in listing.photos], listing.skipped
    else:
        paths, others = list_photos(source)
        if not paths:
            raise PhotosError(f"No photo below {source}; it holds {len(others)} other files. Check the path.")
        found, skipped = [(path.relative_to(source).as_posix(), label) for path in paths], tuple(others)
    top = source.resolve().name
    reads = [(path, name, partial(decode.read_file, source / path, name=path)) for path, name in found]
    return [*(_source(path, name, read, f"{top}/{path}") for path, name, read in reads), *skipped]


def _from_archive(archive: Archive, top: str, label: str | None) -> list[_Source | Skipped]:
    members = [(member, partial(archive.read, member)) for member in archive.members]
    return [
        *(_source(member.path, label or member.label, read, f"{top}/{member.path}") for member, read in members),
        *archive.skipped,
    ]


def _from_search(found: Iterable[Found | Skipped], label: str, fetcher: Fetcher) -> Iterator[_Source | Skipped]:
    for item in found:
        if isinstance(item, Skipped):
            yield item
        elif 0 < min(item.width, item.height) < SMALLEST:
            yield Skipped(item.origin.origin, _too_small(item.width, item.height))
        else:
            yield _from_address(item.origin, label, fetcher)


def _from_address(origin: Origin, label: str, fetcher: Fetcher) -> _Source:
    return _Source(origin.origin, label, partial(fetcher.get, origin.origin), origin, lasting=True)


def _source(name: str, label: str, load: Callable[[], bytes], origin: str) -> _Source | Skipped:
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
    progress: Progress | None = None,
) -> Collected:
    """Stores what is named, in that order, while threads load and decode a little ahead; until `wanted` are there."""
    refused: list[Skipped] = []
    waiting: deque[tuple[_Source, Future[Photo]]] = deque()
    seen = 0

    def tell() -> None:
        if progress:
            progress("Collecting", seen - len(waiting) if wanted is None else store.total, total)

    def take() -> None:
        source, photo = waiting.popleft()
        with _refusals(source, refused):
            store.put(photo.result(), source.label, source.origin)
        tell()

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
                take()
            if store.total == wanted:
                break
        while waiting:
            take()
        tell()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    return Collected(store.root, dict(sorted(store.new.items())), dict(sorted(store.already.items())), tuple(refused))


@contextmanager
def _refusals(source: _Source, refused: list[Skipped]) -> Iterator[None]:
    """Puts what is wrong with one photo on the list, so that the others go on."""
    try:
        yield
    except PhotoError as error:
        refused.append(Skipped(source.name, error.reason))
    except DownloadError as error:
        refused.append(Skipped(source.name, str(error)))


def _load(source: _Source, least: int) -> Photo:
    photo = examine(source.load(), name=source.name)
    if min(photo.seen.width, photo.seen.height) < least:
        raise PhotoError(source.name, "small", _too_small(photo.seen.width, photo.seen.height))
    return photo


def _too_small(width: int, height: int) -> str:
    return f"{width} x {height} pixels are a thumbnail: a photo has {SMALLEST} a side at least"
