"""Servers on this machine for downloads: an outside that misbehaves, and an inside that must not be reached."""

import contextlib
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

from clothes.collection.ip_filter import resolve, why_inside

OUTSIDE = "127.0.0.2"  # which the tests take for the internet

Answer = bytes | Callable[["Handler"], None]


class Server(ThreadingHTTPServer):
    """Answers paths with bytes as they go over the wire, or by a function; what was asked is counted.

    /to/ADDRESS redirects to an address.
    """

    daemon_threads = True
    request_queue_size = 50

    def __init__(self, host: str = OUTSIDE) -> None:
        super().__init__((host, 0), Handler)
        self.answers: dict[str, Answer] = {}
        self.asked: Counter[str] = Counter()
        self.headers: list[dict[str, str]] = []
        self.lock = threading.Lock()

    def url(self, path: str, host: str = "outside.test") -> str:
        return f"http://{host}:{self.server_port}/{path}"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that has gone is what the tests are about."""


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the standard library
        """Quiet."""

    def do_GET(self) -> None:
        path = self.path.lstrip("/")
        with self.server.lock:
            self.server.asked[path] += 1
            self.server.headers.append(dict(self.headers.items()))
        if path.startswith("to/"):
            answer: Answer = reply(b"", status=302, Location=unquote(path[3:]))
        else:
            answer = self.server.answers.get(path, reply(b"", status=404))
        if isinstance(answer, bytes):
            self.wfile.write(answer)
        else:
            answer(self)


def reply(body: bytes, *, status: int = 200, **headers: str) -> bytes:
    """An answer as it goes over the wire."""
    about = {"Content-Length": str(len(body)), **{name.replace("_", "-"): value for name, value in headers.items()}}
    head = [f"HTTP/1.1 {status} X", *(f"{name}: {value}" for name, value in about.items() if value)]
    return "\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + body


def drip(start: bytes, piece: bytes, *, pause: float = 0.05) -> Callable[[Handler], None]:
    """Sends the start, and then pieces until the client has gone."""

    def answer(handler: Handler) -> None:
        handler.wfile.write(start)
        for _ in range(2000):
            handler.wfile.write(piece)
            time.sleep(pause)

    return answer


@contextlib.contextmanager
def running(server: Server) -> Iterator[Server]:
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


class Canary:
    """Listens on this machine's own addresses, and counts who comes."""

    def __init__(self) -> None:
        self.hits = 0
        self._sockets = [socket.create_server(("127.0.0.1", 0))]
        self.port = self._sockets[0].getsockname()[1]
        with contextlib.suppress(OSError):
            self._sockets.append(socket.create_server(("::1", self.port), family=socket.AF_INET6))
        for listening in self._sockets:
            threading.Thread(target=self._watch, args=(listening,), daemon=True).start()

    def _watch(self, listening: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                listening.accept()[0].close()
                self.hits += 1

    def close(self) -> None:
        for listening in self._sockets:
            listening.close()


class Names:
    """A name server: names outside, inside and both, and one whose second answer differs."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        again = self.asked.count(host) > 1
        known = {
            "outside.test": [OUTSIDE],
            "other.test": [OUTSIDE],
            "mixed.test": [OUTSIDE, "127.0.0.1"],
            "rebind.test": ["127.0.0.1"] if again else [OUTSIDE],
            "nothing.test": [],
            "localhost.evil.test": ["127.0.0.1"],
            "six.test": ["::1"],
            "mapped.test": ["::ffff:127.0.0.1"],
            "intranet.test": ["10.1.2.3"],
            "metadata.test": ["169.254.169.254"],
            "broadcast.test": ["255.255.255.255"],
        }
        return known[host] if host in known else resolve(host, port)


def inside(address: str) -> str:
    """The reason why an address is refused, or nothing."""
    return "" if address == OUTSIDE else why_inside(address)
