"""Starts `clothes train` on several processes, and looks at these."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from clothes.training.workers.place import COORDINATOR, COUNT, INDEX

PATIENCE = 300  # seconds


def start(*words: object, place: tuple[str, int, int] | None = None) -> subprocess.Popen[str]:
    """Starts `clothes train WORDS`, as the worker with this address, count and index if given."""
    variables = zip((COORDINATOR, COUNT, INDEX), map(str, place or ()), strict=False)
    return subprocess.Popen(
        [sys.executable, "-m", "clothes", "train", *map(str, words)],
        env={name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"} | dict(variables),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def loopback_address() -> str:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{server.getsockname()[1]}"


def wait_until(is_so: Callable[[], object], what: str) -> None:
    until = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < until, f"{what} takes too long"
        time.sleep(0.05)


def workers_of(launcher: int) -> dict[int, int]:
    """The process of each worker of a launcher, by the worker's number."""
    found = {}
    for child in Path(f"/proc/{launcher}/task/{launcher}/children").read_text().split():
        variables = Path(f"/proc/{child}/environ").read_bytes().decode().split("\0")
        found |= {int(line.partition("=")[2]): int(child) for line in variables if line.startswith(f"{INDEX}=")}
    return found


def is_running(process: int) -> bool:
    """Whether a process runs; one that has ended and was not waited for does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def listening_addresses(process: int) -> set[str]:
    """The addresses that a process listens on, as the kernel writes them: 0100007F is 127.0.0.1."""
    links = []
    for link in Path(f"/proc/{process}/fd").iterdir():
        try:
            links.append(str(link.readlink()))
        except OSError:  # closed meanwhile
            continue
    sockets = {link.removeprefix("socket:[").rstrip("]") for link in links if link.startswith("socket:[")}
    lines = [
        line.split()
        for name in ("tcp", "tcp6")
        for line in Path(f"/proc/{process}/net/{name}").read_text().splitlines()
    ]
    return {cells[1].partition(":")[0] for cells in lines if cells[3] == "0A" and cells[9] in sockets}
