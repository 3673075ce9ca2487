"""The answers about many photos, in a folder or bucket:

    _photos.parquet       the photos in parts of some hundred (its row groups), listed once, at the first start
    part-000012.parquet   the answers about one part, a row a photo

A photo is in one part, and a part is one file, which appears when all of it is there. So each photo is answered once,
whatever is killed and repeated, and what is missing are the parts without a file.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from clothes.errors import PhotoError, PhotosError, RunError
from clothes.inference.many.photo_list import find_photos
from clothes.inference.many.stores import Store, read_photo
from clothes.inference.many.task import Answer, Task
from clothes.photos.folders import Skipped
from clothes.system.files import remove_unfinished
from clothes.system.locks import folder_lock
from clothes.system.threads import map_in_threads

LIST = "_photos.parquet"  # readers of a folder of Parquet files leave out a name that begins with _
PART_PHOTOS = 500  # which one worker answers in some seconds, again if it dies
_THREADS = 4  # of a worker: while one computes, the others wait for the disk or bucket


class Answers:
    """The answers in a folder or bucket. `parts` has the number of photos of each part; `about` tells their origin.

    Raises RunError if the list of their photos is damaged.
    """

    def __init__(self, address: str) -> None:
        self.store = Store(address)
        try:
            self._list = pq.ParquetFile(self.store.file(LIST))
            about = self._list.metadata
            self.about = {key.decode(): value.decode() for key, value in (about.metadata or {}).items()}
        except ValueError as error:  # of Arrow, too
            raise RunError(f"{address} has a damaged {LIST}: {error}. Give another --out.") from None
        self.parts = [about.row_group(part).num_rows for part in range(about.num_row_groups)]

    def photos(self, part: int) -> list[str]:
        names: list[str] = self._list.read_row_group(part)["photo"].to_pylist()
        return names

    def missing(self) -> list[int]:
        """Returns the parts without answers. An object without bytes is one that was begun, in some buckets."""
        sizes = self.store.sizes()
        return [part for part in range(len(self.parts)) if not sizes.get(_name(part))]

    def count_missing(self) -> int:
        """Returns the number of photos without answers."""
        return sum(self.parts[part] for part in self.missing())

    def write(self, part: int, answers: pa.Table) -> None:
        content = pa.BufferOutputStream()
        pq.write_table(answers, content, compression="zstd")
        self.store.write(_name(part), content.getvalue().to_pybytes())


def _name(part: int) -> str:
    return f"part-{part:06}.parquet"


@contextmanager
def open_answers(
    address: str, source: str, task: Task, *, part_photos: int = PART_PHOTOS
) -> Iterator[tuple[Answers, list[Skipped]]]:
    """Yields the answers at an address, begun now or before, and what is no photo in a source that is listed now.

    Locks a folder; a bucket has no locks, and two processes would write the same files. Raises PhotosError for a source
    without photos, and RunError if the answers are others or another process writes them.
    """
    store, skipped = Store(address), list[Skipped]()
    about = {"source": Store(source).address, "model": task.model}
    with _lock(store):
        files = store.sizes()
        if LIST not in files:
            if any(name.startswith("part-") for name in files):
                raise RunError(f"{address} has answers without the list of their photos, {LIST}. Give another --out.")
            _list_photos(store, source, about, part_photos, skipped)
        answers = Answers(address)
        for what, value in about.items():
            if (old := answers.about.get(what)) != value:
                raise RunError(f"{address} has answers with another {what}: {old}, not {value}. Give another --out.")
        yield answers, skipped


@contextmanager
def _lock(store: Store) -> Iterator[None]:
    if store.in_bucket:
        yield
        return
    folder = Path(store.path)
    folder.mkdir(parents=True, exist_ok=True)
    with folder_lock(folder) as locked:
        if not locked:
            raise RunError(f"Another process writes answers into {folder} now. Wait for it, or give another --out.")
        remove_unfinished(folder)
        yield


def _list_photos(store: Store, source: str, about: Mapping[str, str], part_photos: int, skipped: list[Skipped]) -> None:
    content, found = pa.BufferOutputStream(), find_photos(source, skipped)
    schema = pa.schema([("photo", pa.string())], metadata=dict(about))
    with pq.ParquetWriter(content, schema, compression="zstd") as writer:
        photos = list(islice(found, part_photos))
        if not photos:
            raise PhotosError(f"No photo in {source}. Name a folder or bucket with photos, or a list of photos.")
        while photos:
            writer.write_table(pa.table([pa.array(photos, pa.string())], schema))
            photos = list(islice(found, part_photos))
    store.write(LIST, content.getvalue().to_pybytes())


def answer_photos(answer: Answer, schema: pa.Schema, photos: Sequence[str]) -> pa.Table:
    """Returns a row for each photo, in order, with the columns of `answers_schema`.

    Raises OSError if a bucket does not answer or all files are missing, as on a machine that does not see their folder:
    no photo is called broken for that.
    """

    def row(photo: str) -> dict[str, Any]:
        try:
            return {"photo": photo} | answer(read_photo(photo))
        except PhotoError as error:
            return {"photo": photo, "code": error.code, "error": error.reason}

    rows = list(map_in_threads(row, photos, threads=_THREADS))
    if len(rows) > 1 and all(row.get("code") == "missing" and "://" not in row["photo"] for row in rows):
        raise OSError(f"{photos[0]} is missing on this machine, and so are all others of its part of {len(rows)}.")
    return pa.Table.from_pylist(rows, schema)


def answers_schema(task: Task) -> pa.Schema:
    """Returns the columns of the answers: `code` and `error` are those of a PhotoError, else all others are there."""
    text = pa.string()
    return pa.schema([("photo", text), *task.columns, ("code", text), ("error", text)])
