"""Changes the ends of a LiteRT model, without TensorFlow.

`replace_head` gives it a new last layer, so another network's features tell one's own classes:

features -> / length -> dense layer -> softmax -> scores
                     -> centres of the classes -> similarity: the cosine to each centre

`add_rejection` lets it tell photos of other things:

features -> dense layer -> sigmoid -> x scores -> similarity: the probability of each class and of no other thing

`fix_batch` makes it one for a single picture at a time, as LiteRT.js wants it, and can leave outputs out.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np

_TINY = 1e-12  # added to the squared length of features, so that none is divided by zero


@dataclass(frozen=True)
class Head:
    """The last layer for features of length 1: `weights` float32 (units, classes), `bias` and `centres` of classes."""

    weights: np.ndarray
    bias: np.ndarray
    centres: np.ndarray  # float32 (classes, units)

    def apply(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns scores (N, classes) and largest similarity (N,) of embeddings (N, units) of length 1."""
        logits = values @ self.weights + self.bias
        scores = np.exp(logits - logits.max(axis=1, keepdims=True))
        return scores / scores.sum(axis=1, keepdims=True), (values @ self.centres.T).max(axis=1)


def normalize(values: np.ndarray) -> np.ndarray:
    """Returns the vectors with length 1: float32 (N, units)."""
    return values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), np.float32(1e-6))


def replace_head(model: bytes, head: Head) -> bytes:
    """Returns the LiteRT model with the outputs `features`, `scores` and `similarity` (1, classes) of a new head.

    Raises ValueError if the model has no output `features`, or features of another size than the head is for.
    """
    from ai_edge_litert import schema_py_generated as schema

    parsed = schema.ModelT.InitFromPackedBuf(model)
    features = _outputs(parsed).get(b"features")
    if features is None:
        raise ValueError("it has no features")
    units = int(parsed.subgraphs[0].tensors[features].shape[-1])
    if units != len(head.weights):
        raise ValueError(f"it has {units} features, not {len(head.weights)}")
    _remove_after(features, parsed)
    add = _Adder(schema, parsed)
    squared = add("SQUARE", [features], (1, units))
    axis, tiny = add.constant(np.array([1], np.int32)), add.constant(np.array(_TINY, np.float32))
    total = add("SUM", [squared, axis], (1, 1), schema.ReducerOptionsT(keepDims=True))
    length = add("RSQRT", [add("ADD", [total, tiny], (1, 1), schema.AddOptionsT())], (1, 1))
    unit = add("MUL", [features, length], (1, units), schema.MulOptionsT())
    outputs = {b"features": features}
    for name, matrix, bias in (
        (b"scores", head.weights.T, head.bias),
        (b"similarity", head.centres, np.zeros(len(head.centres))),
    ):
        constants = [add.constant(np.ascontiguousarray(values, np.float32)) for values in (matrix, bias)]
        outputs[name] = add("FULLY_CONNECTED", [unit, *constants], (1, len(bias)), schema.FullyConnectedOptionsT())
    scores = add("SOFTMAX", [outputs[b"scores"]], (1, len(head.bias)), schema.SoftmaxOptionsT(beta=1.0))
    return _packed(schema, parsed, outputs | {b"scores": scores})


def add_rejection(model: bytes, rejection: np.ndarray) -> bytes:
    """Returns a LiteRT model of ours with one more output, `similarity` (1, classes).

    `rejection` float32 (units + 1,) holds the weights and the bias of the layer that tells other things.
    """
    from ai_edge_litert import schema_py_generated as schema

    parsed = schema.ModelT.InitFromPackedBuf(model)
    outputs, add = _outputs(parsed), _Adder(schema, parsed)
    constants = [add.constant(np.ascontiguousarray(part)) for part in (rejection[None, :-1], rejection[-1:])]
    dense = add("FULLY_CONNECTED", [outputs[b"features"], *constants], (1, 1), schema.FullyConnectedOptionsT())
    shape = tuple(parsed.subgraphs[0].tensors[outputs[b"scores"]].shape)
    factors = [outputs[b"scores"], add("LOGISTIC", [dense], (1, 1))]
    return _packed(schema, parsed, outputs | {b"similarity": add("MUL", factors, shape, schema.MulOptionsT())})


def fix_batch(model: bytes, *, only: Collection[bytes] = ()) -> bytes:
    """Returns the LiteRT model for one picture (1, size, size, 3) in place of any number of them.

    With `only` it has these outputs alone, and the operators that they need.
    """
    from ai_edge_litert import schema_py_generated as schema

    parsed = schema.ModelT.InitFromPackedBuf(model)
    for tensor in parsed.subgraphs[0].tensors:
        tensor.shapeSignature = None  # beside `shape`, which has a batch of 1
    outputs = {name: index for name, index in _outputs(parsed).items() if name in only or not only}
    _keep_needed(set(outputs.values()), parsed)
    return _packed(schema, parsed, outputs)


def _outputs(model: Any) -> dict[bytes, int]:
    """Returns the index of the tensor of each output."""
    return {end.name: end.tensorIndex for end in model.signatureDefs[0].outputs}


def _packed(schema: Any, model: Any, outputs: dict[bytes, int]) -> bytes:
    """Returns the bytes of a model with these outputs."""
    model.subgraphs[0].outputs = np.array(list(outputs.values()), np.int32)
    model.signatureDefs[0].outputs = [_tensor_map(schema, name, index) for name, index in outputs.items()]
    model.metadata, model.metadataBuffer = [], None  # they describe the graph as it was
    return pack(model)


def pack(model: Any) -> bytes:
    """Returns the bytes of a model that was parsed by the schema."""
    import flatbuffers

    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _remove_after(features: int, model: Any) -> None:
    """Removes the operators that need the features, the old head, and the constants of no other operator."""
    graph, needs, kept = model.subgraphs[0], {features}, []
    for operator in graph.operators:
        if needs & set(operator.inputs):
            needs |= set(operator.outputs)
        else:
            kept.append(operator)
    _keep(kept, model)


def _keep_needed(outputs: set[int], model: Any) -> None:
    """Removes the operators that no output needs."""
    needed, kept = set(outputs), []
    for operator in reversed(model.subgraphs[0].operators):
        if needed & set(operator.outputs):
            needed |= set(operator.inputs)
            kept.append(operator)
    _keep(kept[::-1], model)


def _keep(kept: list[Any], model: Any) -> None:
    """Removes all operators but these, and the constants of no other operator."""
    graph = model.subgraphs[0]
    graph.operators = kept
    used = {graph.tensors[i].buffer for operator in kept for i in operator.inputs if i >= 0}
    for i, buffer in enumerate(model.buffers):
        if i not in used:
            buffer.data = None


def _tensor_map(schema: Any, name: bytes, index: int) -> Any:
    entry = schema.TensorMapT()
    entry.name, entry.tensorIndex = name, index
    return entry


class _Adder:
    """Appends operators and constants of float32 or int32 to the graph of a model."""

    def __init__(self, schema: Any, model: Any) -> None:
        self._schema, self._model, self._graph = schema, model, model.subgraphs[0]

    def __call__(self, name: str, inputs: list[int], shape: tuple[int, ...], options: Any = None) -> int:
        """Returns the index of the tensor that the operator computes."""
        operator = self._schema.OperatorT()
        operator.opcodeIndex = self._code(name)
        operator.inputs, operator.outputs = np.array(inputs, np.int32), np.array([self._tensor(shape)], np.int32)
        if options is not None:
            kind = type(options).__name__.removesuffix("T")
            operator.builtinOptions, operator.builtinOptionsType = options, getattr(self._schema.BuiltinOptions, kind)
        self._graph.operators.append(operator)
        return int(operator.outputs[0])

    def constant(self, values: np.ndarray) -> int:
        buffer = self._schema.BufferT()
        buffer.data = np.frombuffer(values.tobytes(), np.uint8)
        self._model.buffers.append(buffer)
        kind = self._schema.TensorType.INT32 if values.dtype == np.int32 else self._schema.TensorType.FLOAT32
        return self._tensor(np.shape(values), kind, len(self._model.buffers) - 1)

    def _tensor(self, shape: tuple[int, ...], kind: int = 0, buffer: int = 0) -> int:
        tensor = self._schema.TensorT()
        tensor.shape, tensor.type, tensor.buffer = np.array(shape, np.int32), kind, buffer
        tensor.name = f"head_{len(self._graph.tensors)}".encode()
        self._graph.tensors.append(tensor)
        return len(self._graph.tensors) - 1

    def _code(self, name: str) -> int:
        code = self._schema.OperatorCodeT()
        code.builtinCode = number = getattr(self._schema.BuiltinOperator, name)
        code.deprecatedBuiltinCode = min(number, 127)
        self._model.operatorCodes.append(code)
        return len(self._model.operatorCodes) - 1
