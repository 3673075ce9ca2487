"""What a run's network makes of its train and validation photos: looked at once, kept in the run as features.npz."""

import hashlib
import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np

from clothes.errors import PhotoError, RunError
from clothes.inference.classifier import Classifier
from clothes.inference.run import Run
from clothes.photos.folders import OTHER
from clothes.photos.splits import Row
from clothes.system.files import write_bytes

_FILE = "features.npz"


@dataclass(frozen=True)
class Features:
    """Features float32 (N, units) of the `rows` of a split, and their `labels`: places among the classes, int (N,)."""

    rows: tuple[Row, ...]
    values: np.ndarray
    labels: np.ndarray

    def part(self, name: str) -> np.ndarray:
        """Which of them are of a part: bool (N,)."""
        return np.array([row.part == name for row in self.rows], dtype=bool)

    def compressed(self, units: int = 128) -> "Features":
        """The same in fewer numbers: their principal components, with which a classifier is fitted in a moment."""
        if self.values.shape[1] <= units:
            return self
        centred = self.values - self.values.mean(axis=0)
        _, axes = np.linalg.eigh(centred.T @ centred)  # the largest come last
        return replace(self, values=centred @ axes[:, -units:])

    def nearest(self, values: np.ndarray, count: int) -> np.ndarray:
        """The train photos most like each of these features (M, units), by cosine: positions int (M, count)."""
        train = np.flatnonzero(self.part("train"))
        alike = _unit(values) @ _unit(self.values[train]).T
        return train[np.argsort(-alike, axis=1, kind="stable")[:, :count]]


def read_features(run: Run, classifier: Classifier, *, progress: Callable[[int, int], None] | None = None) -> Features:
    """The features of a run's train and validation photos of its classes; those that cannot be read are left out.

    Raises RunError when none can be read.
    """
    rows = [row for row in run.split.rows if row.part != "test" and row.label != OTHER]
    key = hashlib.sha256(f"{classifier.info['files']} {[(row.photo, row.sha256) for row in rows]}".encode()).hexdigest()
    found = _read(run, key)
    if found is None:
        found = _look(run, classifier, rows, progress)
        kept = io.BytesIO()
        np.savez_compressed(kept, key=np.array(key), there=found[0], values=found[1])
        write_bytes(run.path / _FILE, kept.getvalue())
    there, values = found
    if not len(there):
        raise RunError(
            f"None of the {len(rows)} train and validation photos of {run.path} can be read below {run.photos}. Put "
            "them back there."
        )
    index = {name: i for i, name in enumerate(classifier.classes)}
    chosen = tuple(rows[i] for i in there)
    return Features(chosen, values, np.array([index[row.label] for row in chosen]))


def _read(run: Run, key: str) -> tuple[np.ndarray, np.ndarray] | None:
    try:
        with np.load(run.path / _FILE, allow_pickle=False) as arrays:
            return (arrays["there"], arrays["values"]) if str(arrays["key"]) == key else None
    except Exception:  # not there yet, of another model, or damaged: then its readers raise what they like
        return None


def _look(
    run: Run, classifier: Classifier, rows: Iterable[Row], progress: Callable[[int, int], None] | None
) -> tuple[np.ndarray, np.ndarray]:
    photos = [run.photos / row.photo for row in rows]
    there, values = [], []
    for i, found in enumerate(classifier.features_many(photos)):
        if progress:
            progress(i + 1, len(photos))
        if not isinstance(found, PhotoError):
            there.append(i)
            values.append(found)
    return np.array(there, dtype=int), np.array(values, dtype=np.float32)


def _unit(values: np.ndarray) -> np.ndarray:
    return values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-9)
