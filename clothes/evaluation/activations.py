"""`look`: what each convolution and pooling stage of a network makes of one photo, from edges to parts. Needs Keras."""

import os
from dataclasses import dataclass

import numpy as np

from clothes.config import Config
from clothes.errors import BundleError
from clothes.inference.bundle import WEIGHTS, read_bundle
from clothes.models.architectures import build_model
from clothes.models.backend import keras
from clothes.photos import decode

_MOST_STAGES = 10  # of a network with more, the last layer of each size is shown
_EDGES = (
    "{count} filters look for light against dark, edges and colours: each map is bright where its pattern is found. "
    "Nobody drew the filters; training did, and each of the {width} x {height} values stands for a place in the photo."
)
_TEXTURES = (
    "These filters look at the maps before, not at the photo, so they find patterns of patterns: corners, stripes, "
    "folds, the texture of cloth. A value sees further now, and what is the same everywhere begins to stay dark."
)
_PARTS = (
    "Out of those come parts: here a map may be bright at a collar, a sleeve, a sole, and dark elsewhere. "
    "Few of its {count} maps have a name that people would give; together they tell the classes apart."
)
_POOLING = (
    "Of each few neighbouring values only the highest stays, so {width} x {height} are left and what comes next sees "
    "more of the photo at once. That a pattern is there matters, not exactly where: a shifted photo gives nearly the "
    "same maps."
)
_AVERAGE = (
    "Each map is averaged into one number: whether its pattern is there, and no longer where. "
    "The last layer weighs these {count} numbers for each class, and softmax makes probabilities of them."
)


@dataclass(frozen=True)
class Stage:
    """A stage of a network: its liveliest maps first, float32 (count, H, W); `text` explains it in two sentences."""

    name: str
    maps: np.ndarray
    text: str


@dataclass(frozen=True)
class Look:
    """A photo as the network sees it, uint8 (size, size, 3), and what its stages make of it."""

    picture: np.ndarray
    stages: tuple[Stage, ...]


def look(photo: decode.Photo, *, model: str | os.PathLike[str]) -> Look:
    """What the stages of a bundle's (or run's) network make of a photo.

    Raises PhotoError, or BundleError when the bundle has no weights.
    """
    bundle = read_bundle(model)
    if WEIGHTS not in bundle.info["files"]:
        raise BundleError(
            f"What layers see needs the network's weights, and the bundle {bundle.info.get('name', bundle.path.name)} "
            "has none: it only predicts. One that you train has them: clothes train PHOTOS, then --model runs/NAME."
        )
    picture = decode.read_square(photo, bundle.image_size)
    network = build_model(Config.from_dict(bundle.info["config"]).model, len(bundle.classes))
    network.set_weights(bundle.weights())
    layers = _stages(network)
    outputs = keras.Model(network.inputs, [layer.output for layer in layers]).predict_on_batch(picture[None])
    maps = [_liveliest(np.asarray(output, dtype=np.float32)[0]) for output in outputs]
    depths = np.cumsum([not _pools(layer) for layer in layers])
    stages = [
        Stage(layer.name, found, _explain(layer, found, depth, depths[-1]))
        for layer, found, depth in zip(layers, maps, depths, strict=True)
    ]
    return Look(picture, tuple(stages))


def _stages(network: keras.Model) -> list[keras.Layer]:
    spatial = [layer for layer in network.layers if len(layer.output.shape) == 4 and layer.output.shape[-1] > 3]
    seeing = [layer for layer in spatial if _pools(layer) or "Conv" in type(layer).__name__]
    if len(seeing) > _MOST_STAGES:
        seeing = list({layer.output.shape[1:3]: layer for layer in spatial}.values())
    averages = [layer for layer in network.layers if isinstance(layer, keras.layers.GlobalAveragePooling2D)]
    return [*seeing, *averages[-1:]]


def _pools(layer: keras.Layer) -> bool:
    return "Pooling" in type(layer).__name__


def _liveliest(output: np.ndarray) -> np.ndarray:
    """The maps (count, H, W) of an output (H, W, count), those that vary most first; numbers (count,) as one map."""
    if output.ndim == 1:
        width = int(np.ceil(np.sqrt(len(output))))
        return np.pad(output, (0, -len(output) % width)).reshape(1, -1, width)
    order = np.argsort(-output.std(axis=(0, 1)), kind="stable")
    return output[..., order].transpose(2, 0, 1)


def _explain(layer: keras.Layer, maps: np.ndarray, depth: int, deepest: int) -> str:
    if isinstance(layer, keras.layers.GlobalAveragePooling2D):
        text = _AVERAGE
    elif _pools(layer):
        text = _POOLING
    else:
        text = _EDGES if depth == 1 else _PARTS if depth == deepest else _TEXTURES
    return text.format(count=layer.output.shape[-1], width=maps.shape[2], height=maps.shape[1])
