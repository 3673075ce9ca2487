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
from clothes.inference.bundle import MODEL, Bundle
from clothes.inference.classifier import Classifier
from clothes.inference.many.photo_list import find_photos
from clothes.inference.many.stores import Store, read_photo
from clothes.photos.folders import Skipped
from clothes.system.checksums import sha256_json
from clothes.system.files import remove_unfinished
from clothes.system.locks import folder_lock
from clothes.system.threads import map_in_threads

LIST = "_photos.parquet"  # readers of a folder of Parquet files leave out a name that begins with _
PART_PHOTOS = 500  # which one worker answers in some seconds, again if it dies
_THREADS = 4  # of a worker: while one computes, the others wait for the disk or bucket


class Answers:
    """The answers in a folder or bucket. `parts` has the number of photos of each part; `about` tells their origin."""

    def __init__(self, address: str) -> None:
        self.store = Store(address)
        self._list = pq.ParquetFile(self.store.file(LIST))
        about = self._list.metadata
        self.about = {key.decode(): value.decode() for key, value in about.metadata.items()}
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
    address: str, source: str, bundle: Bundle, *, part_photos: int = PART_PHOTOS
) -> Iterator[tuple[Answers, list[Skipped]]]:
    """Yields the answers at an address, begun now or before, and what is no photo in a source that is listed now.

    Locks a folder; a bucket has no locks, and two processes would write the same files. Raises PhotosError for a source
    without photos, and RunError if the answers are others or another process writes them.
    """
    store, skipped = Store(address), list[Skipped]()
    trained = [bundle.info["files"][MODEL], bundle.classes, bundle.threshold]
    about = {"source": Store(source).address, "model": sha256_json(trained)[:16]}
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


def answer_photos(classifier: Classifier, photos: Sequence[str]) -> pa.Table:
    """Returns a row for each photo, in order: `answers_schema` has its columns.

    Raises OSError if a bucket does not answer or all files are missing, as on a machine that does not see their folder:
    no photo is called broken for that.
    """

    def answer(photo: str) -> dict[str, Any]:
        try:
            found = classifier.predict(read_photo(photo))
        except PhotoError as error:
            return {"photo": photo, "code": error.code, "error": error.reason}
        return {
            "photo": photo,
            "label": found.label,
            "confidence": found.confidence,
            "known": found.known,
            "scores": found.scores,
        }

    rows = list(map_in_threads(answer, photos, threads=_THREADS))
    if len(rows) > 1 and all(row.get("code") == "missing" and "://" not in row["photo"] for row in rows):
        raise OSError(f"{photos[0]} is missing on this machine, and so are all others of its part of {len(rows)}.")
    return pa.Table.from_pylist(rows, answers_schema(classifier.classes))


def answers_schema(classes: Sequence[str]) -> pa.Schema:
    """Returns the columns of the answers: `code` and `error` are those of a PhotoError, else all others are there."""
    scores = pa.struct([(name, pa.float32()) for name in classes])
    return pa.schema(
        [
            ("photo", pa.string()),
            ("label", pa.string()),
            ("confidence", pa.float32()),
            ("known", pa.bool_()),
            ("scores", scores),
            ("code", pa.string()),
            ("error", pa.string()),
        ]
    )
