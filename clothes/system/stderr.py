"""Silences C++ libraries.

TensorFlow and LiteRT print lines to stderr when they start and convert, whatever the log level. Python's own errors
are raised, not printed, and are not affected.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_LOCK = threading.RLock()


@contextmanager
def quiet() -> Iterator[None]:
    """Silences stderr at the level of the file descriptor."""
    with _LOCK:
        null, stderr = os.open(os.devnull, os.O_WRONLY), os.dup(2)
        os.dup2(null, 2)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
            os.close(null)
