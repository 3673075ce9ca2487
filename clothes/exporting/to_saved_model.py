"""TensorFlow's SavedModel, with the signature `serving_default`, as TensorFlow Serving runs it."""

import warnings
from pathlib import Path

from clothes.exporting.source import Scorer, Source, keras_scorer, require_tensorflow
from clothes.system.stderr import quiet


def to_saved_model(source: Source, folder: Path) -> Scorer:
    """Writes the folder saved_model and reads it back. Raises ExportError on another backend than TensorFlow."""
    from clothes.models.backend import keras

    network, path = source.network, folder / "saved_model"
    require_tensorflow("SavedModel")
    with quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        signature = [keras.InputSpec(shape=network.input_shape, dtype="uint8", name="pictures")]
        network.export(path, format="tf_saved_model", verbose=False, input_signature=signature)
        return keras_scorer(keras.layers.TFSMLayer(path, call_endpoint="serving_default"))
