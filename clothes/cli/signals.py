"""Stops long work by Ctrl-C or SIGTERM at a point where nothing is lost."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import typer


class Stopped(typer.Abort):
    """Ctrl-C or SIGTERM stopped the work; `status` is the exit status."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.status = 128 + number


@contextmanager
def stoppable() -> Iterator[Callable[[], None]]:
    """Yields a function that raises Stopped if Ctrl-C or SIGTERM was received; call it between two steps.

    A second signal ends the process at once. An exception raised anywhere else can get lost in TensorFlow's C code.
    """
    request = _StopRequest()
    try:
        yield request.check
    except KeyboardInterrupt:
        raise Stopped(signal.SIGINT) from None  # Typer ends a KeyboardInterrupt without a message
    finally:
        request.restore()


class _StopRequest:
    """Records the first Ctrl-C or SIGTERM, then restores the handlers from before."""

    def __init__(self) -> None:
        self._received = 0
        self._before = {
            number: signal.signal(number, self._record)
            for number in (signal.SIGINT, signal.SIGTERM)
            if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler)  # keeps an ignored one
        }

    def _record(self, number: int, frame: Any) -> None:
        self._received = number
        self.restore()

    def check(self) -> None:
        if self._received:
            raise Stopped(self._received)

    def restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
