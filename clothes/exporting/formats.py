"""Formats made from a bundle's Keras weights: each is written, then read back to answer pictures.

ONNX comes from Keras' own `export`, which needs tf2onnx. That package seeks a maintainer, but it does every network of
`models` to 1e-6, which a converter written here would have to be grown for; what it may get wrong is seen when the
export is compared.
"""

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from clothes.config import Config
from clothes.errors import BundleError, ExportError
from clothes.inference.bundle import WEIGHTS, Bundle
from clothes.models.backend import keras
from clothes.models.conversion import served_model
from clothes.system.stderr import quiet

Answer = Callable[[np.ndarray], np.ndarray]  # uint8 pictures (N, size, size, 3) -> scores float32 (N, classes)
_BATCH = 8
_SMALL = 1024  # values: a tensor with fewer stays in float32


def make_network(bundle: Bundle) -> keras.Model:
    """The Keras network of a bundle, in float32, as it answers. Raises BundleError when it has no weights."""
    if WEIGHTS not in bundle.info["files"]:
        raise BundleError(
            f"The bundle {bundle.path} has no {WEIGHTS}, which this format is made from. A bundle that `clothes train` "
            "wrote has it; the formats litert and space need none."
        )
    try:
        config = Config.from_dict(bundle.info["config"]).model
        network = served_model(config, bundle.weights(), temperature=float(bundle.info["temperature"]))
    except (ValueError, KeyError) as error:
        raise BundleError(
            f"The bundle {bundle.path} is damaged: its weights are not of its network: {error}."
        ) from None
    # Keras exports what has run.
    answer_network(network)(np.zeros((1, bundle.image_size, bundle.image_size, 3), np.uint8))
    return network


def answer_network(network: Any) -> Answer:
    """What gives a Keras network's scores, on any backend."""
    return lambda pictures: _in_batches(lambda few: keras.ops.convert_to_numpy(network(few)["scores"]), pictures)


def write_onnx(network: keras.Model, path: Path, about: dict[str, Any], *, int8: bool) -> Answer:
    """Writes an ONNX file that carries `about` as its metadata, and reads it back.

    With `int8` its weights are kept in 8 bits, a scale for each channel: a quarter of the size. It computes in float32
    as before: activations of 8 bits give other labels to 5 % of the photos.
    """
    import onnx
    import onnxruntime

    _need_tensorflow("ONNX")
    with quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras and tf2onnx are behind NumPy
        network.export(path, format="onnx", verbose=False)
    model = onnx.load(path)
    _spell_out_erfc(model.graph)
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "N"
    if int8:
        _shrink_weights(model.graph)
    onnx.helper.set_model_props(model, {name: _text(value) for name, value in about.items()})
    try:
        onnx.checker.check_model(model)
    except onnx.checker.ValidationError as error:
        raise ExportError(f"tf2onnx wrote no valid ONNX of this network: {str(error).splitlines()[0]}") from None
    path.write_bytes(model.SerializeToString())
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return lambda pictures: _in_batches(lambda few: session.run(["scores"], {"pictures": few})[0], pictures)


def write_saved_model(network: keras.Model, folder: Path) -> Answer:
    """Writes TensorFlow's SavedModel, with the signature `serving_default`, and reads it back."""
    _need_tensorflow("SavedModel")
    with quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        signature = [keras.InputSpec(shape=network.input_shape, dtype="uint8", name="pictures")]
        network.export(folder, format="tf_saved_model", verbose=False, input_signature=signature)
        return answer_network(keras.layers.TFSMLayer(folder, call_endpoint="serving_default"))


def write_keras(network: keras.Model, path: Path) -> Answer:
    """Writes Keras' own format, and reads it back: `keras.models.load_model` needs nothing of clothes for it."""
    network.save(path)
    return answer_network(keras.models.load_model(path))


def _need_tensorflow(what: str) -> None:
    if keras.backend.backend() != "tensorflow":
        raise ExportError(f"Keras writes {what} from TensorFlow. Run the same command with KERAS_BACKEND=tensorflow.")


def _in_batches(ask: Answer, pictures: np.ndarray) -> np.ndarray:
    return np.concatenate([ask(pictures[i : i + _BATCH]) for i in range(0, len(pictures), _BATCH)])


def _spell_out_erfc(graph: Any) -> None:
    """Replaces the operator Erfc, of which TensorFlow makes GELU, by 1 - Erf: ONNX has only that."""
    from onnx import helper, numpy_helper

    nodes = []
    for node in graph.node:
        if node.op_type == "Erfc":
            erf, one = f"{node.output[0]}_erf", f"{node.output[0]}_one"
            graph.initializer.append(numpy_helper.from_array(np.float32(1), one))
            nodes.append(helper.make_node("Erf", [node.input[0]], [erf], erf))
            nodes.append(helper.make_node("Sub", [one, erf], [node.output[0]], node.name))
        else:
            nodes.append(node)
    _replace(graph.node, nodes)


def _replace(field: Any, values: list[Any]) -> None:
    """Gives a list of a protobuf other values, some of which may be its own."""
    copies = [type(value).FromString(value.SerializeToString()) for value in values]
    del field[:]
    field.extend(copies)


def _shrink_weights(graph: Any) -> None:
    """Replaces the weights of convolutions and dense layers by integers of 8 bits and their scales."""
    from onnx import helper, numpy_helper

    axes = {"Conv": 0, "MatMul": 1}  # of the output channels
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    nodes = []
    for node in graph.node:
        weights = tensors.get(node.input[1]) if node.op_type in axes else None
        if weights is not None and np.prod(weights.dims) >= _SMALL:
            axis, values = axes[node.op_type], numpy_helper.to_array(weights)
            others = tuple(i for i in range(values.ndim) if i != axis)
            scale = np.maximum(np.abs(values).max(axis=others, keepdims=True) / 127, 1e-12).astype(np.float32)
            name = node.input[1] = f"{node.name}_weights"
            graph.initializer.extend(
                [
                    numpy_helper.from_array(np.round(values / scale).astype(np.int8), f"{name}_8"),
                    numpy_helper.from_array(scale.reshape(-1), f"{name}_scale"),
                ]
            )
            nodes.append(helper.make_node("DequantizeLinear", [f"{name}_8", f"{name}_scale"], [name], name, axis=axis))
        nodes.append(node)
    used = {name for node in nodes for name in node.input}
    kept = [tensor for tensor in graph.initializer if tensor.name in used]
    _replace(graph.node, nodes)
    _replace(graph.initializer, kept)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
