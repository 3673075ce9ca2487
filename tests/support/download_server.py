"""A server on this machine whose transfers break off, lie and recover."""

import hashlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class DownloadServer(ThreadingHTTPServer):
    """Serves `files` by name; `faults` are used up one a request: "break", "503", "spoil", "no-range" or ""."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/"
        self.files: dict[str, bytes] = {}
        self.faults: list[str] = []
        self.asked: list[tuple[str, str | None]] = []  # name, Range
        self.says_length = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that has gone is what the tests are about."""


class Handler(BaseHTTPRequestHandler):
    server: DownloadServer
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the standard library
        """Quiet."""

    def do_GET(self) -> None:
        self.close_connection = True
        name, span = self.path.lstrip("/"), self.headers.get("Range")
        self.server.asked.append((name, span))
        fault = self.server.faults.pop(0) if self.server.faults else ""
        data = self.server.files.get(name)
        if data is None or fault == "503":
            self.send_error(404 if data is None else 503)
            return
        tag = f'"{hashlib.sha256(data).hexdigest()[:16]}"'
        ranged = span is not None and fault != "no-range" and self.headers.get("If-Range", tag) == tag
        start = int(span[6:-1]) if span and ranged else 0
        if start >= len(data):
            self.send_error(416)
            return
        body = data[start:]
        if fault == "spoil":
            body = body[:-1] + bytes([body[-1] ^ 1])
        sent = body[: len(body) // 2] if fault == "break" else body
        self.send_response(206 if start else 200)
        self.send_header("ETag", tag)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        if self.server.says_length:
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(sent)
        else:
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"%x\r\n%b\r\n" % (len(sent), sent) + (b"" if fault == "break" else b"0\r\n\r\n"))
