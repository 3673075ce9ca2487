"""Asks an exported page in a headless Chromium, as a visitor does: photos are chosen, and its CSV file is read."""

import functools
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from mimetypes import guess_type
from pathlib import Path
from typing import Any

from clothes.errors import ExportError
from clothes.system.csv_files import read_csv

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge", "msedge")
_PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
)
_FLAGS = (
    "--headless",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-default-browser-check",
    "--no-first-run",
)
_SECONDS, _SECONDS_PER_PHOTO = 300, 10  # of a page that answers, on a busy computer, too
_FIRST_SECONDS = 120  # until it asks for the page


def find_chromium() -> str | None:
    """Returns the path of a Chromium, Chrome or Edge, or None."""
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    return found or next((place for place in _PLACES if Path(place).is_file()), None)


def ask_page(chromium: str, folder: Path, photos: Sequence[bytes], remote: Mapping[str, bytes]) -> list[list[str]]:
    """Returns the rows of the CSV file that the page in `folder` makes of some photos, in their order.

    `remote` are files of other hosts by address, given in their place: the check needs no network. Raises ExportError.
    """
    with _Server(folder, photos, remote) as server, _opened(chromium, f"{server.url}/check.html") as process:
        started, limit = time.monotonic(), _SECONDS + _SECONDS_PER_PHOTO * len(photos)
        while not server.answered.wait(0.2):
            waited = time.monotonic() - started
            if process.poll() is not None or waited > (limit if server.asked else _FIRST_SECONDS):
                raise _failed("it ended" if process.poll() is not None else "it does not answer")
    if server.problem:
        raise _failed(server.problem)
    return [cells for _, cells in read_csv(server.answers)][1:]


def _failed(reason: str) -> ExportError:
    return ExportError(
        f"The page does not work in Chromium: {reason}. It is not kept. Please report this with `clothes info`."
    )


@contextmanager
def _opened(chromium: str, url: str) -> Iterator[subprocess.Popen[bytes]]:
    """Runs Chromium on an address, with a profile of its own, and ends it with all its processes."""
    with tempfile.TemporaryDirectory(prefix="clothes-", ignore_cleanup_errors=True) as profile:
        is_root = hasattr(os, "geteuid") and os.geteuid() == 0  # for whom Chromium has no sandbox
        flags = (*_FLAGS, *(("--no-sandbox",) if is_root else ()), f"--user-data-dir={profile}")
        process = subprocess.Popen(
            [chromium, *flags, url],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            with suppress(OSError):
                if sys.platform == "win32":
                    process.kill()
                else:
                    os.killpg(process.pid, signal.SIGKILL)
            process.wait()


class _Server:
    """Serves the check on this machine, below a secret path: photos are no business of other users."""

    def __init__(self, folder: Path, photos: Sequence[bytes], remote: Mapping[str, bytes]) -> None:
        self.answered = threading.Event()
        self.asked = False
        self.answers, self.problem = b"", ""
        self._folder, self._photos, self._remote = folder, photos, remote
        self._secret = secrets.token_urlsafe(16)
        self._http = _Host(("127.0.0.1", 0), functools.partial(_Handler, self))
        self.url = f"http://127.0.0.1:{self._http.server_port}/{self._secret}"

    def __enter__(self) -> "_Server":
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()

    def find(self, path: str) -> bytes | None:
        """Returns the content of an address, or None."""
        secret, _, name = path.partition("?")[0].lstrip("/").partition("/")
        if secret != self._secret:
            return None
        self.asked = True
        kind, _, rest = name.partition("/")
        if name == "photos.json":
            return json.dumps({"count": len(self._photos)}).encode()
        if kind == "photos":
            return self._photos[int(rest)]
        if kind == "remote":
            return next(data for number, data in enumerate(self._remote.values()) if str(number) == rest)
        if kind == "page":
            return self._localized((self._folder / rest).read_bytes())
        return (files("clothes.exporting") / "templates" / "web_check" / name).read_bytes()

    def _localized(self, data: bytes) -> bytes:
        for number, address in enumerate(self._remote):
            data = data.replace(address.encode(), f"{self.url}/remote/{number}".encode())
        return data

    def take(self, path: str, body: bytes) -> None:
        if path == f"/{self._secret}/answers":
            self.answers = body
        elif path == f"/{self._secret}/problem":
            self.problem = body.decode(errors="replace")[:300]
        else:
            return
        self.answered.set()


class _Host(ThreadingHTTPServer):
    def handle_error(self, *given: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # the browser is ended while it is answered
            super().handle_error(*given)


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, server: _Server, *given: object) -> None:
        self._check = server
        super().__init__(*given)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        try:
            data = self._check.find(self.path)
        except (OSError, ValueError, LookupError, StopIteration):
            data = None
        self._reply(404 if data is None else 200, data or b"", guess_type(self.path)[0])

    def do_POST(self) -> None:
        self._check.take(self.path, self.rfile.read(int(self.headers.get("content-length", 0))))
        self._reply(204, b"", None)

    def _reply(self, status: int, data: bytes, kind: str | None) -> None:
        self.send_response(status)
        self.send_header("content-type", kind or "application/octet-stream")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Says nothing: the terminal is the command's."""
