"""Verifies that a LiteRT file is arithmetic alone: a photo changes numbers, never the memory that is accessed.

LiteRT trusts its FlatBuffer: a wrong index, shape or size crashes it, or lets it read outside the model. Running one
picture in the sandbox does not exclude that another picture does so later. Hence these rules:

- container: one subgraph with one signature, no external buffers
- operators: built-in arithmetic only; no custom operator, control flow, state or gather
- tensors: plain number types, at most 2 GB; a constant has exactly the bytes of its shape; one scale per channel
- data flow: every operator reads computed tensors and writes one new tensor
- shapes: axes, paddings and sizes come from constants or from shapes, never from the photo
- outputs: every output of the graph and of the signature is computed

Field names are those of TensorFlow Lite's schema.fbs.
"""

import math
from typing import Any

import numpy as np

MOST_BYTES = 2_000_000_000  # of one tensor
_MOST_DIMENSIONS = 8
_BYTES = {"FLOAT32": 4, "FLOAT16": 2, "INT64": 8, "INT32": 4, "INT16": 2, "INT8": 1, "UINT8": 1, "BOOL": 1}
_ARITHMETIC = {"ABS", "ADD", "DIV", "EXP", "LOG", "MAXIMUM", "MINIMUM", "MUL", "NEG", "POW", "RSQRT", "SQRT", "SQUARE"}
_ARITHMETIC |= {"CAST", "DEQUANTIZE", "QUANTIZE", "SQUARED_DIFFERENCE", "SUB"}
_ACTIVATIONS = {"ELU", "GELU", "HARD_SWISH", "LEAKY_RELU", "LOGISTIC", "PRELU", "RELU", "RELU6", "SOFTMAX", "TANH"}
_LAYERS = {"AVERAGE_POOL_2D", "CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "MAX_POOL_2D"}
_SHAPES = {"CONCATENATION", "PACK", "SHAPE", "SQUEEZE"}
# Operators whose inputs after the first one are axes, paddings, sizes or permutations.
_SHAPED_BY_INPUTS = {"MEAN", "PAD", "PADV2", "RESHAPE", "RESIZE_BILINEAR", "STRIDED_SLICE", "SUM", "TRANSPOSE"}
_OPERATORS = _ARITHMETIC | _ACTIVATIONS | _LAYERS | _SHAPES | _SHAPED_BY_INPUTS
_NO_INPUT = -1  # an optional input that is left out, such as a bias


def verify_litert(data: bytes) -> None:
    """Raises ValueError with the broken rule if the bytes are not a LiteRT model of arithmetic alone.

    A damaged file may raise any other exception of the FlatBuffers reader, or take much time and memory.
    """
    from ai_edge_litert import schema_py_generated as schema

    if data[4:8] != b"TFL3":
        raise ValueError("it is not a LiteRT model")
    model = schema.ModelT.InitFromPackedBuf(data)
    if len(_items(model.subgraphs)) != 1 or len(_items(model.signatureDefs)) != 1:
        raise ValueError("it does not have exactly one graph with one signature")
    if _items(model.externalBuffers) or _items(model.externalBufferGroups):
        raise ValueError("it refers to other files")
    operator_names, type_names = _names(schema.BuiltinOperator), _names(schema.TensorType)
    codes = [_verify_code(code, operator_names) for code in _items(model.operatorCodes)]
    graph = model.subgraphs[0]
    tensors, buffers = _items(graph.tensors), _items(model.buffers)
    constants = {i for i, tensor in enumerate(tensors) if _verify_tensor(tensor, buffers, type_names)}
    _verify_data_flow(graph, model.signatureDefs[0], codes, constants)


def _names(enum: Any) -> dict[int, str]:
    return {number: name for name, number in vars(enum).items() if name.isupper()}


def _items(vector: Any) -> list[Any]:
    """Returns the elements of a vector, which is None, a list or a NumPy array."""
    return vector.tolist() if isinstance(vector, np.ndarray) else vector or []


def _verify_code(code: Any, names: dict[int, str]) -> str:
    """Returns the name of an operator, which must be allowed."""
    name = names.get(max(code.builtinCode, code.deprecatedBuiltinCode), "unknown")
    if name not in _OPERATORS or code.customCode:
        raise ValueError(f"its operator {code.customCode or name} is not allowed")
    return name


def _verify_tensor(tensor: Any, buffers: list[Any], type_names: dict[int, str]) -> bool:
    """Checks one tensor. Returns whether it is a constant."""
    kind, shape = type_names.get(tensor.type, "unknown"), _items(tensor.shape)
    if kind not in _BYTES or tensor.isVariable or tensor.sparsity or tensor.externalBuffer:
        raise ValueError(f"a tensor is of a kind that is not allowed ({kind})")
    size = math.prod(shape) * _BYTES[kind]
    if min(shape, default=1) < 0 or len(shape) > _MOST_DIMENSIONS or size > MOST_BYTES:
        raise ValueError(f"a tensor has the shape {shape}, which is not allowed")
    if quantization := tensor.quantization:
        scales, axis = len(_items(quantization.scale)), quantization.quantizedDimension
        if scales > 1 and not (0 <= axis < len(shape) and scales == shape[axis]):
            raise ValueError("a tensor does not have one scale per channel")
        if len(_items(quantization.zeroPoint)) != scales:
            raise ValueError("a tensor does not have one zero point per scale")
    buffer = buffers[_checked(tensor.buffer, len(buffers))]
    if buffer.size or buffer.offset:
        raise ValueError("the values of a tensor lie outside the model")
    length = 0 if buffer.data is None else len(buffer.data)
    if length not in (0, size):
        raise ValueError(f"a tensor of {size} bytes has values of {length} bytes")
    return length > 0


def _verify_data_flow(graph: Any, signature: Any, codes: list[str], constants: set[int]) -> None:
    """Checks which tensors each operator reads and writes. Tensors are known by their index."""
    count = len(_items(graph.tensors))
    computed = {_checked(i, count) for i in _items(graph.inputs)}  # and the outputs of the operators so far
    from_photo = set(computed)  # computed from the values of a photo
    if computed & constants:
        raise ValueError("an input is a constant")
    for operator in _items(graph.operators):
        name = codes[_checked(operator.opcodeIndex, len(codes))]
        inputs = [i for at, i in enumerate(_items(operator.inputs)) if i != _NO_INPUT or at < 2]
        reads = [_checked(i, count) for i in inputs]
        writes = {_checked(i, count) for i in _items(operator.outputs)}
        if not reads or set(reads) - computed - constants:
            raise ValueError(f"its operator {name} reads a tensor that is not computed yet")
        if len(writes) != 1 or writes & (computed | constants):
            raise ValueError(f"its operator {name} overwrites a tensor")
        if name in _SHAPED_BY_INPUTS and set(reads[1:]) & from_photo:
            raise ValueError(f"its operator {name} takes a shape from the photo")
        if set(reads) & from_photo and name != "SHAPE":  # a shape is the same for all photos
            from_photo |= writes
        computed |= writes
    ends = [end.tensorIndex for end in (*_items(signature.outputs), *_items(signature.inputs))]
    if {_checked(end, count) for end in (*ends, *_items(graph.outputs))} - computed:
        raise ValueError("one of its outputs is not computed")


def _checked(index: int, count: int) -> int:
    if not 0 <= index < count:
        raise ValueError(f"it refers to part {index} of {count}")
    return index
