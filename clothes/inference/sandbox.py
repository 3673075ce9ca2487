"""A model that this machine has not met is tried in a process of its own: LiteRT can be crashed by one that lies.

That process first looks whether it is arithmetic alone, in which a photo changes numbers and never what is read or how
often: known operators, no code of anybody's, constants as long as they say, nothing used before it is computed. What
passed is remembered in the cache by its hash.
"""

import hashlib
import math
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from clothes.errors import ClothesError
from clothes.system.files import write_text
from clothes.system.user_folders import cache_folder

_SECONDS = 60
_MOST_BYTES = 2_000_000_000  # of one tensor; what a model takes in all is bounded by four times as many
_MOST_PARTS = 100_000  # tensors, operators, buffers
_OPERATORS = """
    ABS ADD AVERAGE_POOL_2D CAST CONCATENATION CONV_2D DEPTHWISE_CONV_2D DEQUANTIZE DIV ELU EXP FULLY_CONNECTED GELU
    HARD_SWISH LEAKY_RELU LOG LOGISTIC MAX_POOL_2D MAXIMUM MEAN MINIMUM MUL NEG PACK PAD PADV2 POW PRELU QUANTIZE RELU
    RELU6 RESHAPE RESIZE_BILINEAR RSQRT SHAPE SOFTMAX SQRT SQUARE SQUARED_DIFFERENCE SQUEEZE STRIDED_SLICE SUB SUM TANH
    TRANSPOSE
"""
# Their later inputs say what is read: they may come from shapes and constants, not from a photo.
_STEERED = {"MEAN", "PAD", "PADV2", "RESHAPE", "RESIZE_BILINEAR", "STRIDED_SLICE", "SUM", "TRANSPOSE"}
_BYTES = {"FLOAT32": 4, "FLOAT16": 2, "INT64": 8, "INT32": 4, "INT16": 2, "INT8": 1, "UINT8": 1, "BOOL": 1}


def try_model(data: bytes, size: int) -> None:
    """Returns when a model for pictures of this size can be run. Raises ValueError with the reason when it cannot."""
    passed = _passed(data)
    if passed and passed.exists():
        return
    package = str(Path(__file__).parents[1])
    path = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
    command = [
        sys.executable,
        "-P",
        "-m",
        "clothes.inference.sandbox",
        str(size),
    ]  # -P: nothing of the current folder is imported
    try:
        done = subprocess.run(
            command, input=data, env=os.environ | {"PYTHONPATH": path}, capture_output=True, timeout=2 * _SECONDS
        )
    except subprocess.TimeoutExpired:
        raise ValueError("it does not come to an end") from None
    if done.returncode == 3:
        raise ValueError(done.stdout.decode(errors="replace").strip()[:300])
    if done.returncode:
        raise ValueError(f"it crashes LiteRT, or takes too much memory or time (status {done.returncode})")
    if passed:
        with suppress(OSError):  # it is tried again next time
            passed.parent.mkdir(parents=True, exist_ok=True)
            write_text(passed, "")


def _passed(data: bytes) -> Path | None:
    """The file that is there when a model has passed with this LiteRT."""
    try:
        return cache_folder() / "models" / f"{hashlib.sha256(data).hexdigest()}-{version('ai-edge-litert')}"
    except ClothesError:
        return None


def check_model(data: bytes) -> None:
    """Raises ValueError when the bytes are no LiteRT model, or one of more than arithmetic."""
    from ai_edge_litert import schema_py_generated as schema

    if data[4:8] != b"TFL3":
        raise ValueError("it is no LiteRT model")
    operators = {number: name for name, number in vars(schema.BuiltinOperator).items() if name.isupper()}
    types = {number: name for name, number in vars(schema.TensorType).items() if name.isupper()}
    model = schema.Model.GetRootAs(data, 0)
    if model.SubgraphsLength() != 1 or model.SignatureDefsLength() != 1:
        raise ValueError("it has not one graph with one signature")
    if model.ExternalBuffersLength() or model.ExternalBufferGroupsLength():
        raise ValueError("it names other files")
    graph = model.Subgraphs(0)
    codes = []
    for code in _each(model.OperatorCodesLength(), model.OperatorCodes):
        name = operators.get(max(code.BuiltinCode(), code.DeprecatedBuiltinCode()), "unknown")
        if name not in _OPERATORS.split() or code.CustomCode():
            raise ValueError(f"its operator {code.CustomCode() or name} is none of those that networks here consist of")
        codes.append(name)
    tensors = list(_each(graph.TensorsLength(), graph.Tensors))
    constant = {i for i, tensor in enumerate(tensors) if _check_tensor(tensor, model, types)}
    known = {_index(graph.Inputs(i), tensors) for i in range(graph.InputsLength())}
    shown = set(known)  # what depends on the photo
    if known & constant:
        raise ValueError("a constant is an input")
    for operator in _each(graph.OperatorsLength(), graph.Operators):
        name = codes[_index(operator.OpcodeIndex(), codes)]
        taken = [operator.Inputs(i) for i in range(operator.InputsLength())]
        taken = [_index(i, tensors) for at, i in enumerate(taken) if i != -1 or at < 2]  # a bias may lack
        made = {_index(operator.Outputs(i), tensors) for i in range(operator.OutputsLength())}
        if not taken or set(taken) - known - constant:
            raise ValueError(f"{name} uses what is not computed yet")
        if len(made) != 1 or made & (known | constant):
            raise ValueError(f"{name} writes where something is")
        if name in _STEERED and set(taken[1:]) & shown:
            raise ValueError(f"{name} is steered by the photo")
        if set(taken) & shown and name != "SHAPE":
            shown |= made
        known |= made
    signature = model.SignatureDefs(0)
    ends = [signature.Outputs(i).TensorIndex() for i in range(signature.OutputsLength())]
    ends += [signature.Inputs(i).TensorIndex() for i in range(signature.InputsLength())]
    ends += [graph.Outputs(i) for i in range(graph.OutputsLength())]
    if {_index(end, tensors) for end in ends} - known:
        raise ValueError("its outputs are not computed")


def _check_tensor(tensor: Any, model: Any, types: dict[int, str]) -> bool:
    """Whether a tensor is a constant. Raises ValueError when it lies."""
    kind = types.get(tensor.Type(), "unknown")
    shape = [tensor.Shape(i) for i in range(tensor.ShapeLength())]
    if kind not in _BYTES or tensor.IsVariable() or tensor.Sparsity() or tensor.ExternalBuffer():
        raise ValueError(f"it has a tensor of a kind that networks here have not ({kind})")
    size = math.prod(shape) * _BYTES[kind]
    if min(shape, default=1) < 0 or len(shape) > 8 or size > _MOST_BYTES:
        raise ValueError(f"it has a tensor of shape {shape}")
    if (quantization := tensor.Quantization()) and quantization.ScaleLength() > 1:
        axis = quantization.QuantizedDimension()
        if not 0 <= axis < len(shape) or quantization.ScaleLength() != shape[axis]:
            raise ValueError("the scales of a tensor are not as many as it has channels")
    if quantization and quantization.ZeroPointLength() != quantization.ScaleLength():
        raise ValueError("a tensor has not as many zero points as scales")
    if not 0 <= tensor.Buffer() < model.BuffersLength():
        raise ValueError("a tensor's content is not there")
    buffer = model.Buffers(tensor.Buffer())
    if buffer.Size() or buffer.Offset():
        raise ValueError("a tensor's content is outside the model")
    if buffer.DataLength() not in (0, size):
        raise ValueError(f"a tensor of {size} bytes has {buffer.DataLength()}")
    return bool(buffer.DataLength())


def _each(count: int, get: Callable[[int], Any]) -> "map[Any]":
    if count > _MOST_PARTS:
        raise ValueError(f"it has {count} parts of a kind")
    return map(get, range(count))


def _index(index: int, there: list[Any]) -> int:
    if not 0 <= index < len(there):
        raise ValueError(f"it refers to number {index} of {len(there)}")
    return index


def _main(size: int) -> int:
    """In the process of its own: 0 when the model on stdin runs, 3 with a reason on stdout when it does not."""
    with suppress(ImportError):  # not on Windows
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))
        resource.setrlimit(resource.RLIMIT_AS, (4 * _MOST_BYTES, 4 * _MOST_BYTES))
    data = sys.stdin.buffer.read()
    try:
        check_model(data)
        from clothes.inference.litert import LiteModel

        LiteModel(data).run(np.zeros((size, size, 3), dtype=np.uint8))
    except Exception as error:  # the readers of a lying file raise what they like
        sys.stdout.write(str(error) or type(error).__name__)
        return 3
    return 0


if __name__ == "__main__":
    raise SystemExit(_main(int(sys.argv[1])))
