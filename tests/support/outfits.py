"""Drawn outfits, and a network that names each cell by its colour: a bundle of outfits that needs no training."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

import clothes
from clothes.inference.bundle import MODEL, OUTFIT, PROBES, make_probes, write_bundle
from clothes.inference.litert import LiteModel
from clothes.system.arrays import pack_arrays

COLORS = {
    "background": (127, 127, 127),
    "person": (240, 190, 150),
    "outwear": (20, 20, 20),
    "shirt": (250, 250, 250),
    "t-shirt": (30, 160, 60),
    "dress": (150, 30, 160),
    "pants": (28, 37, 68),
    "shoes": (110, 60, 20),
    "bag": (220, 30, 30),
}
SIZE = 256
INFO = {
    "naming": [1.0, 0.0],  # the classifier has no say: it learnt from photos, not from rectangles
    "certainty": [0.0, 1.0, *[0.0] * 6],
    "least_area": 0.003,
    "shown": 0.3,
    "shown_worn": 0.3,
    "known": 0.5,
}


def draw_outfit(*parts: tuple[str, tuple[int, int, int, int]], size: tuple[int, int] = (240, 360)) -> Image.Image:
    """A picture of rectangles (left, top, right, bottom) in the colours of these classes, the last on top."""
    image = Image.new("RGB", size, COLORS["background"])
    for name, (left, top, right, bottom) in parts:
        ImageDraw.Draw(image).rectangle((left, top, right - 1, bottom - 1), fill=COLORS[name])
    return image


def wearer(left: int = 0) -> list[tuple[str, tuple[int, int, int, int]]]:
    """A person in a shirt, pants and shoes; the arms lie beside the shirt."""
    return [
        ("person", (left + 90, 10, left + 150, 70)),
        ("person", (left + 50, 80, left + 190, 200)),
        ("shirt", (left + 70, 70, left + 170, 190)),
        ("pants", (left + 75, 190, left + 165, 320)),
        ("shoes", (left + 70, 320, left + 170, 350)),
    ]


def write_color_bundle(path: Path, **changes: object) -> Path:
    """Writes a bundle whose network knows the classes by their colours. `changes` are entries of its `outfit`."""
    keras = pytest.importorskip("clothes.models.backend", exc_type=ImportError).keras
    pytest.importorskip("tensorflow", reason="converting needs the extra 'train'")
    from clothes.models.conversion import convert_served

    layers = keras.layers
    pictures = keras.Input((SIZE, SIZE, 3), dtype="uint8", name="pictures")
    scaled = layers.Rescaling(1 / 255)(pictures)
    logits = layers.Conv2D(len(COLORS), 1, name="logits")
    regions = layers.Activation("softmax", name="regions")(logits(layers.AveragePooling2D(8)(scaled)))
    smooth = layers.AveragePooling2D(3, strides=1)(regions)
    scores = layers.Flatten(name="scores")(layers.MaxPooling2D(SIZE // 8 - 2)(smooth))
    features = layers.GlobalAveragePooling2D(name="features")(regions)
    means, sharpness = np.array(list(COLORS.values())) / 255, 200.0
    logits.set_weights([2 * sharpness * means.T[None, None], -sharpness * (means**2).sum(axis=1)])  # nearest colour
    served = keras.Model(pictures, {"scores": scores, "features": features, "regions": regions})
    lite, probes = LiteModel(convert_served(served, examples=None)), make_probes(SIZE)[:2]
    recorded = np.stack([lite.run(picture).scores for picture in probes])
    info = {"task": OUTFIT, "classes": list(COLORS), "image_size": SIZE, "outfit": INFO | changes}
    info["versions"] = {"clothes": clothes.__version__}
    return write_bundle(path, info, {MODEL: lite.data, PROBES: pack_arrays(pictures=probes, scores=recorded)}).path
