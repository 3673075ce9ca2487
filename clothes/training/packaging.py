"""Makes the bundle of a trained network: calibrate, convert, measure, describe, write."""

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from clothes.errors import BundleError
from clothes.inference.bundle import MODEL, PROBES, WEIGHTS, make_probes, write_bundle
from clothes.inference.litert import LiteModel
from clothes.inference.run import Run, now
from clothes.metrics import apply_temperature, calibrate_temperature, log_loss, lowest_kept, wilson_interval
from clothes.models.architectures import build_model, predict
from clothes.models.backend import keras
from clothes.models.conversion import to_litert
from clothes.photos.split_file import Split
from clothes.system.arrays import pack_arrays
from clothes.system.text import utf8
from clothes.system.version import __version__
from clothes.training.trainer import Trainer

COVERAGE = 0.95  # share of the validation photos whose prediction is accepted, which sets the threshold
_EXAMPLES = 200  # train photos used to measure the value ranges of an 8-bit network
_LARGEST_DIFFERENCE = 0.03  # mean, between the probabilities of the converted and of the trained network


def write_run_bundle(run: Run, trainer: Trainer, split: Split, *, seconds: float) -> None:
    """Writes the bundle of the best epoch and marks the run as finished. `seconds` is the training time.

    Raises BundleError if the converted network answers differently from the trained one.
    """
    labels, pixels = trainer.validation.labels, trainer.validation.pixels
    config, photos = trainer.full_config.model, trainer.pictures
    trained = build_model(config, trainer.classes)  # in float32
    trained.set_weights(trainer.best_weights)
    expected = predict(trained, pixels, np.flatnonzero(labels >= 0))
    temperature = calibrate_temperature(expected, labels[labels >= 0])
    spread = np.linspace(0, len(photos) - 1, min(_EXAMPLES, len(photos))).astype(int)  # over all classes
    model = to_litert(config, trainer.best_weights, temperature=temperature, examples=photos.pixels[spread])
    lite = LiteModel(model)
    scores = np.stack([lite.run(picture)[0] for picture in pixels])
    difference = np.abs(scores[labels >= 0] - apply_temperature(expected, temperature)).mean()
    if not difference < _LARGEST_DIFFERENCE:  # true for NaN too
        raise BundleError(
            f"The converted model answers differently from the trained one (by {difference:.3f} on average), so no "
            f"bundle was written. The training itself is kept in {run.path / 'checkpoints'}."
        )
    threshold, metrics = _measure(scores, labels)
    probes = make_probes(config.image_size)
    results = {"temperature": temperature, "threshold": threshold, "metrics": {"validation": metrics}}
    files = {
        MODEL: model,
        PROBES: pack_arrays(pictures=probes, scores=np.stack([lite.run(picture)[0] for picture in probes])),
        WEIGHTS: pack_arrays(*trainer.best_weights),
    }
    write_bundle(run.path / "bundle", _describe(run, trainer, split, seconds) | results, files)
    run.finish()


def _measure(scores: np.ndarray, labels: np.ndarray) -> tuple[float, dict[str, Any]]:
    """Returns threshold and validation metrics of probabilities (N, classes); label -1 marks a photo of no class."""
    inside, outside = scores[labels >= 0], scores[labels < 0]
    labels = labels[labels >= 0]
    right = int((inside.argmax(axis=1) == labels).sum())
    threshold = lowest_kept(inside.max(axis=1), COVERAGE)
    metrics = {
        "photos": len(labels),
        "accuracy": right / len(labels),
        "interval": list(wilson_interval(right, len(labels))),
        "loss": log_loss(inside, labels),
        "known": float((inside.max(axis=1) >= threshold).mean()),
    }
    if len(outside):
        metrics["others_known"] = float((outside.max(axis=1) >= threshold).mean())
    return threshold, metrics


def _describe(run: Run, trainer: Trainer, split: Split, seconds: float) -> dict[str, Any]:
    """Returns the entries of bundle.json that are known before the network is measured."""
    config, state = trainer.full_config, trainer.state
    return {
        "name": utf8(run.path.resolve().name),
        "created": now(),
        "classes": list(split.classes),
        "image_size": config.model.image_size,
        "fit": "letterbox",
        "config": config.to_dict(),
        "seed": config.train.seed,
        "epochs": {"trained": state.epoch, "best": state.best_epoch, "seconds": round(seconds, 1)},
        "photos": {part: sum(counts.values()) for part, counts in split.counts().items()},
        "fingerprint": split.fingerprint,
        "versions": {
            "clothes": __version__,
            "keras": keras.__version__,
            "backend": keras.backend.backend(),
            "tensorflow": _tensorflow_version(),
            "python": platform.python_version(),
        },
    }


def _tensorflow_version() -> str:
    """TensorFlow's version, from the package with GPU support or the one without."""
    try:
        return version("tensorflow")
    except PackageNotFoundError:
        return version("tensorflow-cpu")
