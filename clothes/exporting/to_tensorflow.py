"""LiteRT, Keras and SavedModel, which TensorFlow and Keras write themselves: a bundle -> its copy in each format."""

import warnings
from pathlib import Path

from clothes.exporting.agreement import Scorer
from clothes.exporting.source_bundle import Source, keras_scorer, lite_scorer, require_tensorflow
from clothes.inference.bundle import MODEL
from clothes.inference.litert import LiteModel
from clothes.system.stderr import quiet


def to_litert(source: Source, folder: Path) -> Scorer:
    """Writes model.tflite, a copy of the bundle's model as phones and boards run it, and reads it back."""
    path = folder / MODEL
    path.write_bytes(source.bundle.file(MODEL))
    return lite_scorer(LiteModel(path.read_bytes()), source.answer)


def to_keras(source: Source, folder: Path) -> Scorer:
    """Writes model.keras, which `keras.models.load_model` reads without clothes, and reads it back."""
    network, path = source.network, folder / "model.keras"
    from clothes.models.backend import keras

    network.save(path)
    return keras_scorer(keras.models.load_model(path))


def to_saved_model(source: Source, folder: Path) -> Scorer:
    """Writes saved_model, with the signature `serving_default` for TensorFlow Serving, and reads it back."""
    network, path = source.network, folder / "saved_model"
    from clothes.models.backend import keras

    require_tensorflow("SavedModel")
    with quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        signature = [keras.InputSpec(shape=network.input_shape, dtype="uint8", name="pictures")]
        network.export(path, format="tf_saved_model", verbose=False, input_signature=signature)
        return keras_scorer(keras.layers.TFSMLayer(path, call_endpoint="serving_default"))
