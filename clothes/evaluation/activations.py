"""`look`: the feature maps of each convolution and pooling stage for one photo. Needs Keras."""

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from clothes.errors import BundleError
from clothes.inference.bundle import WEIGHTS, read_bundle
from clothes.models.backend_check import require_training
from clothes.photos import decode

if TYPE_CHECKING:
    from clothes.models.backend import keras

_MAX_STAGES = 10  # deeper networks show the last layer of each size only
_EDGES = (
    "The {count} filters of this layer detect contrast, edges and colours; a map is bright where its pattern occurs. "
    "The filters were learnt in training, and each of the {width} x {height} values belongs to one place in the photo."
)
_TEXTURES = (
    "These filters read the maps before instead of the photo, so they detect patterns of patterns: corners, stripes, "
    "folds, the texture of cloth. Each value covers a larger area of the photo now, and uniform areas become dark."
)
_PARTS = (
    "These filters combine patterns into parts: one map may be bright at a collar, another at a sleeve or a sole. "
    "Few of the {count} maps have a meaning that people could name; together they separate the classes."
)
_POOLING = (
    "Pooling keeps the highest of a few neighbouring values, so {width} x {height} remain and the next layer covers a "
    "larger area of the photo. The exact place of a pattern matters less: a shifted photo gives nearly the same maps."
)
_AVERAGE = (
    "Each map is averaged to one number: how strongly its pattern occurs, wherever that is. "
    "The last layer weights these {count} numbers for each class, and softmax turns the sums into probabilities."
)


@dataclass(frozen=True)
class Stage:
    """A stage of a network: its feature maps float32 (count, H, W), by descending variance, and an explanation."""

    name: str
    maps: np.ndarray
    text: str


@dataclass(frozen=True)
class Look:
    """The network's input, uint8 (size, size, 3), and the feature maps of its stages."""

    picture: np.ndarray
    stages: tuple[Stage, ...]


def look(photo: decode.Photo, *, model: str | os.PathLike[str]) -> Look:
    """Returns the feature maps of a photo in the network of a bundle or run.

    Raises PhotoError, BundleError if the bundle has no weights, MissingExtraError without Keras.
    """
    bundle = read_bundle(model)
    if WEIGHTS not in bundle.info["files"]:
        raise BundleError(
            f"Feature maps need the network's weights, and the bundle {bundle.info.get('name', bundle.path.name)} has "
            "none. A bundle that Keras trains has them: clothes train PHOTOS, then --model runs/NAME."
        )
    require_training("Looking at layers")
    picture = decode.read_square(photo, bundle.image_size)
    from clothes.models.backend import keras  # after the checks: TensorFlow takes seconds

    network = bundle.network()
    layers = _visible_layers(network)
    outputs = keras.Model(network.inputs, [layer.output for layer in layers]).predict_on_batch(picture[None])
    maps = [_to_maps(np.asarray(output, dtype=np.float32)[0]) for output in outputs]
    depths = np.cumsum([not _is_pooling(layer) for layer in layers])
    stages = [
        Stage(layer.name, found, _explain(layer, found, depth, depths[-1]))
        for layer, found, depth in zip(layers, maps, depths, strict=True)
    ]
    return Look(picture, tuple(stages))


def _visible_layers(network: "keras.Model") -> "list[keras.Layer]":
    """Returns the convolution and pooling layers, or the last layer of each size, and the last global average."""
    spatial = [layer for layer in network.layers if len(layer.output.shape) == 4 and layer.output.shape[-1] > 3]
    shown = [layer for layer in spatial if _is_pooling(layer) or "Conv" in type(layer).__name__]
    if len(shown) > _MAX_STAGES:
        shown = list({layer.output.shape[1:3]: layer for layer in spatial}.values())
    return [*shown, *[layer for layer in network.layers if _is_average(layer)][-1:]]


def _is_average(layer: "keras.Layer") -> bool:
    return type(layer).__name__ == "GlobalAveragePooling2D"


def _is_pooling(layer: "keras.Layer") -> bool:
    return "Pooling" in type(layer).__name__


def _to_maps(output: np.ndarray) -> np.ndarray:
    """Turns an output (H, W, count) into maps (count, H, W) by descending variance, an output (count,) into one."""
    if output.ndim == 1:
        width = int(np.ceil(np.sqrt(len(output))))
        return np.pad(output, (0, -len(output) % width)).reshape(1, -1, width)
    order = np.argsort(-output.std(axis=(0, 1)), kind="stable")
    return output[..., order].transpose(2, 0, 1)


def _explain(layer: "keras.Layer", maps: np.ndarray, depth: int, deepest: int) -> str:
    if _is_average(layer):
        text = _AVERAGE
    elif _is_pooling(layer):
        text = _POOLING
    else:
        text = _EDGES if depth == 1 else _PARTS if depth == deepest else _TEXTURES
    return text.format(count=layer.output.shape[-1], width=maps.shape[2], height=maps.shape[1])
