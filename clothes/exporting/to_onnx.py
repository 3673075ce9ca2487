"""ONNX, for ONNX Runtime on servers and in browsers.

Keras' own `export` makes it with tf2onnx. That package seeks a maintainer, but converts every network of
`clothes.models` to within 1e-6, and each export is compared with its network before it is kept. A bundle of outfits,
which has no Keras weights, is converted from its LiteRT model.
"""

import json
import os
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from clothes.errors import ExportError
from clothes.exporting.agreement import Scorer
from clothes.exporting.source_bundle import Source, in_batches, require_tensorflow
from clothes.inference.bundle import MODEL
from clothes.inference.litert import LiteModel
from clothes.system.stderr import quiet

_FEWEST_WEIGHTS = 1024  # smaller tensors stay in float32
_OPSET = 17
_OUTPUT_CHANNELS = {"Conv": 0, "MatMul": 1}  # axis of the weights


def to_onnx(source: Source, folder: Path) -> Scorer:
    """Writes model.onnx, which holds its description, and reads it back. Raises ExportError.

    With `int8` the weights have 8 bits and a scale per channel: a quarter of the size. It still computes in float32, as
    8-bit activations change 5 % of the labels.
    """
    network, path = source.network, folder / "model.onnx"
    import onnx

    require_tensorflow("ONNX")
    with quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras and tf2onnx use deprecated parts of NumPy
        network.export(path, format="onnx", verbose=False)
    model = onnx.load(path)
    _replace_erfc(model.graph)
    return _write(model, source, path)


def litert_to_onnx(source: Source, folder: Path) -> Scorer:
    """As `to_onnx`, from the LiteRT model: its 8-bit weights as float32, in which it computes, too."""
    data = source.bundle.file(MODEL)
    with tempfile.TemporaryDirectory(prefix="clothes-") as place, quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from tf2onnx import optimizer, tfonnx  # TensorFlow tells of itself when it is imported

        path = Path(place) / MODEL
        path.write_bytes(data)
        graph = tfonnx.process_tf_graph(None, tflite_path=str(path), opset=_OPSET, dequantize=True)
        model = optimizer.optimize_graph(graph).make_model(source.bundle.info.get("name", ""))
    _rename(model.graph, {inside: outside for outside, inside in LiteModel(data).tensor_names().items()})
    return _write(model, source, folder / "model.onnx")


def _write(model: Any, source: Source, path: Path) -> Scorer:
    """Writes a model with its description, and reads it back. Raises ExportError if it is not valid."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # else ONNX Runtime sends what it does to its makers
    import onnx
    import onnxruntime

    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "N"
    if source.int8:
        _quantize_weights(model.graph)
    texts = {
        key: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for key, value in source.description.items()
    }
    onnx.helper.set_model_props(model, texts)
    try:
        onnx.checker.check_model(model)
    except onnx.checker.ValidationError as error:
        reason = str(error).splitlines()[0]
        raise ExportError(
            f"tf2onnx wrote no valid ONNX file of this network: {reason}. Export to another format."
        ) from None
    path.write_bytes(model.SerializeToString())
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return in_batches(lambda squares: session.run([source.answer], {"pictures": squares})[0])


def _rename(graph: Any, names: dict[str, str]) -> None:
    """Gives inputs and outputs of a graph other names."""
    for value in (*graph.input, *graph.output):
        value.name = names.get(value.name, value.name)
    for node in graph.node:
        for field in (node.input, node.output):
            field[:] = [names.get(name, name) for name in field]


def _replace_erfc(graph: Any) -> None:
    """Replaces the operator Erfc, which TensorFlow uses for GELU and ONNX lacks, by 1 - Erf."""
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
    _set_values(graph.node, nodes)


def _quantize_weights(graph: Any) -> None:
    """Replaces the weights of convolutions and dense layers by 8-bit integers with a scale per output channel."""
    from onnx import helper, numpy_helper

    tensors = {tensor.name: tensor for tensor in graph.initializer}
    nodes = []
    for node in graph.node:
        weights = tensors.get(node.input[1]) if node.op_type in _OUTPUT_CHANNELS else None
        if weights is not None and np.prod(weights.dims) >= _FEWEST_WEIGHTS:
            axis, name = _OUTPUT_CHANNELS[node.op_type], f"{node.name}_weights"
            values = numpy_helper.to_array(weights)
            others = tuple(i for i in range(values.ndim) if i != axis)
            scale = np.maximum(np.abs(values).max(axis=others, keepdims=True) / 127, 1e-12).astype(np.float32)
            integers = np.round(values / scale).astype(np.int8)
            graph.initializer.append(numpy_helper.from_array(integers, f"{name}_8"))
            graph.initializer.append(numpy_helper.from_array(scale.reshape(-1), f"{name}_scale"))
            nodes.append(helper.make_node("DequantizeLinear", [f"{name}_8", f"{name}_scale"], [name], name, axis=axis))
            node.input[1] = name
        nodes.append(node)
    used = {name for node in nodes for name in node.input}
    kept = [tensor for tensor in graph.initializer if tensor.name in used]
    _set_values(graph.node, nodes)
    _set_values(graph.initializer, kept)


def _set_values(field: Any, values: list[Any]) -> None:
    """Sets the values of a repeated protobuf field, some of which may be its present ones."""
    copies = [type(value).FromString(value.SerializeToString()) for value in values]
    del field[:]
    field.extend(copies)
