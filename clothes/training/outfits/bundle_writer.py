"""A trained network -> its bundle: convert, compare, describe, write, calibrate."""

import platform
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from clothes.errors import BundleError
from clothes.inference.bundle import MODEL, OUTFIT, PROBES, Bundle, make_probes, write_bundle
from clothes.inference.classifier import Classifier
from clothes.inference.litert import LiteModel
from clothes.inference.run import now
from clothes.models.backend import keras
from clothes.models.conversion import convert_served
from clothes.outfits.kinds import CLASSES
from clothes.outfits.outfit_parser import OutfitParser
from clothes.system.arrays import pack_arrays
from clothes.system.version import __version__
from clothes.training.bundle_info import tensorflow_version
from clothes.training.outfits.batches import letterboxed
from clothes.training.outfits.calibration import START, calibrate
from clothes.training.outfits.examples import Example
from clothes.training.outfits.network import ARCHITECTURE, served_parser

_PROBES = 3  # golden samples, which are large
_RANGES = 60  # train photos that show the value ranges of the 8-bit network
_LARGEST_DIFFERENCE = 0.02  # mean, between the maps of the converted and of the trained network


def write_outfit_bundle(
    path: Path,
    network: keras.Model,
    train: Sequence[Example],
    validation: Sequence[Example],
    *,
    size: int,
    about: dict[str, Any],
    classifier: Classifier | None = None,
) -> Bundle:
    """Writes the bundle of a network for pictures of `size` pixels, calibrated on the validation photos.

    `about` are more entries of bundle.json. Raises BundleError if the converted network answers differently.
    """
    served = served_parser(network, size)
    spread = np.linspace(0, len(train) - 1, min(_RANGES, len(train))).astype(int)
    pictures = np.stack([letterboxed(train[i], size)[0] for i in spread])
    lite = LiteModel(convert_served(served, examples=pictures))
    checked = np.stack([letterboxed(example, size)[0] for example in validation[:20]])
    expected = keras.ops.convert_to_numpy(served.predict_on_batch(checked)["regions"])
    difference = float(np.abs(np.stack([lite.run_all(one)["regions"] for one in checked]) - expected).mean())
    if not difference < _LARGEST_DIFFERENCE:  # true for NaN too
        raise BundleError(f"The converted network answers differently from the trained one (by {difference:.3f}).")
    probes = make_probes(size)[:_PROBES]
    scores = np.stack([lite.run(picture).scores for picture in probes])
    info = {
        "task": OUTFIT,
        "name": "outfit",
        "created": now(),
        "classes": list(CLASSES),
        "image_size": size,
        "fit": "letterbox",
        "config": {"model": {"architecture": ARCHITECTURE, "image_size": size}},
        "photos": {"train": len(train), "validation": len(validation)},
        "versions": {
            "clothes": __version__,
            "python": platform.python_version(),
            "keras": keras.__version__,
            "tensorflow": tensorflow_version(),
        },
        "outfit": asdict(START),
        **about,
    }
    bundle = write_bundle(path, info, {MODEL: lite.data, PROBES: pack_arrays(pictures=probes, scores=scores)})
    return bundle.update(outfit=calibrate(OutfitParser(bundle, classifier), validation))
