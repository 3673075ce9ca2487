"""Silences C++ libraries.

TensorFlow and LiteRT print lines to stderr when they start and convert, whatever the log level. Python's own errors
are raised, not printed, and are not affected.
"""

import ctypes
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_LOCK = threading.RLock()


@contextmanager
def quiet(*, stdout: bool = False) -> Iterator[None]:
    """Silences stderr, and if asked stdout, at the level of the file descriptor."""
    with _LOCK:
        null = os.open(os.devnull, os.O_WRONLY)
        kept = {number: os.dup(number) for number in ((1, 2) if stdout else (2,))}
        for number in kept:
            os.dup2(null, number)
        try:
            yield
        finally:
            if stdout:
                ctypes.CDLL(None).fflush(None)  # what C still holds back
            for number, copy in kept.items():
                os.dup2(copy, number)
                os.close(copy)
            os.close(null)
