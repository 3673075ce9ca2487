"""Keeps the chatter of C++ libraries off stderr.

TensorFlow and LiteRT write start-up lines there that know no log level. So file descriptor 2 points to nothing for the
moments in which such a library starts or converts; Python's own errors are raised, not written, and get through.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_LOCK = threading.RLock()


@contextmanager
def quiet() -> Iterator[None]:
    """Nothing that this process writes to file descriptor 2 meanwhile is seen."""
    with _LOCK:
        nothing, stderr = os.open(os.devnull, os.O_WRONLY), os.dup(2)
        os.dup2(nothing, 2)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
            os.close(nothing)
