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
from collections.abc import Callable
from typing import Any

MOST_BYTES = 2_000_000_000  # of one tensor
_MOST_PARTS = 100_000  # tensors, operators, operator codes
_MOST_DIMENSIONS = 8
_OPERATORS = frozenset(
    [
        "ABS",
        "ADD",
        "AVERAGE_POOL_2D",
        "CAST",
        "CONCATENATION",
        "CONV_2D",
        "DEPTHWISE_CONV_2D",
        "DEQUANTIZE",
        "DIV",
        "ELU",
        "EXP",
        "FULLY_CONNECTED",
        "GELU",
        "HARD_SWISH",
        "LEAKY_RELU",
        "LOG",
        "LOGISTIC",
        "MAX_POOL_2D",
        "MAXIMUM",
        "MEAN",
        "MINIMUM",
        "MUL",
        "NEG",
        "PACK",
        "PAD",
        "PADV2",
        "POW",
        "PRELU",
        "QUANTIZE",
        "RELU",
        "RELU6",
        "RESHAPE",
        "RESIZE_BILINEAR",
        "RSQRT",
        "SHAPE",
        "SOFTMAX",
        "SQRT",
        "SQUARE",
        "SQUARED_DIFFERENCE",
        "SQUEEZE",
        "STRIDED_SLICE",
        "SUB",
        "SUM",
        "TANH",
        "TRANSPOSE",
    ]
)
# Operators whose inputs after the first one are axes, paddings, sizes or permutations.
_SHAPED_BY_INPUTS = {"MEAN", "PAD", "PADV2", "RESHAPE", "RESIZE_BILINEAR", "STRIDED_SLICE", "SUM", "TRANSPOSE"}
_BYTES = {"FLOAT32": 4, "FLOAT16": 2, "INT64": 8, "INT32": 4, "INT16": 2, "INT8": 1, "UINT8": 1, "BOOL": 1}
_NO_INPUT = -1  # an optional input that is left out, such as a bias


def verify_litert(data: bytes) -> None:
    """Raises ValueError with the broken rule if the bytes are not a LiteRT model of arithmetic alone.

    A damaged file may raise any other exception of the FlatBuffers reader.
    """
    from ai_edge_litert import schema_py_generated as schema

    if data[4:8] != b"TFL3":
        raise ValueError("it is not a LiteRT model")
    _Verifier(schema.Model.GetRootAs(data, 0), _names(schema.BuiltinOperator), _names(schema.TensorType)).verify()


def _names(enum: Any) -> dict[int, str]:
    return {number: name for name, number in vars(enum).items() if name.isupper()}


class _Verifier:
    """Walks through one model. Tensors are known by their index; three sets say what is known of them."""

    def __init__(self, model: Any, operator_names: dict[int, str], type_names: dict[int, str]) -> None:
        self.model = model
        self.operator_names = operator_names
        self.type_names = type_names
        self.tensor_count = 0
        self.constants: set[int] = set()
        self.computed: set[int] = set()  # graph inputs, and outputs of the operators so far
        self.from_photo: set[int] = set()  # computed from the values of a photo

    def verify(self) -> None:
        self.verify_container()
        graph = self.model.Subgraphs(0)
        codes = [
            self.verified_code(code) for code in _items(self.model.OperatorCodes, self.model.OperatorCodesLength())
        ]
        self.verify_tensors(graph)
        self.take_inputs(graph)
        for operator in _items(graph.Operators, graph.OperatorsLength()):
            self.verify_data_flow(codes[_checked(operator.OpcodeIndex(), len(codes))], operator)
        self.verify_ends(graph)

    def verify_container(self) -> None:
        if self.model.SubgraphsLength() != 1 or self.model.SignatureDefsLength() != 1:
            raise ValueError("it does not have exactly one graph with one signature")
        if self.model.ExternalBuffersLength() or self.model.ExternalBufferGroupsLength():
            raise ValueError("it refers to other files")

    def verified_code(self, code: Any) -> str:
        """Returns the name of an operator code, which must be in the list."""
        name = self.operator_names.get(max(code.BuiltinCode(), code.DeprecatedBuiltinCode()), "unknown")
        if name not in _OPERATORS or code.CustomCode():
            raise ValueError(f"its operator {code.CustomCode() or name} is not allowed")
        return name

    def verify_tensors(self, graph: Any) -> None:
        tensors = _items(graph.Tensors, graph.TensorsLength())
        self.tensor_count = len(tensors)
        for index, tensor in enumerate(tensors):
            size = self.tensor_bytes(tensor)
            self.verify_quantization(tensor)
            if self.buffer_bytes(tensor, size):
                self.constants.add(index)

    def tensor_bytes(self, tensor: Any) -> int:
        """Returns the bytes of a tensor by its type and shape, which must be allowed."""
        kind = self.type_names.get(tensor.Type(), "unknown")
        shape = _shape(tensor)
        if kind not in _BYTES or tensor.IsVariable() or tensor.Sparsity() or tensor.ExternalBuffer():
            raise ValueError(f"a tensor is of a kind that is not allowed ({kind})")
        size = math.prod(shape) * _BYTES[kind]
        if min(shape, default=1) < 0 or len(shape) > _MOST_DIMENSIONS or size > MOST_BYTES:
            raise ValueError(f"a tensor has the shape {shape}, which is not allowed")
        return size

    def verify_quantization(self, tensor: Any) -> None:
        quantization, shape = tensor.Quantization(), _shape(tensor)
        if not quantization:
            return
        scales, axis = quantization.ScaleLength(), quantization.QuantizedDimension()
        if scales > 1 and not (0 <= axis < len(shape) and scales == shape[axis]):
            raise ValueError("a tensor does not have one scale per channel")
        if quantization.ZeroPointLength() != scales:
            raise ValueError("a tensor does not have one zero point per scale")

    def buffer_bytes(self, tensor: Any, size: int) -> int:
        """Returns the bytes of a tensor's constant values: all of them, or 0 if it is computed."""
        buffer = self.model.Buffers(_checked(tensor.Buffer(), self.model.BuffersLength()))
        if buffer.Size() or buffer.Offset():
            raise ValueError("the values of a tensor lie outside the model")
        if buffer.DataLength() not in (0, size):
            raise ValueError(f"a tensor of {size} bytes has values of {buffer.DataLength()} bytes")
        return int(buffer.DataLength())

    def take_inputs(self, graph: Any) -> None:
        inputs = {self.tensor(graph.Inputs(i)) for i in range(graph.InputsLength())}
        if inputs & self.constants:
            raise ValueError("an input is a constant")
        self.computed |= inputs
        self.from_photo |= inputs

    def verify_data_flow(self, name: str, operator: Any) -> None:
        """Checks the tensors that an operator reads and writes, and adds its output."""
        indices = [operator.Inputs(i) for i in range(operator.InputsLength())]
        reads = [self.tensor(index) for at, index in enumerate(indices) if index != _NO_INPUT or at < 2]
        writes = {self.tensor(operator.Outputs(i)) for i in range(operator.OutputsLength())}
        if not reads or set(reads) - self.computed - self.constants:
            raise ValueError(f"its operator {name} reads a tensor that is not computed yet")
        if len(writes) != 1 or writes & (self.computed | self.constants):
            raise ValueError(f"its operator {name} overwrites a tensor")
        if name in _SHAPED_BY_INPUTS and set(reads[1:]) & self.from_photo:
            raise ValueError(f"its operator {name} takes a shape from the photo")
        if set(reads) & self.from_photo and name != "SHAPE":  # a shape is the same for all photos
            self.from_photo |= writes
        self.computed |= writes

    def verify_ends(self, graph: Any) -> None:
        signature = self.model.SignatureDefs(0)
        ends = [signature.Outputs(i).TensorIndex() for i in range(signature.OutputsLength())]
        ends += [signature.Inputs(i).TensorIndex() for i in range(signature.InputsLength())]
        ends += [graph.Outputs(i) for i in range(graph.OutputsLength())]
        if {self.tensor(end) for end in ends} - self.computed:
            raise ValueError("one of its outputs is not computed")

    def tensor(self, index: int) -> int:
        return _checked(index, self.tensor_count)


def _items(get: Callable[[int], Any], count: int) -> list[Any]:
    """Returns all elements of a FlatBuffers vector. A damaged file may claim billions."""
    if count > _MOST_PARTS:
        raise ValueError(f"it has a list of {count} parts")
    return [get(index) for index in range(count)]


def _shape(tensor: Any) -> list[int]:
    return [tensor.Shape(i) for i in range(tensor.ShapeLength())]


def _checked(index: int, count: int) -> int:
    if not 0 <= index < count:
        raise ValueError(f"it refers to part {index} of {count}")
    return index
