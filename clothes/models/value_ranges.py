"""Measures the value ranges that a LiteRT model needs to be computed in 8 bits.

They are those of TensorFlow's own calibrator to the bit, which takes three times as long.
"""

import os
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from clothes.models.litert_head import pack
from clothes.system.threads import map_in_threads

# As in TensorFlow's calibrator. With another number of threads the sums of a convolution are rounded otherwise.
_THREADS = 4
_START = np.array([np.finfo(np.float32).max, np.finfo(np.float32).tiny], np.float32)  # so each range ends above zero

Interpreter = Callable[..., Any]  # tf.lite.Interpreter, with options


def add_ranges(model: bytes, examples: np.ndarray, interpreter: Interpreter) -> bytes:
    """Returns a float32 model with the range of each tensor over the `examples`, uint8 (N, size, size, 3).

    The `interpreter` is TensorFlow's, which must compute each tensor of the model itself.
    """
    from ai_edge_litert import schema_py_generated as schema

    parsed = schema.ModelT.InitFromPackedBuf(model)
    graph = parsed.subgraphs[0]
    computed = [
        number
        for number, tensor in enumerate(graph.tensors)
        if tensor.type == schema.TensorType.FLOAT32 and parsed.buffers[tensor.buffer].data is None
    ]
    parts = np.array_split(examples, min(len(examples), os.cpu_count() or 1))
    opened = partial(interpreter, model_content=model, num_threads=_THREADS)
    measured = list(map_in_threads(lambda part: _measure(opened, computed, part), parts))
    lowest, highest = np.min(measured, axis=0)[:, 0], np.max(measured, axis=0)[:, 1]
    ranges = dict(zip(computed, zip(lowest, highest, strict=True), strict=True))
    ranges |= _of_overwritten(opened(), graph.operators, ranges)
    for number, (low, high) in ranges.items():
        quantization = graph.tensors[number].quantization = schema.QuantizationParametersT()
        quantization.min, quantization.max = np.array([low], np.float32), np.array([high], np.float32)
    return pack(parsed)


def _measure(opened: Interpreter, tensors: list[int], examples: np.ndarray) -> np.ndarray:
    """Returns the lowest and the highest value of each of these tensors, float32 (tensors, 2)."""
    interpreter = opened(experimental_preserve_all_tensors=True)
    interpreter.allocate_tensors()
    pictures = interpreter.get_input_details()[0]["index"]
    ranges = np.tile(_START, (len(tensors), 1))
    for picture in examples:
        interpreter.set_tensor(pictures, picture[None])
        interpreter.invoke()
        for found, tensor in zip(ranges, tensors, strict=True):
            values = interpreter.tensor(tensor)()
            found[:] = min(found[0], values.min()), max(found[1], values.max())
            del values  # the next picture is refused while a tensor is looked at
    return ranges


def _of_overwritten(
    interpreter: Any, operators: list[Any], ranges: dict[int, tuple[float, float]]
) -> dict[int, tuple[float, float]]:
    """Returns the ranges of tensors whose memory an operator takes for its output.

    TensorFlow's calibrator looks at the inputs of an operator after it has run, and so counts these values too.
    """
    interpreter.allocate_tensors()
    place = {tensor: interpreter.tensor(tensor)().ctypes.data for tensor in ranges}
    wider = {}
    for operator in operators:
        output = operator.outputs[0]
        for tensor in operator.inputs:
            if tensor in ranges and output in ranges and place[tensor] == place[output]:
                (low, high), (least, most) = ranges[tensor], ranges[output]
                wider[tensor] = min(low, least), max(high, most)
    return wider
