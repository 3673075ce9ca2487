"""`look`: the feature maps of each convolution and pooling stage for one photo, by the bundle's LiteRT model."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from clothes.inference.bundle import read_bundle
from clothes.inference.classifier import open_model
from clothes.inference.litert import LayerOutput
from clothes.photos import decode

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

    Raises PhotoError or BundleError.
    """
    bundle = read_bundle(model)
    picture = decode.read_square(photo, bundle.image_size)
    shown = _visible(open_model(bundle).run_layers(picture))
    depths = np.cumsum([not _is_pooling(output) for output in shown])
    stages = []
    for output, depth in zip(shown, depths, strict=True):
        maps = _to_maps(output.values[0])
        name = "average" if _is_average(output) else output.layer
        stages.append(Stage(name, maps, _explain(output, maps, depth, depths[-1])))
    return Look(picture, tuple(stages))


def _visible(outputs: Sequence[LayerOutput]) -> list[LayerOutput]:
    """Returns the convolution and pooling layers, or the last layer of each size, and the last global average."""
    spatial = [output for output in outputs if output.values.ndim == 4 and output.values.shape[-1] > 3]
    shown = [output for output in spatial if _is_pooling(output) or "CONV" in output.operator]
    if len(shown) > _MAX_STAGES:
        shown = list({output.values.shape[1:3]: output for output in spatial if "PAD" not in output.operator}.values())
    return [*shown, *[output for output in outputs if _is_average(output)][-1:]]


def _is_average(output: LayerOutput) -> bool:
    return output.operator == "MEAN" and output.values.ndim == 2


def _is_pooling(output: LayerOutput) -> bool:
    return "POOL" in output.operator or _is_average(output)


def _to_maps(output: np.ndarray) -> np.ndarray:
    """Turns an output (H, W, count) into maps (count, H, W) by descending variance, an output (count,) into one."""
    if output.ndim == 1:
        width = int(np.ceil(np.sqrt(len(output))))
        return np.pad(output, (0, -len(output) % width)).reshape(1, -1, width)
    order = np.argsort(-output.std(axis=(0, 1)), kind="stable")
    return output[..., order].transpose(2, 0, 1)


def _explain(output: LayerOutput, maps: np.ndarray, depth: int, deepest: int) -> str:
    if _is_average(output):
        text = _AVERAGE
    elif _is_pooling(output):
        text = _POOLING
    else:
        text = _EDGES if depth == 1 else _PARTS if depth == deepest else _TEXTURES
    return text.format(count=output.values.shape[-1], width=maps.shape[2], height=maps.shape[1])
