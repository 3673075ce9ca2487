"""Runs a training on several processes of this machine: starts them, watches them, and leaves none behind."""

import math
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO, Annotated

import typer

from clothes.cli.options import require
from clothes.cli.output import note
from clothes.errors import ConfigError, WorkerError
from clothes.system.plurals import counted
from clothes.training.workers.place import COORDINATOR, COUNT, INDEX, Place

Workers = Annotated[
    int | None, typer.Option(metavar="N", min=1, help="Train on N processes of this machine, with the extra jax.")
]

_LAUNCHED = "CLOTHES_LAUNCHED"  # in the environment of a process that ends with its launcher
_LAST_WORDS = 60  # seconds that worker 0 has to save and explain after another worker has ended
_SECONDS_BETWEEN_LOOKS = 0.1


def join_workers(photos: Path, workers: int | None, *, is_quick: bool) -> None:
    """Returns in the process that is to train: the only one, or worker 0 of several. The others end here.

    With `workers`, starts so many processes of this same command, and ends when they have ended. In one of them, or in
    a process that a launcher of several machines started, connects it with the others.
    """
    if workers is not None and is_quick:
        raise ConfigError("--workers is not for the quick model, which is fitted at once. Leave it out.")
    place = Place.from_environment()
    if place is None:
        if workers is not None:
            sys.exit(_launch(photos, workers))
        return
    _require_jax()
    os.environ["KERAS_BACKEND"] = "jax"
    if os.environ.get(_LAUNCHED):
        threading.Thread(target=_end_with_launcher, daemon=True).start()
    if place.index:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # it ends with worker 0
    from clothes.training.workers.group import join  # late: NumPy

    group = join(place)
    if place.index:
        from clothes.training.workers.follower import follow  # late: Keras

        follow(group, photos)
        sys.exit(0)


def end_worker(status: int) -> None:
    """Ends this process at once if it is a worker: at a usual exit, JAX would wait for workers that have died."""
    from clothes.training.workers.group import joined  # late: NumPy

    if group := joined():
        if status == 0:
            group.end()
        sys.stdout.flush()
        os._exit(status)


def _require_jax() -> None:
    require("Training on several processes", "train", "report", "jax")
    if (backend := os.environ.get("KERAS_BACKEND") or "jax") != "jax":
        raise ConfigError(
            f"Several processes train with JAX, and KERAS_BACKEND is {backend!r}. Leave it out, or leave out --workers."
        )


def _end_with_launcher() -> None:
    os.read(0, 1)  # nothing comes but the end
    os._exit(1)


@dataclass(frozen=True)
class _Worker:
    index: int
    process: subprocess.Popen[bytes]
    errors: IO[bytes]  # what it wrote to stderr; worker 0 shows its own


def _launch(photos: Path, workers: int) -> int:
    """Starts the workers, and returns the exit status of worker 0 when all have ended."""
    cores = os.cpu_count() or 1
    if workers > cores:
        raise ConfigError(f"--workers {workers} are more than the {cores} cores of this machine. Give fewer.")
    _require_jax()
    note(f"Training with JAX on {counted(workers, 'process')} of this machine.")
    address = f"127.0.0.1:{_free_port()}"
    with ExitStack() as stack:
        started = [stack.enter_context(_worker(index, workers, address)) for index in range(workers)]
        with _signals_to(started[0].process):
            return _watch(started)


def _free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port: int = server.getsockname()[1]
        return port


@contextmanager
def _worker(index: int, count: int, address: str) -> Iterator[_Worker]:
    """Runs this same command as a worker for the block, which ends it if it still runs."""
    place = {COORDINATOR: address, COUNT: str(count), INDEX: str(index)}
    environment = os.environ | place | {"KERAS_BACKEND": "jax", _LAUNCHED: "1"}
    if count > 1:  # one GPU each, where there are any
        environment["JAX_LOCAL_DEVICE_IDS"] = str(index)
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "clothes", *sys.argv[1:]],
            env=environment,
            stdin=subprocess.PIPE,  # which ends when the launcher does, killed or not
            stdout=subprocess.DEVNULL if index else None,
            stderr=errors if index else None,
            start_new_session=True,  # Ctrl-C goes to the launcher alone
        )
        try:
            yield _Worker(index, process, errors)
        finally:
            process.kill()
            process.wait()


@contextmanager
def _signals_to(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Passes Ctrl-C and SIGTERM on to a process for the block."""

    def pass_on(number: int, frame: FrameType | None) -> None:
        process.send_signal(number)

    before = {number: signal.signal(number, pass_on) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _watch(workers: list[_Worker]) -> int:
    """Waits for worker 0 and returns its exit status. Raises WorkerError if it is killed.

    When another worker ends, worker 0 notices by itself, saves, and says how to go on.
    """
    first, *others = workers
    until = math.inf
    while True:
        lost = next((worker for worker in others if worker.process.poll()), None)
        if (status := first.process.poll()) is not None or time.monotonic() > until:
            break
        if lost and until == math.inf:
            until = time.monotonic() + _LAST_WORDS
            note(f"Worker {lost.index} has ended: {_reason(lost)}")
        time.sleep(_SECONDS_BETWEEN_LOOKS)
    if status is not None and status >= 0:
        return status
    raise WorkerError(
        f"Worker 0 {'has ended: ' + _reason(first) if status else 'does not end by itself.'} What was learnt up to the "
        "last checkpoint is kept. Go on by the same command, with the run folder as --out and with --resume."
    )


def _reason(worker: _Worker) -> str:
    if worker.process.returncode < 0:
        return f"signal {-worker.process.returncode}."
    worker.errors.seek(0)
    said = worker.errors.read().decode("utf-8", errors="replace").strip().splitlines()
    return said[-1] if said else f"exit status {worker.process.returncode}."
