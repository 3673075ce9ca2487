"""The network of an outfit bundle: EfficientNet-Lite0 with a light decoder, which names each cell of 8 x 8 pixels."""

from clothes.config import ModelConfig
from clothes.models.architectures import build_model, lite_trunk
from clothes.models.backend import keras
from clothes.models.pretrained import load_imagenet

layers = keras.layers

ARCHITECTURE = "efficientnet-lite0"
CHANNELS = 96
_LEVELS = ("stage3_block2_add", "stage5_block3_add", "stage7_block1_project_norm")  # strides 8, 16 and 32
_FROZEN = ("stem", "stage1", "stage2")  # they know edges and colours already, and cost half of a training step


def build_parser(shape: tuple[int, int], classes: int) -> keras.Model:
    """Returns a network from pictures uint8 (N, H, W, 3) to logits (N, H / 8, W / 8, classes). 32 divides H and W.

    Its weights fit any shape.
    """
    pictures = keras.Input((*shape, 3), dtype="uint8", name="pictures")
    top = lite_trunk(pictures, ARCHITECTURE, frozen=True, precision=keras.DTypePolicy("float32"))
    trunk = keras.Model(pictures, top)
    for layer in trunk.layers:
        layer.trainable = layer.trainable and not layer.name.startswith(_FROZEN)
    fine, middle, coarse = (
        layers.Conv2D(CHANNELS, 1, name=f"lateral{i}")(trunk.get_layer(name).output) for i, name in enumerate(_LEVELS)
    )
    x = layers.Add(name="join1")([_double(coarse, "up1"), middle])
    x = _separable(x, "decoder1")
    x = layers.Add(name="join2")([_double(x, "up2"), fine])
    x = _separable(_separable(x, "decoder2"), "decoder3")
    x = layers.Dropout(0.1, name="dropout")(x)
    return keras.Model(pictures, layers.Conv2D(classes, 1, name="logits")(x), name="outfit")


def _double(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    return layers.UpSampling2D(2, interpolation="bilinear", name=name)(x)


def _separable(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    x = layers.DepthwiseConv2D(3, padding="same", use_bias=False, name=f"{name}_depthwise")(x)
    x = layers.Conv2D(CHANNELS, 1, use_bias=False, name=f"{name}_conv")(x)
    x = layers.BatchNormalization(momentum=0.95, name=f"{name}_norm")(x)
    return layers.ReLU(6, name=f"{name}_relu")(x)


def load_trunk(parser: keras.Model, trained: keras.Model | None) -> None:
    """Starts the trunk from a trained classifier of the same architecture, or from ImageNet.

    Raises MissingExtraError if ImageNet's weights are not installed.
    """
    if trained is None:
        config = ModelConfig(ARCHITECTURE, weights="imagenet", image_size=224)
        trained = build_model(config, 2)
        load_imagenet(trained, config)
    known = {layer.name: layer for layer in trained.layers if layer.weights}
    for layer in parser.layers:
        if layer.weights and layer.name in known and layer.name != "logits":
            layer.set_weights(known[layer.name].get_weights())


def served_parser(parser: keras.Model, size: int) -> keras.Model:
    """Returns the network of the bundle: pictures uint8 (N, size, size, 3) to three outputs.

    `regions` (N, size / 8, size / 8, classes) are the probabilities of each cell, `scores` (N, classes) the largest one
    of each class on nine cells, and `features` (N, CHANNELS) the mean of the last hidden layer.
    """
    network = build_parser((size, size), parser.output_shape[-1])
    network.set_weights(parser.get_weights())
    regions = layers.Activation("softmax", name="regions")(network.output)
    cells = size // 8
    smooth = layers.AveragePooling2D(3, strides=1, padding="valid", name="smooth")(regions)
    scores = layers.Flatten(name="scores")(layers.MaxPooling2D(cells - 2, name="largest")(smooth))
    features = layers.GlobalAveragePooling2D(name="features")(network.get_layer("decoder3_relu").output)
    return keras.Model(network.inputs[0], {"scores": scores, "features": features, "regions": regions})
