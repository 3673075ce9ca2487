"""Embeddings of photos, kept in the cache by the photo's SHA-256: a photo is looked at once by each network."""

import hashlib
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path

import numpy as np

from clothes.errors import PhotoError, SplitError, TrainingError
from clothes.inference.bundle import MODEL
from clothes.inference.classifier import Classifier
from clothes.photos.split_file import Row
from clothes.system.progress import Progress
from clothes.system.user_folders import cache_folder
from clothes.training.datasets import DECODER, read_photo

_BLOCK = 500  # photos
_DIGEST = 32  # bytes of a SHA-256, behind each embedding
_WAIT = 60  # seconds for another process that writes
_TABLE = "CREATE TABLE IF NOT EXISTS embeddings (sha256 TEXT PRIMARY KEY, seen REAL, data BLOB) WITHOUT ROWID"


class EmbeddingStore:
    """The embeddings that a network gives. They are kept as they are, and read with length 1."""

    def __init__(self, network: Classifier) -> None:
        self._network = network
        self._path = cache_folder() / "embeddings" / f"{network.info['files'][MODEL][:32]}-{DECODER}.sqlite"

    def fill(self, root: Path, rows: Sequence[Row], progress: Progress) -> None:
        """Looks at the photos that are not kept yet.

        Raises SplitError if a photo is missing or has changed since the split, TrainingError if the cache cannot be
        written to.
        """
        try:
            try:
                self._fill(root, rows, progress)
            except sqlite3.OperationalError:  # full, read-only or in use
                raise
            except sqlite3.DatabaseError:  # damaged: all of it can be made again
                self._path.unlink()
                self._fill(root, rows, progress)
        except (sqlite3.Error, OSError) as error:
            raise TrainingError(
                f"The embeddings of the photos cannot be kept in {self._path.parent} ({error}). Make room there, or "
                "name another folder by the environment variable CLOTHES_CACHE."
            ) from None

    def _fill(self, root: Path, rows: Sequence[Row], progress: Progress) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(self._path, timeout=_WAIT)) as kept:
            kept.execute(_TABLE)
            self._add_missing(kept, root, rows, progress)

    def _add_missing(self, kept: sqlite3.Connection, root: Path, rows: Sequence[Row], progress: Progress) -> None:
        seen: dict[str, float] = {}
        for start in range(0, len(rows), _BLOCK):
            seen |= {name: when for name, (when, _) in _select(kept, rows[start : start + _BLOCK]).items()}
        for row in rows:
            with suppress(OSError):  # a deleted photo is still kept
                if row.sha256 in seen and (root / row.photo).stat().st_mtime > seen[row.sha256]:
                    read_photo(root, row)
        todo = list({row.sha256: row for row in rows if row.sha256 not in seen}.values())
        done = len(rows) - len(todo)
        for start in range(0, len(todo), _BLOCK):
            block, began = todo[start : start + _BLOCK], time.time()
            found = self._network.features_many(read_photo(root, row) for row in block)
            for row, features in zip(block, found, strict=True):
                if isinstance(features, PhotoError):
                    raise SplitError(f"{row.photo} is in the split but cannot be used: {features.reason}. Split again.")
                done += 1
                progress(done, len(rows))
                data = features.astype("<f4").tobytes()
                data += _digest(row.sha256, data)
                kept.execute("INSERT OR REPLACE INTO embeddings VALUES (?, ?, ?)", (row.sha256, began, data))
            kept.commit()

    def blocks(self, rows: Sequence[Row], positions: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Of these positions in `rows` yields positions int (n,) and embeddings float32 (n, units) of length 1."""
        with closing(sqlite3.connect(f"{self._path.absolute().as_uri()}?mode=ro", uri=True)) as kept:
            for start in range(0, len(positions), _BLOCK):
                chosen = positions[start : start + _BLOCK]
                block = [rows[i] for i in chosen]
                data = _select(kept, block)
                values = np.stack([np.frombuffer(data[row.sha256][1], "<f4") for row in block])
                yield chosen, normalize(values)

    def read(self, rows: Sequence[Row]) -> np.ndarray:
        """Returns the embeddings float32 (N, units) of length 1 of all rows."""
        return np.concatenate([values for _, values in self.blocks(rows, np.arange(len(rows)))])


def normalize(values: np.ndarray) -> np.ndarray:
    """Returns the vectors with length 1: float32 (N, units)."""
    return values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), np.float32(1e-6))


def _select(kept: sqlite3.Connection, rows: Sequence[Row]) -> dict[str, tuple[float, bytes]]:
    """Returns when each photo that is kept was looked at and its embedding, by its SHA-256, without damaged ones."""
    marks = ",".join("?" * len(rows))
    query = f"SELECT sha256, seen, data FROM embeddings WHERE sha256 IN ({marks})"  # noqa: S608 - no text from outside
    found = kept.execute(query, [row.sha256 for row in rows])
    return {name: (seen, data[:-_DIGEST]) for name, seen, data in found if _is_intact(name, seen, data)}


def _is_intact(name: str, seen: object, data: object) -> bool:
    is_whole = isinstance(data, bytes) and data[-_DIGEST:] == _digest(name, data[:-_DIGEST])
    return is_whole and isinstance(seen, float)


def _digest(name: str, data: bytes) -> bytes:
    return hashlib.sha256(name.encode() + data).digest()
