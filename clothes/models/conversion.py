"""Converts Keras weights to LiteRT; the only file that uses `tf.`.

After a training on another backend it runs as a subprocess, as only TensorFlow can export LiteRT.
"""

import json
import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from clothes.config import ModelConfig
from clothes.errors import BundleError
from clothes.models.architectures import build_model
from clothes.models.backend import keras
from clothes.system.stderr import quiet


def served_model(model: keras.Model, *, temperature: float, rejection: np.ndarray | None = None) -> keras.Model:
    """Returns a network from uint8 pictures to `scores` at this temperature, and `features`.

    With a `rejection` it has the output `similarity`, too, as `litert_head.add_rejection` adds it to a LiteRT model.
    """
    logits = keras.layers.Rescaling(1 / temperature, name="temperature")(model.get_layer("logits").output)
    scores = keras.layers.Activation("softmax", name="calibrated")(logits)
    outputs = {"scores": scores, "features": model.get_layer("features").output}
    if rejection is not None:
        clothes = keras.layers.Dense(1, "sigmoid", name="clothes")
        outputs["similarity"] = keras.layers.Multiply(name="similarity")([scores, clothes(outputs["features"])])
        clothes.set_weights([rejection[:-1, None], rejection[-1:]])
    return keras.Model(model.inputs[0], outputs)


def to_litert(network: keras.Model, config: ModelConfig, *, temperature: float = 1.0, examples: np.ndarray) -> bytes:
    """Returns a LiteRT model from uint8 pictures to `scores` (probabilities at this temperature) and `features`.

    It computes in 8 bits with value ranges from `examples`, uint8 (N, size, size, 3); the sequential network computes
    in float32 with 8-bit weights.
    """
    if keras.backend.backend() == "tensorflow":
        return _export(network, config, temperature, examples)
    with tempfile.TemporaryDirectory(prefix="clothes-") as folder:
        path = Path(folder)
        np.savez(path / "arrays.npz", examples, *network.get_weights())
        job = json.dumps({"model": vars(config), "temperature": temperature})
        done = subprocess.run(
            [sys.executable, "-m", "clothes.models.conversion", folder, job],
            env=os.environ | {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""},
            capture_output=True,
            text=True,
        )
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise BundleError(f"The model could not be converted to LiteRT (TensorFlow in a subprocess): {last}")
        return (path / "model.tflite").read_bytes()


def _export(network: keras.Model, config: ModelConfig, temperature: float, examples: np.ndarray) -> bytes:
    served = served_model(network, temperature=temperature)
    return convert_served(served, examples=None if config.architecture == "sequential" else examples)


def convert_served(served: keras.Model, *, examples: np.ndarray | None) -> bytes:
    """Returns the LiteRT model of a network whose outputs have names; `examples` as for `to_litert`, on TensorFlow.

    Without examples it computes in float32 with 8-bit weights.
    """
    with quiet():
        import tensorflow as tf

    with tempfile.TemporaryDirectory(prefix="clothes-") as folder, quiet(), warnings.catch_warnings():
        # Keras' own export traces the network several times, which takes four times as long.
        module, pictures = tf.Module(), tf.TensorSpec(served.input_shape, tf.uint8, name="pictures")
        module.kept = [variable.value for variable in served.variables]
        answer = tf.function(lambda pictures: served(pictures, training=False), input_signature=[pictures])
        tf.saved_model.save(module, folder, signatures=answer.get_concrete_function())
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        # 8-bit weights with a scale per channel: three times faster than float32 and a quarter of its size.
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if examples is None:
            return converter.convert()

        # 8-bit activations make a deep network twice as fast again. Its last layer stays in float32, as 8-bit
        # probabilities would be multiples of 1/256.
        def each() -> Iterator[list[np.ndarray]]:
            return ([picture[None]] for picture in examples)

        converter.representative_dataset = each
        warnings.simplefilter("ignore")  # TensorFlow uses its own deprecated interpreter to collect the ranges
        debugger = tf.lite.experimental.QuantizationDebugger(
            converter=converter,
            debug_dataset=each,
            debug_options=tf.lite.experimental.QuantizationDebugOptions(denylisted_ops=["FULLY_CONNECTED", "SOFTMAX"]),
        )
        return debugger.get_nondebug_quantized_model()


def _main(folder: str, job: str) -> None:
    described = json.loads(job)
    with np.load(Path(folder) / "arrays.npz", allow_pickle=False) as arrays:
        examples, *weights = (arrays[f"arr_{i}"] for i in range(len(arrays.files)))
    config = ModelConfig(**described["model"])
    network = build_model(config, weights[-1].shape[0])
    network.set_weights(weights)
    data = _export(network, config, described["temperature"], examples)
    (Path(folder) / "model.tflite").write_bytes(data)


if __name__ == "__main__":
    _main(*sys.argv[1:])
