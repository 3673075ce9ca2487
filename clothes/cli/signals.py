"""Stops long work by Ctrl-C or SIGTERM at a point where nothing is lost, and says how to continue."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import typer

from clothes.cli.output import note


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
    received: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    before = {n: old for n, old in before.items() if old in (signal.SIG_DFL, signal.default_int_handler)}  # not ignored

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def record(number: int, frame: Any) -> None:
        received.append(number)
        restore()

    def check() -> None:
        if received:
            raise Stopped(received[0])

    for number in before:
        signal.signal(number, record)
    try:
        yield check
    except KeyboardInterrupt:
        raise Stopped(signal.SIGINT) from None  # Typer ends a KeyboardInterrupt without a message
    finally:
        restore()


@contextmanager
def hint_if_stopped(hint: Callable[[], str]) -> Iterator[None]:
    """Notes how to continue if a signal or a failing disk stops the block."""
    try:
        yield
    except (typer.Abort, KeyboardInterrupt, OSError):
        if text := hint():
            note(text)
        raise
