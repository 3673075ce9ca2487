"""`push` and `pull`: class folders to and from a folder in Google Drive. Only missing files are transferred.

A file is identified by its folder, name and MD5. If its name is taken by other content, it becomes NAME-<first eight
digits of the MD5>, and is recognised under that name later. So nothing is overwritten or transferred twice.
"""

import errno
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from clothes.collection.drive import diff
from clothes.collection.drive.client import Drive, forget_old_uploads
from clothes.collection.drive.diff import Branch, Source
from clothes.collection.drive.errors import UNSEEN, RefusedError
from clothes.collection.drive.filenames import unfit_folder
from clothes.errors import DriveError, PhotosError
from clothes.photos.folders import RECORDS, Skipped, list_class_folders
from clothes.system.checksums import sha256
from clothes.system.files import publish_new
from clothes.system.locks import folder_lock
from clothes.system.progress import Progress, StepProgress

AT_ONCE = 4  # transfers at the same time
_PARTS = ".drive-parts"  # unfinished downloads, in the target folder


@dataclass(frozen=True)
class Transfer:
    """A transferred file: its path and its new path, both relative and with slashes, and its size in bytes."""

    path: str
    to: str
    size: int


@dataclass(frozen=True)
class TransferReport:
    """The result of a push or pull: each file is counted in `moved`, `same`, `skipped` or `failed`.

    `link` shows the folder in Drive; it is empty where a dry run would make that folder.
    """

    link: str
    moved: tuple[Transfer, ...]
    same: int
    skipped: tuple[Skipped, ...]
    failed: tuple[Skipped, ...] = ()

    @property
    def renamed(self) -> tuple[Transfer, ...]:
        """The files with another name on the other side."""
        return tuple(item for item in self.moved if item.path != item.to)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def push(
    photos: str | os.PathLike[str],
    folder: str,
    drive: Drive,
    *,
    dry_run: bool = False,
    progress: StepProgress = lambda step, done, total: None,
) -> TransferReport:
    """Uploads the photos of class folders (also in train/, test/ and validation/) that are missing in a Drive folder.

    Files such as split.csv and sources.csv are uploaded too. `folder` is a path of names below My Drive, made if
    missing, or a link or id. `progress` counts bytes. Raises PhotosError or DriveError.
    """
    root = Path(photos)
    listing = list_class_folders(root)
    skipped = list(listing.skipped)
    forget_old_uploads()
    top = drive.folder(folder, make=not dry_run)
    tree = {} if top is None else diff.remote_tree(drive, top, [])
    wanted = []
    for name in [*(photo.path for photo in listing.photos), *(n for n in sorted(RECORDS) if (root / n).is_file())]:
        if reason := unfit_folder(name):
            skipped.append(Skipped(name, reason))
        else:
            wanted.append(name)
    sources = diff.local_sources(root, wanted, skipped, partial(progress, "Comparing"))
    places = {path: diff.place_of(branch.files) for path, branch in tree.items()}
    todo, same = diff.plan(sources, places, skipped)
    if top is None or dry_run:
        return TransferReport(top.link if top else "", _transfers(todo), same, tuple(skipped))
    for source, _ in todo:
        _make_branch(drive, tree, source.folder)

    def upload(source: Source, name: str, advance: Callable[[int], object]) -> None:
        drive.upload(source.origin, name, tree[source.folder].ids[0], md5=source.md5, advance=advance)

    moved, failed = _each(drive, todo, upload, partial(progress, "Sending"))
    return TransferReport(top.link, moved, same, tuple(skipped), failed)


def pull(
    folder: str,
    to: str | os.PathLike[str],
    drive: Drive,
    *,
    dry_run: bool = False,
    progress: StepProgress = lambda step, done, total: None,
) -> TransferReport:
    """Downloads the photos of a Drive folder that are missing in a local folder, into the same folders.

    Writes nothing outside `to`, whatever the names in Drive. A file with an invalid name is called by its MD5. Skips
    folders with invalid names, shortcuts, Google documents and other files, with the reason. A file appears under its
    name when it is complete. `progress` counts bytes. Raises PhotosError or DriveError.
    """
    root = Path(to)
    if root.exists() and not root.is_dir():
        raise PhotosError(f"{root} is a file. Name a folder to put the photos into.")
    top = drive.folder(folder)
    if top is None:
        raise DriveError(f"There is no folder {folder} in My Drive, or this sign-in may not see it: {UNSEEN}.")
    skipped: list[Skipped] = []
    sources, folders = [], {}
    for path, branch in diff.remote_tree(drive, top, skipped).items():
        folders[path] = diff.local_folder(root, path)
        leads_out = not folders[path].resolve().is_relative_to(root.resolve())
        for item in branch.files:
            source = Source(path, item.name, item.md5, item.size, item, item.mime)
            reason = f"{folders[path]} is a link that leads out of {root}" if leads_out else diff.unwanted(item)
            if reason:
                skipped.append(Skipped(source.path, reason))
            else:
                sources.append(source)
    todo, same = diff.plan(sources, diff.local_places(folders, sources, partial(progress, "Comparing")), skipped)
    if dry_run or not todo:
        return TransferReport(top.link, _transfers(todo), same, tuple(skipped))

    def download(source: Source, name: str, advance: Callable[[int], object]) -> None:
        part = root / _PARTS / sha256(f"{source.origin.id} {source.md5}".encode())[:32]
        if part.is_symlink() or not part.is_file():  # a link's target would be written
            part.unlink(missing_ok=True)
        drive.download(source.origin, part, advance=advance)
        folders[source.folder].mkdir(parents=True, exist_ok=True)
        publish_new(part, folders[source.folder] / name)

    with _alone_in(root):
        moved, failed = _each(drive, todo, download, partial(progress, "Fetching"))
    with suppress(OSError):
        (root / _PARTS).rmdir()  # fails if it holds unfinished downloads
    return TransferReport(top.link, moved, same, tuple(skipped), failed)


@contextmanager
def _alone_in(root: Path) -> Iterator[None]:
    """Makes the folder of unfinished downloads and locks it: two pulls would write into each other's files."""
    parts = root / _PARTS
    try:
        parts.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PhotosError(f"{parts} cannot be made: {error.strerror}. Name another folder.") from None
    if parts.is_symlink():
        raise PhotosError(f"{parts} is a link. Remove it.")
    with folder_lock(parts) as locked:
        if not locked:
            raise PhotosError(f"Another `clothes drive pull` is fetching into {root}. Wait until it has ended.")
        yield


def _make_branch(drive: Drive, tree: dict[str, Branch], path: str) -> None:
    """Creates the folder of this path in Drive, and its parents, if missing."""
    if path not in tree:
        above, _, name = path.rpartition("/")
        _make_branch(drive, tree, above)
        tree[path] = Branch([drive.make_folder(name, tree[above].ids[0]).id])


def _each(
    drive: Drive,
    todo: Sequence[tuple[Source, str]],
    move: Callable[[Source, str, Callable[[int], object]], None],
    progress: Progress,
) -> tuple[tuple[Transfer, ...], tuple[Skipped, ...]]:
    """Transfers several files at the same time. A refused file does not stop the others. Resumable after Ctrl-C."""
    done, total = 0, sum(source.size for source, _ in todo)
    lock = threading.Lock()

    def advance(size: int) -> None:
        nonlocal done
        with lock:
            done += size
            progress(done, total)

    advance(0)
    failed = {}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        running = {pool.submit(move, source, name, advance): i for i, (source, name) in enumerate(todo)}
        try:
            for future in as_completed(running):
                try:
                    future.result()
                except (RefusedError, OSError) as error:
                    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
                        raise
                    source, _ = todo[running[future]]
                    failed[running[future]] = Skipped(source.path, getattr(error, "strerror", None) or str(error))
        except BaseException:
            drive.stop()
            pool.shutdown(cancel_futures=True)
            raise
    moved = _transfers([pair for i, pair in enumerate(todo) if i not in failed])
    return moved, tuple(failed[i] for i in sorted(failed))


def _transfers(pairs: Sequence[tuple[Source, str]]) -> tuple[Transfer, ...]:
    return tuple(Transfer(source.path, diff.join(source.folder, name), source.size) for source, name in pairs)
