"""Networks: `build_model` with one function per architecture, and `predict`.

Every network takes uint8 pictures (N, size, size, 3), scales them itself, and ends in the layers "features" (the last
hidden layer), "logits" and "scores" (softmax).
"""

import importlib
import math
from typing import Any

import numpy as np

from clothes.config import ModelConfig
from clothes.errors import ConfigError
from clothes.models.backend import keras
from clothes.system.progress import Progress

layers = keras.layers

_PREDICTED = 64  # pictures in a batch of `predict`

# Stages of EfficientNet (Tan and Le, 2019): blocks, kernel, stride of the first block, expansion, channels; and the
# factors of channels and blocks in the Lite family.
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
_LITE = {"efficientnet-lite0": (1.0, 1.0), "efficientnet-lite1": (1.0, 1.1), "efficientnet-lite2": (1.1, 1.2)}


def build_model(config: ModelConfig, classes: int, *, precision: str = "float32") -> keras.Model:
    """Returns a Keras model from uint8 pictures (N, size, size, 3) to probabilities (N, classes).

    `precision` is the Keras dtype policy of the layers between the scaling and the scores; weights are always float32.
    """
    policy = keras.DTypePolicy(precision)
    if config.architecture in _LITE:
        return _efficientnet_lite(config, classes, policy)
    if config.architecture.startswith("keras:"):
        return _application(config, classes)
    return _sequential(config, classes, policy)


def measure_network(config: ModelConfig, classes: int) -> tuple[int, int]:
    """Returns the number of weights, without biases, and of values in the largest layer for one picture.

    Both are 0 for a published network, whose size no setting changes.
    """
    weights, largest, side, channels = 0, 0, config.image_size, 3
    if config.architecture != "sequential":
        return 0, 0
    for filters, kernel, stride in zip(config.filters, config.kernels, config.strides, strict=True):
        weights += kernel**2 * channels * filters
        side, channels = math.ceil(side / stride), filters
        largest = max(largest, side**2 * filters)
        side = math.ceil(side / 2)
    inputs = side**2 * channels
    for units in (*config.units, classes):
        weights += inputs * units
        inputs = units
    return weights, largest


def _sequential(config: ModelConfig, classes: int, precision: keras.DTypePolicy) -> keras.Sequential:
    """Three convolutions, each with pooling; three hidden dense layers; softmax."""
    batch_norm = config.normalization == "batch"
    common = {"use_bias": not batch_norm, "kernel_initializer": "he_normal", "dtype": precision}

    def normalize_and_activate(name: str) -> list[keras.Layer]:
        # A lower momentum than 0.99, the default of Keras: trainings may have only a few hundred steps.
        normalize = [layers.BatchNormalization(momentum=0.95, name=f"{name}_norm", dtype=precision)]
        return [*(normalize if batch_norm else []), layers.Activation(config.activation, name=name, dtype=precision)]

    model = keras.Sequential(name="sequential")
    model.add(keras.Input((config.image_size, config.image_size, 3), dtype="uint8", name="pictures"))
    model.add(layers.Rescaling(1 / 127.5, offset=-1, name="scale"))
    for i in range(3):
        shape = {"filters": config.filters[i], "kernel_size": config.kernels[i], "strides": config.strides[i]}
        model.add(layers.Conv2D(**shape, padding="same", name=f"conv{i + 1}", **common))
        # Pooling before the activation: equal values if it is monotonic, for a quarter of the work.
        model.add(layers.MaxPooling2D(2, padding="same", name=f"pool{i + 1}", dtype=precision))
        for layer in normalize_and_activate(f"conv{i + 1}_{config.activation}"):
            model.add(layer)
        if config.convolution_dropout:
            model.add(layers.SpatialDropout2D(config.convolution_dropout, name=f"pool{i + 1}_dropout", dtype=precision))
    model.add(layers.Flatten(name="flatten"))
    for i in range(3):
        if config.dropout[i]:
            model.add(layers.Dropout(config.dropout[i], name=f"dense{i + 1}_dropout", dtype=precision))
        model.add(layers.Dense(config.units[i], name=f"dense{i + 1}", **common))
        for layer in normalize_and_activate(f"dense{i + 1}_{config.activation}" if i < 2 else "features"):
            model.add(layer)
    model.add(layers.Dense(classes, name="logits", dtype="float32"))
    model.add(layers.Activation("softmax", name="scores", dtype="float32"))
    return model


def _efficientnet_lite(config: ModelConfig, classes: int, precision: keras.DTypePolicy) -> keras.Model:
    """An EfficientNet-Lite that ends in the features pooled over the whole picture and one dense layer."""
    pictures = keras.Input((config.image_size, config.image_size, 3), dtype="uint8", name="pictures")
    x = lite_trunk(pictures, config.architecture, frozen=config.weights != "none", precision=precision)
    x = layers.GlobalAveragePooling2D(name="features", dtype="float32")(x)
    return _classifier(pictures, x, config, classes, "efficientnet_lite")


def lite_trunk(pictures: Any, architecture: str, *, frozen: bool, precision: keras.DTypePolicy) -> Any:
    """Returns the feature maps (N, H / 32, W / 32, 1280) of an EfficientNet-Lite for pictures uint8 (N, H, W, 3).

    EfficientNet without squeeze-and-excitation and with ReLU6, made for 8 bits (TensorFlow's efficientnet/lite). With
    `frozen` the batch normalization keeps its averages.
    """
    width, depth = _LITE[architecture]

    def convolve(x: Any, channels: int, kernel: int, name: str, *, stride: int = 1, active: bool = True) -> Any:
        common = {"strides": stride, "padding": "same", "use_bias": False, "name": name, "dtype": precision}
        layer = layers.Conv2D(channels, kernel, **common) if channels else layers.DepthwiseConv2D(kernel, **common)
        x = layer(x)
        # Frozen, it uses the averages of ImageNet: as accurate on few photos, and twice as fast.
        x = layers.BatchNormalization(epsilon=1e-3, name=f"{name}_norm", dtype=precision, trainable=not frozen)(x)
        return layers.ReLU(6, name=f"{name}_relu", dtype=precision)(x) if active else x

    x = layers.Rescaling(1 / 128, offset=-127 / 128, name="scale")(pictures)
    x = convolve(x, 32, 3, "stem", stride=2)
    channels = 32
    for i, (blocks, kernel, stride, expansion, out) in enumerate(_STAGES):
        out = _round_channels(out * width)
        if 0 < i < len(_STAGES) - 1:  # only the inner stages get more blocks
            blocks = math.ceil(blocks * depth)
        for j in range(blocks):
            name, y = f"stage{i + 1}_block{j + 1}", x
            if expansion > 1:
                y = convolve(y, channels * expansion, 1, f"{name}_expand")
            y = convolve(y, 0, kernel, f"{name}_depthwise", stride=1 if j else stride)
            y = convolve(y, out, 1, f"{name}_project", active=False)
            x = layers.Add(name=f"{name}_add", dtype=precision)([x, y]) if j else y
            channels = out
    return convolve(x, 1280, 1, "head")


def _round_channels(channels: float) -> int:
    """Rounds to a multiple of 8, down by at most a tenth."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded


def _application(config: ModelConfig, classes: int) -> keras.Model:
    """A network of keras.applications with its own scaling and pooled features, in float32, without its weights."""
    name = config.architecture.removeprefix("keras:")
    pictures = keras.Input((config.image_size, config.image_size, 3), dtype="uint8", name="pictures")
    network = application(name)
    module = importlib.import_module(f"keras.applications.{network.__module__.rpartition('.')[2]}")
    scaled = module.preprocess_input(layers.Rescaling(1.0, name="scale")(pictures))
    try:
        backbone = network(include_top=False, weights=None, input_tensor=scaled, pooling="avg")
    except ValueError as error:
        raise ConfigError(f"keras:{name} cannot be built for {config.image_size} pixels: {error}") from None
    if config.weights != "none":
        for layer in backbone.layers:
            if isinstance(layer, layers.BatchNormalization):
                layer.trainable = False
    x = layers.Activation("linear", name="features", dtype="float32")(backbone.output)
    return _classifier(pictures, x, config, classes, name.lower())


def application(name: str) -> Any:
    """Returns the function of keras.applications that builds a network. Raises ConfigError if the name is unknown."""
    found = getattr(keras.applications, name, None)
    if not callable(found):
        known = [key for key in dir(keras.applications) if key[0].isupper()]
        raise ConfigError(f"keras.applications has no {name!r}. It has: {', '.join(known)}.")
    return found


def _classifier(pictures: Any, features: Any, config: ModelConfig, classes: int, name: str) -> keras.Model:
    if config.features_dropout:
        features = layers.Dropout(config.features_dropout, name="features_dropout")(features)
    x = layers.Dense(classes, name="logits", dtype="float32")(features)
    return keras.Model(pictures, layers.Activation("softmax", name="scores", dtype="float32")(x), name=name)


def predict(
    model: keras.Model, pixels: np.ndarray, chosen: np.ndarray, *, progress: Progress = lambda done, total: None
) -> np.ndarray:
    """Returns the outputs of a model for the chosen pictures, float32 (N, ...), with one batch in memory at a time."""
    outputs = []
    for start in range(0, len(chosen), _PREDICTED):
        outputs.append(np.asarray(model.predict_on_batch(pixels[chosen[start : start + _PREDICTED]])))
        progress(min(start + _PREDICTED, len(chosen)), len(chosen))
    return np.concatenate(outputs)
