"""Takes photos in from the web: a list of addresses, or what Openverse finds. Each is added, or refused with a reason.

They are fetched a few at a time, so that the project is locked only while these are stored.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial
from itertools import islice

from clothes.collection.collect import SMALLEST, too_small
from clothes.collection.http_client import Fetcher
from clothes.collection.openverse import API, search
from clothes.collection.provenance import Origin
from clothes.errors import DownloadError, PhotoError
from clothes.photos.folders import Skipped
from clothes.studio.intake import Intake, Intaken
from clothes.studio.moves import read_sources
from clothes.studio.project import Project
from clothes.studio.shelves import Refused, Source
from clothes.system.plurals import counted
from clothes.system.progress import Progress

_THREADS = 8
_AT_ONCE = 2 * _THREADS  # photos in memory
_BETWEEN_LOOKS = 0.2  # seconds


def add_addresses(
    intake: Intake,
    lines: Iterable[str],
    label: str | None = None,
    *,
    fetcher: Fetcher | None = None,
    progress: Progress | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Intaken:
    """Adds the photos of web addresses to a class, or to the unsorted ones.

    Empty lines and lines that begin with # are ignored. An address whose photo is in the project is not fetched again.
    """
    addresses = [line for line in dict.fromkeys(map(str.strip, lines)) if line and not line.startswith("#")]
    origins = map(Origin, addresses)
    result = _add(intake, origins, label, fetcher, len(addresses), progress=progress, stop=stop)
    if addresses and not (result.added or result.already or result.problem or stop()):
        result.problem = (
            f"No photo came from {counted(len(addresses), 'address')}. Nothing was added. Read the reasons, see that "
            "this computer is online, and try again."
        )
    return result


def add_found(
    intake: Intake,
    words: str,
    label: str | None = None,
    *,
    count: int = 100,
    fetcher: Fetcher | None = None,
    api: str = API,
    progress: Progress | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Intaken:
    """Adds openly licensed photos that Openverse finds, until so many of them are in the project.

    Those that were removed before are not fetched again. Raises DownloadError if Openverse cannot be searched.
    """
    fetcher = fetcher or Fetcher()
    removed = {address for address, file in _stored(intake.project).items() if not file}
    origins = _found(words, fetcher, api, removed)
    result = _add(intake, origins, label, fetcher, count, progress=progress, stop=stop)
    if (there := len(result.added) + len(result.already)) < count and not (result.problem or stop()):
        result.notes.append(f"Openverse has no more: {there:,} of {count:,}. Try other words.")
    return result


def _found(words: str, fetcher: Fetcher, api: str, removed: set[str]) -> Iterator[Origin | Refused]:
    for item in search(words, fetcher, api=api):
        if isinstance(item, Skipped):
            yield Refused(item.path, item.reason)
        elif 0 < min(item.width, item.height) < SMALLEST:
            yield Refused(item.origin.origin, too_small(item.width, item.height))
        elif item.origin.origin in removed:
            yield Refused(item.origin.origin, "it was added before, and removed since")
        else:
            yield item.origin


def _add(
    intake: Intake,
    origins: Iterator[Origin | Refused],
    label: str | None,
    fetcher: Fetcher | None,
    wanted: int,
    *,
    progress: Progress | None,
    stop: Callable[[], bool],
) -> Intaken:
    """Fetches and stores photos until so many are there, or there are no more, or `stop` says so."""
    result, stored = Intaken(), _stored(intake.project)
    label, there = intake.checked(label), 0
    with ThreadPoolExecutor(_THREADS) as pool, fetcher or Fetcher() as fetch:
        while there < wanted and not (stop() or result.problem):
            some = list(islice(origins, min(_AT_ONCE, wanted - there)))
            if not some:
                break
            result.refused += [item for item in some if isinstance(item, Refused)]
            new = [item for item in some if isinstance(item, Origin) and not stored.get(item.origin)]
            result.already += [stored[item.origin] for item in some if isinstance(item, Origin) and item not in new]
            fetched = [pool.submit(fetch.get, origin.origin) for origin in new]
            while wait(fetched, _BETWEEN_LOOKS).not_done:
                if stop():
                    return result
            pairs = zip(new, fetched, strict=True)
            intake.add_sources([_source(origin, label, photo) for origin, photo in pairs], result)
            there = len(result.added) + len(result.already)
            if progress:
                progress(min(wanted, there + len(result.refused)), wanted)
    return result


def _source(origin: Origin, label: str | None, photo: Future[bytes]) -> Source:
    return Source(origin.origin, label, partial(_load, origin.origin, photo), origin, SMALLEST)


def _load(address: str, photo: Future[bytes]) -> bytes:
    try:
        return photo.result()
    except DownloadError as error:
        raise PhotoError(address, "download", str(error)) from None


def _stored(project: Project) -> dict[str, str]:
    """Returns the photo of each origin, or an empty text if it was removed."""
    stored: dict[str, str] = {}
    for kind, rows in read_sources(project).items():
        for file, _, origin, *_ in rows:
            name = f"{kind}/{file}"
            stored[origin] = stored.get(origin) or (name if project.place(name).exists() else "")
    return stored
