"""Embeddings of photos, kept in the cache by the photo's SHA-256: a photo is looked at once by each network."""

import hashlib
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np

from clothes.errors import PhotoError, SplitError, TrainingError
from clothes.inference.bundle import MODEL
from clothes.inference.classifier import Classifier
from clothes.models.litert_head import normalize
from clothes.photos.split_file import Row
from clothes.system.progress import Progress
from clothes.system.user_folders import cache_folder
from clothes.training.datasets import DECODER, mark_used, read_photo, remove_unused

_BLOCK = 500  # photos
_WAIT = 60  # seconds for another process that writes
_DIGEST = 32  # bytes of a SHA-256, behind each embedding
_TABLE = "CREATE TABLE IF NOT EXISTS sealed (sha256 TEXT PRIMARY KEY, data BLOB) WITHOUT ROWID"


class EmbeddingStore:
    """The embeddings that a network gives. They are kept as they are, and read with length 1.

    A file holds those of one network: 5 kB for each photo of the bundled one. It goes if no run uses it for a month.
    """

    def __init__(self, network: Classifier) -> None:
        self._network = network
        self._path = cache_folder() / "embeddings" / f"{network.info['files'][MODEL][:32]}-{DECODER}.sqlite"

    def fill(
        self, root: Path, rows: Sequence[Row], progress: Progress, *, read: Progress = lambda done, total: None
    ) -> None:
        """Reads all photos, and looks at those that are not kept yet: `progress` counts these, `read` the others.

        Raises SplitError if a photo is missing or has changed since the split, TrainingError if the cache cannot be
        written to.
        """
        with self._explained():
            kept = self._find_kept(rows)
        todo = {row.sha256: row for row in rows if row.sha256 not in kept}
        missing = list(todo.values())
        others = [row for row in rows if todo.get(row.sha256) != row]
        for done, row in enumerate(others, 1):
            read_photo(root, row)
            read(done, len(others))
        done = 0
        for start in range(0, len(missing), _BLOCK):
            block, found = missing[start : start + _BLOCK], []
            features_many = self._network.features_many(read_photo(root, row) for row in block)
            for row, features in zip(block, features_many, strict=True):
                if isinstance(features, PhotoError):
                    raise SplitError(f"{row.photo} is in the split but cannot be used: {features.reason}. Split again.")
                data = features.astype("<f4").tobytes()
                found.append((row.sha256, data + _digest(row.sha256, data)))
                progress(done := done + 1, len(missing))
            with self._explained(), closing(self._open()) as cache, cache:  # locked for a moment only
                cache.executemany("INSERT OR REPLACE INTO sealed VALUES (?, ?)", found)

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, timeout=_WAIT)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise TrainingError(
                f"The embeddings of the photos cannot be kept in {self._path.parent} ({error}). Make room there, or "
                "name another folder by the environment variable CLOTHES_CACHE."
            ) from None

    def _find_kept(self, rows: Sequence[Row]) -> set[str]:
        """Returns the SHA-256 of the photos that are kept. A damaged file is removed: all of it can be made again."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        mark_used(self._path)
        remove_unused()
        for last in (False, True):
            with closing(self._open()) as cache:
                try:
                    cache.execute(_TABLE)
                    return {
                        name
                        for start in range(0, len(rows), _BLOCK)
                        for name in _select(cache, rows[start : start + _BLOCK])
                    }
                except sqlite3.DatabaseError as error:
                    if last or isinstance(error, sqlite3.OperationalError):  # full, read-only or in use
                        raise
            self._path.unlink(missing_ok=True)  # another process may have met it, too
        raise AssertionError

    def blocks(self, rows: Sequence[Row], positions: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Of these positions in `rows` yields positions int (n,) and embeddings float32 (n, units) of length 1."""
        try:
            with closing(self._open()) as cache:
                for start in range(0, len(positions), _BLOCK):
                    chosen = positions[start : start + _BLOCK]
                    block = [rows[i] for i in chosen]
                    data = _select(cache, block)
                    yield chosen, normalize(np.stack([np.frombuffer(data[row.sha256], "<f4") for row in block]))
        except (sqlite3.Error, KeyError):  # another process met a damaged file and removed it
            raise TrainingError(f"{self._path} was removed or damaged meanwhile. Begin again.") from None

    def read(self, rows: Sequence[Row]) -> np.ndarray:
        """Returns the embeddings float32 (N, units) of length 1 of all rows."""
        return np.concatenate([values for _, values in self.blocks(rows, np.arange(len(rows)))])


def _select(cache: sqlite3.Connection, rows: Sequence[Row]) -> dict[str, bytes]:
    """Returns the embeddings of the photos that are kept, by their SHA-256, without damaged ones."""
    marks = ",".join("?" * len(rows))
    query = f"SELECT sha256, data FROM sealed WHERE sha256 IN ({marks})"  # noqa: S608 - no text from outside
    found = cache.execute(query, [row.sha256 for row in rows])
    return {name: data[:-_DIGEST] for name, data in found if _is_intact(name, data)}


def _is_intact(name: str, data: object) -> bool:
    return isinstance(data, bytes) and data[-_DIGEST:] == _digest(name, data[:-_DIGEST])


def _digest(name: str, data: bytes) -> bytes:
    return hashlib.sha256(name.encode() + data).digest()
