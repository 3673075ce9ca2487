"""An HTTP proxy on this machine: tunnels (CONNECT), and requests with whole addresses."""

import socket
import threading
import urllib.request
from contextlib import suppress
from http.client import HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class ProxyServer(ThreadingHTTPServer):
    """Lists what it is `asked` for and how its clients sign in; answers `refuse` if that is a status."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.asked: list[str] = []
        self.signed_in: list[str | None] = []
        self.refuse = 0

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that has gone is no fault."""


class Handler(BaseHTTPRequestHandler):
    server: ProxyServer

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the standard library
        """Quiet."""

    def begin(self) -> bool:
        self.server.asked.append(self.path)
        self.server.signed_in.append(self.headers.get("Proxy-Authorization"))
        if self.server.refuse:
            self.send_error(self.server.refuse)
        return not self.server.refuse

    def do_CONNECT(self) -> None:
        if not self.begin():
            return
        host, _, port = self.path.rpartition(":")
        try:
            far = socket.create_connection((host.strip("[]"), int(port)), 10)
        except OSError:
            self.send_error(502)
            return
        self.send_response(200)
        self.end_headers()
        with far:
            thread = threading.Thread(target=relay, args=(self.connection, far), daemon=True)
            thread.start()
            relay(far, self.connection)
            thread.join(10)
        self.close_connection = True

    def do_GET(self) -> None:
        if not self.begin():
            return
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _AsItIs)
        with opener.open(self.path, timeout=10) as answer:
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.read())
        self.close_connection = True


class _AsItIs(urllib.request.HTTPErrorProcessor):
    """Follows no redirect."""

    def http_response(self, request: object, response: HTTPResponse) -> HTTPResponse:
        return response


def relay(source: socket.socket, to: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(1 << 16):
            to.sendall(data)
    with suppress(OSError):
        to.shutdown(socket.SHUT_WR)
