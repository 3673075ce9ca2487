"""Puts the page's API under the load of many visitors, with a restart of the server in the middle.

    python -m benchmarks.page_load [--clients 200] [--seconds 600]

Each visitor uploads a photo of 12 million pixels, asks, and reads the answer, again and again. A full queue answers
503, and the visitor tries again after a second, as during the restart. Any other failure counts. Prints JSON: answers,
refusals, failures, seconds of an answer (p50, p95), the server's memory in each tenth of both halves (medians), its
growth from the second to the last fifth (in the first one the queue fills), and the most files in its folder. Exits
with 1 if something failed.
"""

import argparse
import io
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import httpx
import numpy as np
from PIL import Image

from tests.support.page_client import PageClient


def make_photo() -> bytes:
    """Returns a JPEG of 4,000 x 3,000 pixels and about 3 MB."""
    rng = np.random.default_rng(0)
    small = Image.fromarray(rng.integers(0, 256, (300, 400, 3), dtype=np.uint8)).resize((4000, 3000))
    file = io.BytesIO()
    small.save(file, "JPEG", quality=92)
    return file.getvalue()


class Server:
    """Serves the page in a process, always at the same address."""

    def __init__(self, folder: Path, port: int = 0) -> None:
        command = [sys.executable, "-m", "clothes", "serve", "--port", str(port)]
        self._log = (folder / "log").open("ab")
        self._process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env=os.environ | {"GRADIO_TEMP_DIR": str(folder)},
        )
        self.pid = self._process.pid
        self.url = re.findall(r"http://\S+", self._process.stdout.readline())[0]  # type: ignore[union-attr]
        self.port = int(self.url.rstrip("/").rpartition(":")[2])

    def megabytes(self) -> float:
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        return int(re.findall(r"VmRSS:\s+(\d+) kB", status)[0]) / 1000

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(60)
        self._log.close()


class Load:
    """What visitors experienced."""

    def __init__(self, url: str, photo: bytes) -> None:
        self.counts: Counter[str] = Counter()
        self.seconds: list[float] = []
        self.over = threading.Event()
        self.restarting = threading.Event()
        self._url, self._photo = url, photo
        self._lock = threading.Lock()

    def visit(self) -> None:
        with PageClient(self._url) as client:
            while not self.over.is_set():
                start = time.perf_counter()
                outcome = self._ask(client)
                with self._lock:
                    self.counts[outcome] += 1
                    if outcome == "answered":
                        self.seconds.append(time.perf_counter() - start)
                if outcome != "answered":
                    self.over.wait(1)

    def _ask(self, client: PageClient) -> str:
        try:
            kind, answer = client.call(client.upload(self._photo))
            return "answered" if kind == "complete" else f"error: {answer}"
        except httpx.HTTPStatusError as error:
            return "busy (503)" if error.response.status_code == 503 else f"HTTP {error.response.status_code}"
        except (httpx.TransportError, ValueError, IndexError) as error:  # an answer that breaks off is a failure
            return "restarting" if self.restarting.is_set() else f"{type(error).__name__}: {error}"


def main(clients: int, seconds: float) -> int:
    with tempfile.TemporaryDirectory(prefix="clothes-load-") as folder, ExitStack() as stack:
        server = Server(Path(folder))
        stack.callback(lambda: server.stop())  # the server that runs at the end
        load = Load(server.url, make_photo())
        visitors = [threading.Thread(target=load.visit, daemon=True) for _ in range(clients)]
        for visitor in visitors:
            visitor.start()
        halves, most_files = [], 0
        for half in range(2):
            end, memory = time.monotonic() + seconds / 2, []
            while time.monotonic() < end:
                time.sleep(min(0.5, seconds / 50))
                most_files = max(most_files, sum(len(files) for _, _, files in os.walk(folder)))
                memory.append(server.megabytes())
            tenth = max(1, len(memory) // 10)
            tenths = [round(statistics.median(memory[i : i + tenth])) for i in range(0, 10 * tenth, tenth)]
            early, late = statistics.median(memory[2 * tenth : 4 * tenth]), statistics.median(memory[-2 * tenth :])
            halves.append({"MB": tenths, "growth": round(late / early - 1, 3)})
            if half == 0:
                load.restarting.set()
                server.stop()
                server = Server(Path(folder), server.port)
                time.sleep(2)
                load.restarting.clear()
        load.over.set()
        for visitor in visitors:
            visitor.join(60)
    allowed = {"answered", "busy (503)", "restarting"}
    failures = {outcome: count for outcome, count in load.counts.items() if outcome not in allowed}
    quantiles = statistics.quantiles(load.seconds, n=20) if len(load.seconds) > 1 else [0.0] * 19
    result = {
        "clients": clients,
        "seconds": seconds,
        "outcomes": dict(load.counts),
        "p50, s": round(quantiles[9], 2),
        "p95, s": round(quantiles[18], 2),
        "halves": halves,
        "most files": most_files,
    }
    print(json.dumps(result, indent=1))
    return int(bool(failures))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=600)
    given = parser.parse_args()
    sys.exit(main(given.clients, given.seconds))
