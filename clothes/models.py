"""Networks: `build_model(ModelConfig, classes)`, one function an architecture.

Every network takes uint8 pictures (N, size, size, 3), scales them itself, and ends in the layers "features" (the last
hidden layer), "logits" and "scores" (softmax), which the bundle is cut from.
"""

from clothes.backend import keras
from clothes.config import ModelConfig

layers = keras.layers


def build_model(config: ModelConfig, classes: int, *, precision: str = "float32") -> keras.Model:
    """A Keras model that turns uint8 pictures (N, size, size, 3) into probabilities (N, classes).

    `precision` is a Keras dtype policy for the layers between the scaling and the scores; the weights are float32
    whatever it is, so they move freely between a model that trained in bfloat16 and one that is exported.
    """
    return _ARCHITECTURES[config.architecture](config, classes, keras.DTypePolicy(precision))


def _sequential(config: ModelConfig, classes: int, precision: keras.DTypePolicy) -> keras.Sequential:
    """Three convolutions, each with pooling; three hidden dense layers; softmax."""
    batch_norm = config.normalization == "batch"
    common = {"use_bias": not batch_norm, "kernel_initializer": "he_normal", "dtype": precision}

    def normalize_and_activate(name: str) -> list[keras.Layer]:
        # The shorter average than Keras' 0.99 keeps up with trainings of a few hundred steps.
        normalize = [layers.BatchNormalization(momentum=0.95, name=f"{name}_norm", dtype=precision)]
        return [*(normalize if batch_norm else []), layers.Activation(config.activation, name=name, dtype=precision)]

    model = keras.Sequential(name="sequential")
    model.add(keras.Input((config.image_size, config.image_size, 3), dtype="uint8", name="pictures"))
    model.add(layers.Rescaling(1 / 127.5, offset=-1, name="scale"))
    for i in range(3):
        model.add(
            layers.Conv2D(
                config.filters[i],
                config.kernels[i],
                strides=config.strides[i],
                padding="same",
                name=f"conv{i + 1}",
                **common,
            )
        )
        # Pooling first: the same values for a rising activation, with a quarter of the work after it.
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


_ARCHITECTURES = {"sequential": _sequential}
