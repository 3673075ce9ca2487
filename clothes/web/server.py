"""Serves a page: opens its port, checks its certificate, limits what it takes of the machine, waits for Ctrl-C."""

import ctypes
import errno
import functools
import ipaddress
import os
import signal
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

import uvicorn
from starlette.types import ASGIApp
from uvicorn.lifespan.on import LifespanOn

from clothes.errors import ClothesError
from clothes.web.connections import Connection, Listener

DEFAULT_PORT = 7860
_LOG_CHARACTERS = 10_000  # a minute
_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8  # parameters of glibc's mallopt, from malloc.h


class Server(uvicorn.Server):
    """Serves an application in a thread of its own."""

    def __init__(self, app: ASGIApp, https: ssl.SSLContext | None) -> None:
        config = uvicorn.Config(
            app,
            http=Connection,
            ws="none",
            workers=1,  # whatever the environment says
            backlog=128,  # that many connections are accepted at once
            proxy_headers=bool(os.environ.get("FORWARDED_ALLOW_IPS")),  # uvicorn's list of the proxies to trust
            server_header=False,
            log_config=None,
            log_level="error",
            timeout_graceful_shutdown=2,
        )
        config.load()
        config.ssl = https
        config.lifespan_class = functools.partial(_Lifespan, self)  # type: ignore[assignment]
        super().__init__(config)
        self._has_ended = threading.Event()  # a thread whose `join` Ctrl-C interrupts counts as ended (bpo-45274)

    def start(self, listening: socket.socket) -> None:
        threading.Thread(target=self._run, args=(listening,), daemon=True).start()
        while not (self.started or self._has_ended.is_set()):
            time.sleep(0.01)

    def _run(self, listening: socket.socket) -> None:
        try:
            self.run([listening])
        finally:
            self._has_ended.set()

    def wait(self) -> None:
        while not self._has_ended.wait(0.5):  # on Windows only a wait that ends lets Ctrl-C through
            pass

    def close(self) -> None:
        self.should_exit = True
        self._has_ended.wait(10)


class _Lifespan(LifespanOn):
    """Closes the connections that still wait before the application ends: it removes the photos of their questions."""

    def __init__(self, server: Server, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._server = server

    async def shutdown(self) -> None:
        for connection in self._server.server_state.connections:
            connection.transport.abort()
        await super().shutdown()


def serve(
    page: Any,
    *,
    host: str = "127.0.0.1",
    port: int = DEFAULT_PORT,
    auth: tuple[str, str] | None = None,
    certificate: tuple[Path, Path] | None = None,
    on_ready: Callable[[str], None] = lambda url: None,
) -> None:
    """Serves a page until Ctrl-C or SIGTERM and calls `on_ready` with its address.

    `certificate` holds the PEM files of a certificate and its key, for https. Raises ClothesError if the page cannot be
    opened.
    """
    return_freed_memory()
    _allow_descriptors()
    https = {"ssl_certfile": str(certificate[0]), "ssl_keyfile": str(certificate[1])} if certificate else {}
    with _limited_stderr(), _interrupt_at_sigterm():
        _, url, _ = page.launch(server_name=host, server_port=port, auth=auth, prevent_thread_lock=True, **https)
        on_ready(url)
        page.block_thread()


class LimitedLog:
    """Passes on so many characters a minute, so that requests that fail cannot fill the disk with errors."""

    def __init__(self, log: TextIO, per_minute: int = _LOG_CHARACTERS) -> None:
        self._log, self._per_minute = log, per_minute
        self._minute, self._left = 0, 0

    def write(self, text: str) -> None:
        if (minute := int(time.monotonic() / 60)) != self._minute:
            self._minute, self._left = minute, self._per_minute
        if self._left > 0:
            self._log.write(text[: self._left])
            self._left -= len(text)
            if self._left <= 0:
                self._log.write("\nMore messages of this minute are left out.\n")
            self._log.flush()


@contextmanager
def _limited_stderr() -> Iterator[None]:
    """Limits stderr for the block by way of a pipe, as libraries in C write to the file descriptor: libtiff does."""

    def pass_on() -> None:
        with os.fdopen(reading, "rb", 0) as pipe, os.fdopen(os.dup(stderr), "w", errors="backslashreplace") as log:
            limited = LimitedLog(log)
            while data := pipe.read(65536):
                limited.write(data.decode(errors="replace"))

    stderr = os.dup(2)
    reading, writing = os.pipe()
    os.dup2(writing, 2)
    os.close(writing)
    thread = threading.Thread(target=pass_on, daemon=True)
    thread.start()
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(stderr, 2)  # ends the pipe
        thread.join(2)  # a child process may hold it open
        os.close(stderr)


@contextmanager
def _interrupt_at_sigterm() -> Iterator[None]:
    """Makes SIGTERM act like Ctrl-C for the block, so that the uploads are removed."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _allow_descriptors() -> None:
    """Raises this process's limit of open descriptors: 1,024 or 256 by default, less than the system allows."""
    with suppress(ImportError, OSError, ValueError):  # Windows has no such limit
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = 4096 if hard == resource.RLIM_INFINITY else min(hard, 4096)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))


def return_freed_memory() -> None:
    """Makes glibc return the memory of a decoded photo to the system.

    By default it keeps blocks of that size, for each thread.
    """
    if sys.platform == "linux":
        with suppress(AttributeError):  # another C library
            mallopt = ctypes.CDLL(None).mallopt
            mallopt(_M_MMAP_THRESHOLD, 1_000_000)
            mallopt(_M_ARENA_MAX, 2)


def require_password(host: str, auth: tuple[str, str] | None, act: str) -> None:
    """Raises ClothesError if anyone on the network could do this without a password."""
    if auth is None and opens_to_others(host):
        raise ClothesError(
            f"At {host} anyone on the network could {act}. Ask for a password with --auth USER:PASSWORD, or open the "
            "page to this machine alone: --host 127.0.0.1."
        )


def opens_to_others(host: str) -> bool:
    """Whether a page at this host can be reached from other machines."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        return not all(ipaddress.ip_address(address[0]).is_loopback for *_, address in found)
    except (OSError, ValueError):  # no such host: `serve` reports it
        return True


def address_for_others(url: str) -> str:
    """The address at which other machines reach a page that is open to the network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing, but chooses this machine's address
            return url.replace("localhost", probe.getsockname()[0])
        except OSError:
            return url.replace("localhost", socket.gethostname())


def page_url(host: str, listening: socket.socket, *, https: bool) -> str:
    """The address of a page for a browser on this machine."""
    return f"{'https' if https else 'http'}://{_name_of(host)}:{listening.getsockname()[1]}/"


def _name_of(host: str) -> str:
    return "localhost" if host == "0.0.0.0" else f"[{host}]" if ":" in host else host  # noqa: S104 - a comparison


def open_socket(host: str, port: int) -> socket.socket:
    """A socket at this port, or at a free one for 0. Raises ClothesError if a page cannot be opened there."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (socket.gaierror, UnicodeError):
        raise ClothesError(
            f"There is no host {host!r}. --host 127.0.0.1 opens the page to this machine, 0.0.0.0 to the network."
        ) from None
    listening = Listener(family, kind)
    if os.name == "posix":  # Windows would share a port that is taken
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(address)
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRINUSE:
            message = (
                f"Port {port} is taken, perhaps by a page that was opened before and goes on: look at "
                f"http://{_name_of(host)}:{port}. Nothing was changed. Take another with --port, or any free one with "
                "--port 0."
            )
        elif error.errno == errno.EACCES:
            message = f"This user may not open port {port}. Take one above 1023, such as --port {DEFAULT_PORT}."
        else:
            message = (
                f"The page cannot be opened at {host}, port {port}: {error.strerror}. --host takes an address of "
                "this machine: 127.0.0.1 for it alone, 0.0.0.0 for the network."
            )
        raise ClothesError(message) from None
    return listening


def https_context(certificate: str, key: str | None) -> ssl.SSLContext:
    """The settings for https with these PEM files. Raises ClothesError if they cannot be used."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(certificate, key, password="")
    except OSError as error:  # SSLError too
        raise ClothesError(
            f"{certificate} and {key} cannot be used for https: {error.strerror or error}. --ssl-certfile takes a "
            "certificate, --ssl-keyfile its key without a password, both PEM files."
        ) from None
    return context
