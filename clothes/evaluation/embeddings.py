"""Embeddings of a run's train and validation photos, computed once and kept in the run as features.npz."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from clothes.errors import PhotoError, RunError
from clothes.inference.classifier import Classifier
from clothes.inference.run import Run
from clothes.models.litert_head import normalize
from clothes.photos.folders import OTHER
from clothes.photos.split_file import Row, has_changed
from clothes.system.arrays import unpack_arrays
from clothes.system.files import read_regular_file, replacing
from clothes.system.progress import Progress

_FILE = "features.npz"
_COMPONENTS = 128
_BLOCK = 10_000  # photos at a time, so that a copy of their embeddings takes 50 MB, not 5 kB a photo
_MOST_BYTES, _MOST_BYTES_PER_PHOTO = 4_000_000_000, 50_000  # networks have up to 4,032 units, of 4 bytes


@dataclass(frozen=True)
class Embeddings:
    """Embeddings float32 (N, units) of the photos in `rows`; `labels` and `answers` are class indices, int (N,)."""

    rows: tuple[Row, ...]
    values: np.ndarray
    labels: np.ndarray
    answers: np.ndarray  # the class that the network predicts

    def is_part(self, name: str) -> np.ndarray:
        """Returns a mask of the photos in a part of the split: bool (N,)."""
        return np.array([row.part == name for row in self.rows], dtype=bool)

    def reduced(self) -> "Embeddings":
        """Returns the same photos with up to 128 principal components, on which a probe is fitted in a second."""
        if self.values.shape[1] <= _COMPONENTS:
            return self
        mean = self.values.mean(axis=0)

        def centred() -> Iterator[np.ndarray]:
            for i in range(0, len(self.values), _BLOCK):
                yield self.values[i : i + _BLOCK] - mean

        _, axes = np.linalg.eigh(sum(block.T @ block for block in centred()))  # in ascending order
        return replace(self, values=np.concatenate([block @ axes[:, -_COMPONENTS:] for block in centred()]))

    def nearest(self, values: np.ndarray, count: int) -> np.ndarray:
        """Returns positions int (M, count) of the train photos nearest to embeddings (M, units), by cosine."""
        train = np.flatnonzero(self.is_part("train"))
        blocks = (normalize(self.values[train[i : i + _BLOCK]]) for i in range(0, max(1, len(train)), _BLOCK))
        similarity = np.concatenate([normalize(values) @ block.T for block in blocks], axis=1)
        return train[np.argsort(-similarity, axis=1, kind="stable")[:, :count]]


def read_embeddings(run: Run, classifier: Classifier, *, progress: Progress | None = None) -> Embeddings:
    """Returns the embeddings of a run's train and validation photos that can be read and show one of its classes.

    Leaves out photos that are others now. Raises RunError if no photo can be read.
    """
    rows = tuple(row for row in run.split.rows if row.part != "test" and row.label != OTHER)
    key = hashlib.sha256(f"{classifier.info['files']} {[(row.photo, row.sha256) for row in rows]}".encode()).digest()
    labels = [classifier.classes.index(row.label) for row in rows]
    if (kept := _load(run, key, len(rows), len(classifier.classes))) is not None:
        return Embeddings(rows, kept["values"], np.array(labels), kept["answers"])
    same = [i for i, row in enumerate(rows) if not has_changed(run.photos, row)]
    values = np.zeros((0, 0), np.float32)  # of the photos that can be read, as what follows
    answers: list[int] = []
    there: list[int] = []
    outputs = classifier.outputs_many(run.photos / rows[i].photo for i in same)
    for done, (i, output) in enumerate(zip(same, outputs, strict=True), 1):
        if not isinstance(output, PhotoError):
            if not there:
                values = np.zeros((len(same), len(output.features)), np.float32)
            values[len(there)] = output.features
            answers.append(int(np.argmax(output.scores)))
            there.append(i)
        if progress:
            progress(done, len(same))
    if not there:
        raise RunError(
            f"None of the {len(rows)} train and validation photos of {run.path} can be read below {run.photos}. Put "
            "them back there."
        )
    shown, truth = tuple(rows[i] for i in there), np.array([labels[i] for i in there])
    found = Embeddings(shown, values[: len(there)], truth, np.array(answers))
    if len(there) == len(rows):  # photos that are missing may come back
        kept = {"key": np.frombuffer(key, np.uint8), "values": found.values, "answers": found.answers}
        with replacing(run.path / _FILE, size=found.values.nbytes) as making, making.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **kept)
    return found


def _load(run: Run, key: bytes, count: int, classes: int) -> dict[str, np.ndarray] | None:
    """Returns the kept arrays of all `count` photos; None if there are none, or they are of others or damaged."""
    try:
        data = read_regular_file(run.path / _FILE, _MOST_BYTES)
        arrays = unpack_arrays(data, most=count * _MOST_BYTES_PER_PHOTO + 10_000)
        values, answers = arrays["values"], arrays["answers"]
        fits = arrays["key"].tobytes() == key and values.ndim == 2 and values.dtype == np.float32
        fits = fits and values.shape[0] == count and answers.shape == (count,) and answers.dtype == int
        return arrays if fits and np.isfinite(values).all() and ((answers >= 0) & (answers < classes)).all() else None
    except (OSError, ValueError, KeyError):
        return None
