"""LiteRT: the bytes of a model -> scores and features. The only module that knows which runtime predicts."""

import contextlib
import os
import re
import threading
import warnings
from typing import Any, NamedTuple

import numpy as np

from clothes.system.stderr import quiet


class Outputs(NamedTuple):
    """What a model gives for a picture: scores float32 (classes,) and features float32 (units,).

    `similarity`, if it has that output, is the largest of the classes: a cosine of the features and the centre of the
    class (quick models), or the probability of the class and of no other thing.
    """

    scores: np.ndarray
    features: np.ndarray
    similarity: float | None

    @property
    def certainty(self) -> float:
        """What is compared with the threshold of a bundle: the similarity, or without one the highest score."""
        return float(self.scores.max()) if self.similarity is None else self.similarity


class LayerOutput(NamedTuple):
    """What an operator of a model gives for a picture: its layer, its name in LiteRT, and values float32."""

    layer: str
    operator: str
    values: np.ndarray


class LiteModel:
    """A LiteRT model: a picture in, its outputs out. Thread-safe."""

    _start_up_lines_written = False

    def __init__(self, data: bytes) -> None:
        self.data = data
        self._idle: list[Any] = []
        self._turn = threading.Semaphore(os.cpu_count() or 1)

    def __reduce__(self) -> tuple[type["LiteModel"], tuple[bytes]]:
        return type(self), (self.data,)  # an interpreter cannot be pickled

    def run(self, picture: np.ndarray) -> Outputs:
        """Returns the outputs for one picture uint8 (size, size, 3).

        Raises ValueError, RuntimeError or KeyError if the bytes are not such a model.
        """
        result = self.run_all(picture)
        similarity = float(result["similarity"].max()) if "similarity" in result else None
        return Outputs(result["scores"], result["features"], similarity)

    def run_all(self, picture: np.ndarray) -> dict[str, np.ndarray]:
        """Returns all outputs for one picture by name, without their first axis. Errors as of `run`."""
        # Threads cannot share an interpreter at a time. Each takes 8 MB, so there are no more of them than cores.
        with self._turn:
            try:
                runner = self._idle.pop()
            except IndexError:
                runner = self._open()
            result = runner(pictures=picture[None])
            self._idle.append(runner)
        return {name: values[0] for name, values in result.items()}

    def run_layers(self, picture: np.ndarray) -> list[LayerOutput]:
        """Returns the output of each operator for one picture uint8 (size, size, 3), in order.

        They are computed by an interpreter of their own, which is not kept: it holds all of them in memory.
        """
        from ai_edge_litert import schema_py_generated as schema

        warnings.filterwarnings("ignore", "Warning: Enabling `experimental_preserve_all_tensors`")  # for its memory
        interpreter = self._allocate(experimental_preserve_all_tensors=True)
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], picture[None])
        interpreter.invoke()
        names = {number: name for name, number in vars(schema.BuiltinOperator).items() if name.isupper()}
        parsed = schema.ModelT.InitFromPackedBuf(self.data)
        codes = [names[max(code.builtinCode, code.deprecatedBuiltinCode)] for code in parsed.operatorCodes]
        tensors, found = {tensor["index"]: tensor for tensor in interpreter.get_tensor_details()}, []
        for operator in parsed.subgraphs[0].operators:
            tensor = tensors[operator.outputs[0]]
            scale, zero = tensor["quantization"]  # 0, 0 for a float
            values = (interpreter.get_tensor(tensor["index"]).astype(np.float32) - zero) * (scale or 1)
            found.append(LayerOutput(_layer_name(tensor["name"]), codes[operator.opcodeIndex], values))
        return found

    def tensor_names(self) -> dict[str, str]:
        """Returns the name that each input and output has inside the model, by its name outside."""
        runner = self._open()
        details = runner.get_input_details() | runner.get_output_details()
        return {name: str(detail["name"]) for name, detail in details.items()}

    def _open(self) -> Any:
        return self._allocate().get_signature_runner()  # keeps its interpreter

    def _allocate(self, **options: Any) -> Any:
        """Returns an interpreter that uses one core, so that the scores are equal to the bit on any number of cores."""
        from ai_edge_litert.interpreter import Interpreter

        # LiteRT writes start-up lines once per process. Silencing stderr later would hide output of other threads.
        with contextlib.nullcontext() if LiteModel._start_up_lines_written else quiet():
            interpreter = Interpreter(model_content=self.data, num_threads=1, **options)
            interpreter.allocate_tensors()
        LiteModel._start_up_lines_written = True
        return interpreter


def _layer_name(tensor: str) -> str:
    """Returns the Keras layer in a name such as "functional_1/conv1_1/convolution;...", or the name itself."""
    parts = tensor.partition(";")[0].split("/")
    return re.sub(r"_\d+$", "", parts[1]) if len(parts) > 1 else tensor
