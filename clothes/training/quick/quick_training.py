"""The training of the quick model: a split -> a new head on another bundle's network. Imports no TensorFlow."""

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from clothes.config import QUICK, Config
from clothes.errors import ConfigError
from clothes.inference.bundle import MODEL, PROBES, Bundle, make_probes, write_bundle
from clothes.inference.classifier import Classifier, load
from clothes.inference.litert import LiteModel
from clothes.inference.run import Run
from clothes.models.litert_head import replace_head
from clothes.photos.folders import OTHER
from clothes.photos.split_file import Row, Split
from clothes.system.arrays import pack_arrays
from clothes.training.bundle_info import describe, describe_photos, measure
from clothes.training.callbacks import TrainingCallback
from clothes.training.quick.embedding_store import EmbeddingStore
from clothes.training.quick.linear_head import Fit, fit, make_folds, recalibrate
from clothes.training.split_and_config import Changes

FOLDS = 5
_ENOUGH = 100  # validation photos to set temperature and threshold by

Fitted = tuple[Fit, dict[str, Any]]
"""The head, and its metrics by cross-validation and on the validation photos."""


class QuickTraining:
    """Fits a head to the embeddings of the train photos; with `folds` of the validation photos, too."""

    def __init__(self, trunk: str | os.PathLike[str] | None, folds: int | None) -> None:
        if folds is not None and not 2 <= folds <= 100:
            raise ConfigError(f"--folds must be between 2 and 100; got {folds}.")
        self._network, self._folds = load(trunk), folds

    def choose_config(
        self, config: Config | None, changes: Changes, split: Split, callback: TrainingCallback
    ) -> Config:
        """Returns the config. Raises ConfigError if there are more folds than photos."""
        groups = {row.group or row.photo for row in self._rows(split) if row.label != OTHER}
        if self._folds and self._folds > len(groups):
            raise ConfigError(
                f"--folds {self._folds} is more than there are photos to hold out: {len(groups)}, counting "
                f"near-duplicates as one. {'Give fewer' if len(groups) > 1 else 'Take others'}."
            )
        return quick_config(self._network)

    def prepare(self, split: Split, config: Config, callback: TrainingCallback) -> Fitted:
        """Fits the head. Raises SplitError if a photo cannot be used, PhotosError if all look the same."""
        store = EmbeddingStore(self._network)
        rows = [row for row in split.rows if row.part != "test"]
        tell = lambda stage: lambda *at: callback.on_progress(stage, *at)  # noqa: E731
        store.fill(split.root, rows, tell("embed"), read=tell("look"))
        callback.on_progress("fit", 0, 1)
        return self._measure(split, store)

    def fit(self, run: Run, split: Split, prepared: Fitted, callback: TrainingCallback, *, resume: bool) -> None:
        """Writes the bundle, and marks the run as finished."""
        callback.on_start(run, run.config, split)
        callback.on_progress("save", 0, 1)
        fitted, metrics = prepared
        info = describe(run.path, split.classes, run.config) | describe_photos(split) | {"metrics": metrics}
        write_quick_bundle(run.path / "bundle", info, self._network, fitted)
        run.finish()

    def _rows(self, split: Split) -> list[Row]:
        """Returns the photos to fit the head to, and those of no class."""
        parts = ("train", "validation") if self._folds else ("train",)
        return [row for part in parts for row in split.part(part)]

    def _measure(self, split: Split, store: EmbeddingStore) -> Fitted:
        rows = [row for row in self._rows(split) if row.label != OTHER]
        others = [row for row in self._rows(split) if row.label == OTHER]
        away = store.read(others).mean(axis=0) if others else None
        labels = _labels(split, rows)
        folds = make_folds(labels, [row.group for row in rows], self._folds or FOLDS)
        fitted = fit(partial(store.blocks, rows), labels, folds, len(split.classes), others=away)
        metrics = cross_validated(fitted, labels)
        validation = split.part("validation")
        truth = _labels(split, validation)
        if (truth >= 0).any() and not self._folds:
            values = store.read(validation)
            if (truth >= 0).sum() >= _ENOUGH:
                fitted = recalibrate(fitted, values[truth >= 0], truth[truth >= 0])
            scores, similarity = fitted.head.apply(values)
            metrics["validation"] = measure(scores, truth, similarity >= fitted.threshold)
        return fitted, metrics


def quick_config(network: Classifier) -> Config:
    """Returns the config of a quick model on this network."""
    return Config().changed({"model": {"architecture": QUICK, "image_size": network.image_size}})


def cross_validated(fitted: Fit, labels: np.ndarray) -> dict[str, Any]:
    """Returns the metrics on the photos that were held out, as an entry of the metrics; nothing if none could be."""
    if not len(fitted.judged):
        return {}
    return {"cross-validation": measure(fitted.scores, labels[fitted.judged], fitted.similarity >= fitted.threshold)}


def _labels(split: Split, rows: Sequence[Row]) -> np.ndarray:
    index = {name: i for i, name in enumerate(split.classes)} | {OTHER: -1}
    return np.array([index[row.label] for row in rows], dtype=np.int64)


def write_quick_bundle(path: Path, info: dict[str, Any], network: Classifier, fitted: Fit) -> Bundle:
    """Writes a bundle of the network with the fitted head."""
    model, probes = replace_head(network.model.data, fitted.head), make_probes(network.image_size)
    lite = LiteModel(model)
    scores = np.stack([lite.run(picture).scores for picture in probes])
    trunk = {"name": network.info.get("name", ""), "sha256": network.info["files"][MODEL]}
    files = {MODEL: model, PROBES: pack_arrays(pictures=probes, scores=scores)}
    return write_bundle(path, info | {"trunk": trunk, "threshold": fitted.threshold}, files)
