"""LiteRT: the bytes of a model -> scores and features. The only module that knows which runtime predicts."""

import contextlib
import os
import threading
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
        # Threads cannot share an interpreter at a time. Each takes 8 MB, so there are no more of them than cores.
        with self._turn:
            try:
                runner = self._idle.pop()
            except IndexError:
                runner = self._open()
            result = runner(pictures=picture[None])
            self._idle.append(runner)
        similarity = float(result["similarity"].max()) if "similarity" in result else None
        return Outputs(result["scores"][0], result["features"][0], similarity)

    def _open(self) -> Any:
        """Returns a runner that uses one core, so that the scores are equal to the bit on any number of cores."""
        from ai_edge_litert.interpreter import Interpreter

        # LiteRT writes start-up lines once per process. Silencing stderr later would hide output of other threads.
        with contextlib.nullcontext() if LiteModel._start_up_lines_written else quiet():
            interpreter = Interpreter(model_content=self.data, num_threads=1)
            interpreter.allocate_tensors()
        LiteModel._start_up_lines_written = True
        return interpreter.get_signature_runner()  # keeps its interpreter
