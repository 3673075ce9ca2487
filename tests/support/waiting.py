"""Waits until a condition is true."""

import time
from collections.abc import Callable


def wait_for(condition: Callable[[], bool], *, seconds: float = 300) -> None:
    """Returns when the condition is true; fails after `seconds`."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)
