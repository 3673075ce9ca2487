"""Converts Keras weights to LiteRT; the only file that uses `tf.`.

After a training on another backend it runs as a subprocess, as only TensorFlow can export LiteRT.
"""

import json
import os
import subprocess
import sys
import tempfile
import warnings
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from clothes.config import ModelConfig
from clothes.errors import BundleError
from clothes.models.architectures import build_model
from clothes.models.backend import keras
from clothes.models.value_ranges import add_ranges
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


def to_litert(
    network: keras.Model, config: ModelConfig, *, temperature: float = 1.0, examples: np.ndarray | None
) -> bytes:
    """Returns a LiteRT model from uint8 pictures to `scores` (probabilities at this temperature) and `features`.

    It computes in 8 bits with value ranges from `examples`, uint8 (N, size, size, 3). Without them it computes in
    float32 with 8-bit weights, as the sequential network always does.
    """
    if keras.backend.backend() == "tensorflow":
        return _export(network, config, temperature, examples)
    with tempfile.TemporaryDirectory(prefix="clothes-") as folder:
        path = Path(folder)
        np.savez(path / "arrays.npz", *network.get_weights(), *([] if examples is None else [examples]))
        job = json.dumps({"model": vars(config), "temperature": temperature, "in_8_bits": examples is not None})
        done = subprocess.run(
            [sys.executable, "-P", "-m", "clothes.models.conversion", folder, job],
            env=os.environ | {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""},
            capture_output=True,
            text=True,
        )
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise BundleError(f"The model could not be converted to LiteRT (TensorFlow in a subprocess): {last}")
        return (path / "model.tflite").read_bytes()


def _export(network: keras.Model, config: ModelConfig, temperature: float, examples: np.ndarray | None) -> bytes:
    served = served_model(network, temperature=temperature)
    return convert_served(served, examples=None if config.architecture == "sequential" else examples)


def convert_served(served: keras.Model, *, examples: np.ndarray | None) -> bytes:
    """Returns the LiteRT model of a network whose outputs have names; `examples` as for `to_litert`, on TensorFlow.

    Without examples it computes in float32 with 8-bit weights.
    """
    with quiet():
        import tensorflow as tf
        from tensorflow.lite.python.convert import mlir_quantize

    values = served.get_weights()

    def answer(pictures: Any) -> Any:
        # The weights are constants of the graph, as TensorFlow takes twice as long to convert variables.
        with keras.StatelessScope(state_mapping=list(zip(served.weights, map(tf.constant, values), strict=True))):
            return served(pictures, training=False)

    with quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TensorFlow's own ones
        # Keras' own export traces the network several times, which takes four times as long.
        pictures = tf.TensorSpec(served.input_shape, tf.uint8, name="pictures")
        traced = tf.function(answer, input_signature=[pictures], autograph=False).get_concrete_function()
        converter = tf.lite.TFLiteConverter.from_concrete_functions([traced], tf.Module())
        if examples is None:
            # 8-bit weights with a scale per channel: three times faster than float32 and a quarter of its size.
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            return converter.convert()
        # 8-bit activations make a deep network twice as fast again. Its last layer stays in float32, as 8-bit
        # probabilities would be multiples of 1/256. The converter cannot leave out a layer; what it calls can.
        resolver = tf.lite.experimental.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        interpreter = partial(tf.lite.Interpreter, experimental_op_resolver_type=resolver)
        ranged = add_ranges(converter.convert(), examples, interpreter)
        return mlir_quantize(ranged, denylisted_ops=["FULLY_CONNECTED", "SOFTMAX"])


def _main(folder: str, job: str) -> None:
    described = json.loads(job)
    with np.load(Path(folder) / "arrays.npz", allow_pickle=False) as arrays:
        weights = [arrays[f"arr_{i}"] for i in range(len(arrays.files))]
    examples = weights.pop() if described["in_8_bits"] else None
    config = ModelConfig(**described["model"])
    network = build_model(config, weights[-1].shape[0])
    network.set_weights(weights)
    data = _export(network, config, described["temperature"], examples)
    (Path(folder) / "model.tflite").write_bytes(data)


if __name__ == "__main__":
    _main(*sys.argv[1:])
