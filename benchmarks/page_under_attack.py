"""The page under attack on this machine: half-sent requests, floods of nonsense, uploads that nobody asks about.

    python -m benchmarks.page_under_attack [--seconds 600]

Everything is sent to a page on 127.0.0.1 that this script starts. One visitor asks for an answer every second beside
the attackers. Prints JSON: what was sent, what the visitor met, the seconds of an answer (p50, p95, longest), and the
server's memory, open descriptors, files, megabytes on the disk and bytes of its log: at the start, at most and at the
end. Exits with 1 if the visitor was not answered 19 times of 20, or if one of these is not bounded.
"""

import argparse
import json
import multiprocessing
import os
import random
import socket
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Event
from pathlib import Path

import httpx

from benchmarks.page_load import Server
from tests.support.page_client import PageClient
from tests.support.pictures import photo

# What is still bounded. The log takes 10 KB in each minute of the clock.
BOUNDS = {"MB": 1500, "descriptors": 1600, "files": 5600, "disk MB": 4200, "log bytes a minute": 22_000}
UPLOAD = os.urandom(1_000_000)
HALF = [
    b"",
    b"GET / HT",
    b"GET /config HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ",
    b"POST /gradio_api/call/predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 900000\r\n\r\n[",
    b"POST /gradio_api/upload HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: multipart/form-data; boundary=x\r\n"
    b'Content-Length: 9000000\r\n\r\n--x\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\nx',
]
NONSENSE = [
    ("GET", "gradio_api/queue/data?session_hash={}", None),
    ("GET", "gradio_api/call/predict/{}", None),
    ("GET", "gradio_api/file=/etc/passwd{}", None),
    ("GET", "no/such/page/{}", None),
    ("POST", "gradio_api/call/predict", b'{"data": [{"path": "/etc/{}"}]}'),
    ("POST", "gradio_api/call/predict", b'{"data": [7]}'),
    ("POST", "gradio_api/queue/join", b'{"data": [], "fn_index": 1, "session_hash": "x"}'),
    ("POST", "gradio_api/queue/join", b"[" * 900_000),
    ("POST", "gradio_api/upload", b"--x\r\n\r\n"),
    ("POST", "login", b"username=me&password=wrong"),
]


class Attack:
    """The attackers: each act is repeated by a thread until the end."""

    def __init__(self, url: str) -> None:
        self.sent = Counter[str]()
        self._url = httpx.URL(url)
        self._client = httpx.Client(base_url=url, timeout=5, limits=httpx.Limits(max_keepalive_connections=0))
        self._held: deque[socket.socket] = deque()

    def run(self, begun: Event, over: Event, sent: "SimpleQueue[Counter[str]]") -> None:
        begun.set()
        acts = [(self.hold_half_a_request, 0.005)] * 2 + [(self.ask_nonsense, 0.01)] * 4
        acts += [(self.drip, 1), (self.send_garbage, 0.01), (self.forget_an_upload, 0.05)]
        threads = [threading.Thread(target=self._repeat, args=(over, *act), daemon=True) for act in acts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        sent.put(self.sent)

    def _repeat(self, over: Event, act: Callable[[], str], pause: float) -> None:
        while not over.wait(pause):
            try:
                self.sent[act()] += 1
            except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
                self.sent[f"{type(error).__name__} met by an attacker"] += 1

    def hold_half_a_request(self) -> str:
        connection = socket.create_connection((self._url.host, self._url.port), timeout=5)
        self._held.append(connection)
        connection.sendall(random.choice(HALF))
        while len(self._held) > 1500:
            self._held.popleft().close()
        return "half-sent requests"

    def drip(self) -> str:
        for connection in list(self._held)[-200:]:
            with suppress(OSError):
                connection.sendall(b"a")
        return "rounds of a byte to each of them"

    def ask_nonsense(self) -> str:
        method, path, body = random.choice(NONSENSE)
        headers = {"content-type": "application/json"} if path != "gradio_api/upload" else {}
        with self._client.stream(method, path.format(random.random()), content=body, headers=headers) as answer:
            next(answer.iter_bytes(), b"")
        return "requests of nonsense"

    def send_garbage(self) -> str:
        with socket.create_connection((self._url.host, self._url.port), timeout=5) as connection:
            connection.sendall(os.urandom(2000) + b"\r\n\r\n")
        return "requests of random bytes"

    def forget_an_upload(self) -> str:
        files = {"files": (f"{random.random()}.png", UPLOAD)}
        self._client.post("gradio_api/upload", files=files).raise_for_status()
        return "forgotten uploads of 1 MB"


class Visitor:
    """A person beside the attackers who asks for an answer every second."""

    def __init__(self, url: str) -> None:
        self.met, self.seconds, self._url = Counter[str](), list[float](), url

    def visit(self, over: Event) -> None:
        while not over.wait(1):
            start = time.perf_counter()
            try:
                with PageClient(self._url, verify=False) as client:
                    kind, _ = client.call(client.upload(photo(random.randrange(100)), "photo.png"))
                self.met["answered" if kind == "complete" else kind] += 1
                self.seconds.append(time.perf_counter() - start)
            except httpx.HTTPStatusError as error:
                self.met[f"HTTP {error.response.status_code}"] += 1
            except (httpx.HTTPError, ValueError, IndexError) as error:
                self.met[type(error).__name__] += 1


def measure(server: Server, folder: Path) -> dict[str, float]:
    sizes = []
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):  # removed meanwhile
                sizes.append((Path(place) / name).stat().st_size)
    return {
        "MB": round(server.megabytes()),
        "descriptors": len(list(Path(f"/proc/{server.pid}/fd").iterdir())),
        "files": len(sizes),
        "disk MB": round(sum(sizes) / 1e6),
        "log bytes": (folder / "log").stat().st_size,
    }


def attack(url: str, begun: Event, over: Event, sent: "SimpleQueue[Counter[str]]") -> None:
    """Attacks until the end, in a process of its own so that the visitor has time."""
    Attack(url).run(begun, over, sent)


def main(seconds: float) -> int:
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(prefix="clothes-attack-") as name:
        folder = Path(name)
        server = Server(folder)
        try:
            visitor, begun, over, sent = Visitor(server.url), context.Event(), context.Event(), context.SimpleQueue()
            found = [measure(server, folder)]
            attackers = context.Process(target=attack, args=(server.url, begun, over, sent), daemon=True)
            visit = threading.Thread(target=visitor.visit, args=(over,), daemon=True)
            attackers.start()
            begun.wait(120)
            visit.start()
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                time.sleep(1)
                found.append(measure(server, folder))
            over.set()
            counts = sent.get()
            attackers.join()
            visit.join()
        finally:
            server.stop()
        left = sum(path.is_file() for path in folder.rglob("*")) - 1  # without the log
    most = {key: max(found_then[key] for found_then in found) for key in found[0]}
    most["log bytes a minute"] = round(most["log bytes"] / max(1, seconds / 60))
    quantiles = statistics.quantiles(visitor.seconds, n=20) if len(visitor.seconds) > 1 else [0.0] * 19
    times = {"p50, s": quantiles[9], "p95, s": quantiles[18], "longest, s": max(visitor.seconds, default=0)}
    result = {
        "seconds": seconds,
        "sent": dict(counts),
        "the visitor met": dict(visitor.met),
        **{key: round(value, 2) for key, value in times.items()},
        "MB in each tenth": [found[i * (len(found) - 1) // 10]["MB"] for i in range(11)],
        "at the start": found[0],
        "at most": most,
        "at the end": found[-1],
        "files left after the page's end": left,
    }
    print(json.dumps(result, indent=1))
    is_bounded = all(most[key] <= bound for key, bound in BOUNDS.items()) and left == 0
    return int(not is_bounded or visitor.met["answered"] < 0.95 * visitor.met.total())


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=600)
    sys.exit(main(parser.parse_args().seconds))
