"""LiteRT: a model's bytes -> scores and features. The only file that knows which runtime predicts."""

import contextlib
import threading
from typing import Any

import numpy as np

from clothes.system.stderr import quiet


class LiteModel:
    """A LiteRT model with uint8 pictures in and `scores` and `features` out. Safe to use from several threads."""

    _greeted = False

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._local = threading.local()

    def run(self, picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Scores float32 (classes,) and features float32 (units,) of one uint8 (size, size, 3) picture.

        Raises ValueError, RuntimeError or KeyError when the bytes are no such model.
        """
        result = self._runner()(pictures=picture[None])
        return result["scores"][0], result["features"][0]

    def _runner(self) -> Any:
        # An interpreter cannot be shared by threads. One core each: the same answer to the bit on any number of cores.
        if not hasattr(self._local, "runner"):
            from ai_edge_litert.interpreter import Interpreter

            # LiteRT greets once a process. Later interpreters are made while others print, and must not hush them.
            with contextlib.nullcontext() if LiteModel._greeted else quiet():
                self._local.interpreter = Interpreter(model_content=self._data, num_threads=1)
                self._local.interpreter.allocate_tensors()
                self._local.runner = self._local.interpreter.get_signature_runner()
            LiteModel._greeted = True
        return self._local.runner
