"""The entries of bundle.json that every way of training writes."""

import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from clothes.config import Config
from clothes.inference.metrics import log_loss, wilson_interval
from clothes.inference.run import now
from clothes.photos.split_file import Split
from clothes.system.terminal_text import utf8
from clothes.system.version import __version__

COVERAGE = 0.95  # share of the held-out photos whose prediction is accepted, which sets the threshold


def describe(path: Path, classes: Sequence[str], config: Config) -> dict[str, Any]:
    """Returns the entries of the bundle of a run, or of a bundle, in the folder `path`."""
    return {
        "name": utf8(path.resolve().name),
        "created": now(),
        "classes": list(classes),
        "image_size": config.model.image_size,
        "fit": "letterbox",
        "config": config.to_dict(),
        "versions": {"clothes": __version__, "python": platform.python_version()},
    }


def describe_photos(split: Split) -> dict[str, Any]:
    """Returns the number of photos of each part, and the fingerprint of all."""
    photos = {part: sum(counts.values()) for part, counts in split.counts().items()}
    return {"photos": photos, "fingerprint": split.fingerprint}


def measure(scores: np.ndarray, labels: np.ndarray, accepted: np.ndarray) -> dict[str, Any]:
    """Returns the metrics of probabilities (N, classes); label -1 marks a photo of no class. `accepted` bool (N,)."""
    inside = labels >= 0
    chosen, truth = scores[inside], labels[inside]
    right = int((chosen.argmax(axis=1) == truth).sum())
    metrics = {
        "photos": len(truth),
        "accuracy": right / len(truth),
        "interval": list(wilson_interval(right, len(truth))),
        "loss": log_loss(chosen, truth),
        "known": float(accepted[inside].mean()),
    }
    if not inside.all():
        metrics["others_known"] = float(accepted[~inside].mean())
    return metrics


def tensorflow_version() -> str:
    """Returns TensorFlow's version, from the package with GPU support or the one without."""
    try:
        return version("tensorflow")
    except PackageNotFoundError:
        return version("tensorflow-cpu")
