"""One web address -> bytes. Connects to checked public addresses only, within limits, and politely to each host.

It uses the standard library: a connection to a given IP address keeps the host's name for the certificate, and nothing
is unpacked or followed by itself. Proxies of the environment are not used, because they would choose the address.
"""

import http.client
import socket
import ssl
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from types import TracebackType
from urllib.parse import quote, urljoin, urlsplit

from clothes.collection.download import TRIES, WAIT
from clothes.collection.ip_filter import resolve, why_inside
from clothes.errors import DownloadError

_AGENT = "clothes (collects photos to learn from)"
_SILENCE = 15  # seconds
_LONGEST_ADDRESS = 2000  # characters
_REDIRECTS = (301, 302, 303, 307, 308)
_BUSY = (408, 425, 429)  # and from 500 on
_CHUNK = 1 << 16


@dataclass(frozen=True)
class Manners:
    """Limits of a download, and of the requests to a host."""

    bytes: int = 50_000_000
    seconds: float = 60  # in total, with redirects and retries, without waiting for its turn
    redirects: int = 5
    at_once: int = 2  # connections to one host
    pause: float = 0.1  # seconds between two requests to a host
    patience: float = 90  # longest wait in seconds that a host may ask for


class _BusyError(DownloadError):
    """The server is busy: try again after so many seconds."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


class _Host:
    def __init__(self, at_once: int) -> None:
        self.gate = threading.Semaphore(at_once)
        self.lock = threading.Lock()
        self.free_at = 0.0


class _Clock(AbstractContextManager["_Clock"]):
    """Counts the time inside its blocks."""

    def __init__(self, seconds: float) -> None:
        self._left = seconds
        self._since = 0.0

    def __enter__(self) -> "_Clock":
        self._since = time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        self._left = self.left

    @property
    def left(self) -> float:
        return self._left - (time.monotonic() - self._since)


class Fetcher(AbstractContextManager["Fetcher"]):
    """Downloads from many threads. `inside` tells why an IP address is refused, `find` resolves a host."""

    def __init__(
        self,
        *,
        inside: Callable[[str], str] = why_inside,
        find: Callable[[str, int], list[str]] = resolve,
        manners: Manners | None = None,
    ) -> None:
        self._inside = inside
        self._find = find
        self._manners = manners or Manners()
        self._hosts: dict[str, _Host] = defaultdict(lambda: _Host(self._manners.at_once))
        self._lock = threading.Lock()
        self._live: set[_Connection] = set()
        self._over = threading.Event()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stops the downloads of other threads."""
        self._over.set()
        with self._lock:
            for connection in self._live:
                connection.cut()

    def get(self, address: str) -> bytes:
        """Returns the bytes at a web address. Raises DownloadError with the rest of a sentence as its text."""
        clock = _Clock(self._manners.seconds)
        for failed in range(TRIES):
            try:
                return self._follow(address, clock)
            except _BusyError as busy:
                problem, wait = str(busy), WAIT * 2**failed if busy.wait is None else busy.wait
            if wait > self._manners.patience:
                raise DownloadError(f"{problem}, and asks to be left alone for {wait:,.0f} seconds: try again later")
            if failed + 1 < TRIES and self._over.wait(wait):
                break
        raise DownloadError(f"{problem}, {TRIES} times")

    def _follow(self, address: str, clock: "_Clock") -> bytes:
        for _ in range(self._manners.redirects + 1):
            found = self._ask(address, clock)
            if isinstance(found, bytes):
                return found
            address = urljoin(address, found)
        raise DownloadError(f"it leads on to another address more than {self._manners.redirects} times")

    def _ask(self, address: str, clock: "_Clock") -> bytes | str:
        """Returns the bytes at an address, or the address of a redirect."""
        secure, host, port, target = _parsed(address)
        with self._turn(host), clock:
            ips = self._find(host, port)
            for ip in ips:
                if reason := self._inside(ip):
                    raise DownloadError(f"{host} is {ip}, which {reason}: refused (--allow-private lets it in)")
            connection = _Connection(host, port, ips, ssl.create_default_context() if secure else None)
            late = threading.Timer(clock.left, connection.cut)
            with self._lock:
                self._live.add(connection)
            try:
                if clock.left <= 0 or self._over.is_set():
                    raise DownloadError(self._too_long())
                late.start()
                return self._read(connection, target)
            except ssl.SSLCertVerificationError as error:
                raise DownloadError(f"the certificate of {host} is not valid ({error.verify_message})") from None
            except (OSError, http.client.HTTPException, ValueError) as error:
                if connection.was_cut:
                    raise DownloadError(self._too_long()) from None
                what = getattr(error, "strerror", None) or str(error) or type(error).__name__
                raise _BusyError(f"the connection failed ({what})") from None
            finally:
                late.cancel()
                connection.close()
                with self._lock:
                    self._live.discard(connection)

    def _read(self, connection: "_Connection", target: str) -> bytes | str:
        headers = {"User-Agent": _AGENT, "Accept-Encoding": "identity", "Connection": "close"}
        connection.request("GET", target, headers=headers)
        with connection.getresponse() as answer:
            if answer.status in _REDIRECTS and (there := answer.headers.get("Location")):
                return there
            if answer.status != HTTPStatus.OK:
                reason = f"the server answered {_status(answer.status)}"
                if answer.status in _BUSY or answer.status >= 500:
                    raise _BusyError(reason, _retry_after(answer.headers.get("Retry-After")))
                raise DownloadError(reason)
            if answer.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
                raise DownloadError("the server sends it packed, which was not asked for")
            length, most = answer.length, self._manners.bytes
            body = bytearray()
            while len(body) <= most and (length or 0) <= most and (chunk := answer.read1(_CHUNK)):
                body += chunk
        if connection.was_cut:
            raise DownloadError(self._too_long())
        if max(len(body), length or 0) > most:
            raise DownloadError(f"it has more than the {most:,} bytes allowed")
        if length is not None and len(body) < length:
            raise _BusyError("the connection broke off")
        return bytes(body)

    def _too_long(self) -> str:
        return "stopped" if self._over.is_set() else f"it took longer than {self._manners.seconds:g} seconds"

    @contextmanager
    def _turn(self, host: str) -> Iterator[None]:
        """Waits until a host may be asked again: few requests at the same time, a pause between two."""
        with self._lock:
            place = self._hosts[host]
        with place.gate:
            with place.lock:
                now = time.monotonic()
                start = max(now, place.free_at)
                place.free_at = start + self._manners.pause
            if self._over.wait(start - now):
                raise DownloadError("stopped")
            try:
                yield
            except _BusyError as busy:  # the wait holds for all threads
                place.free_at = max(place.free_at, time.monotonic() + min(busy.wait or 0, self._manners.patience))
                raise


class _Connection(http.client.HTTPConnection):
    """A connection to checked IP addresses, whatever the host's name resolves to now."""

    def __init__(self, host: str, port: int, ips: list[str], context: ssl.SSLContext | None) -> None:
        super().__init__(host, port, timeout=_SILENCE)
        self.default_port = http.client.HTTP_PORT if context is None else http.client.HTTPS_PORT
        self.was_cut = False
        self._ips = ips
        self._context = context
        self._open: socket.socket | None = None

    def connect(self) -> None:
        problem = OSError("the host has no address")
        for ip in self._ips[:3]:
            try:
                self._use(socket.create_connection((ip, self.port), _SILENCE))
                break
            except OSError as error:
                problem = error
        else:
            raise problem
        if self._context is not None:
            secure = self._context.wrap_socket(self.sock, server_hostname=self.host, do_handshake_on_connect=False)
            self._use(secure)
            secure.do_handshake()

    def _use(self, opened: socket.socket) -> None:
        self.sock = self._open = opened
        if self.was_cut:
            opened.close()
            self._ips = []
            raise OSError("cut")

    def cut(self) -> None:
        """Closes the connection from another thread, also while it waits."""
        self.was_cut = True
        if self._open is not None:
            with suppress(OSError):
                socket.socket.shutdown(self._open, socket.SHUT_RDWR)  # SSLSocket's own shutdown is not thread-safe


def _parsed(address: str) -> tuple[bool, str, int, str]:
    """Splits an address into: is https, host in ASCII, port, path with query. Raises DownloadError."""
    if len(address) > _LONGEST_ADDRESS:
        raise DownloadError(f"the address is longer than {_LONGEST_ADDRESS:,} characters")
    if any(c <= " " or c in "\\\x7f" for c in address):
        raise DownloadError("the address holds a space, a backslash or what cannot be seen")
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
        if ":" not in host:
            host = host.encode("idna").decode("ascii")
    except ValueError:  # UnicodeError too
        raise DownloadError("this is no web address") from None
    if parts.scheme not in ("http", "https"):
        raise DownloadError("this is no web address: those begin with https:// or http://")
    if "@" in parts.netloc:
        raise DownloadError("the address holds a user's name or password, which would go on record")
    if not host or port == 0:
        raise DownloadError("this is no web address")
    safe = "/%:@!$&'()*+,;=~[]|"
    target = quote(parts.path or "/", safe) + (f"?{quote(parts.query, safe + '?')}" if parts.query else "")
    secure = parts.scheme == "https"
    return secure, host, port or (443 if secure else 80), target


def _status(code: int) -> str:
    try:
        return f"{code} {HTTPStatus(code).phrase}"
    except ValueError:
        return str(code)


def _retry_after(text: str | None) -> float | None:
    """Returns the seconds of a Retry-After header: a number or a date."""
    if not text:
        return None
    if text.strip().isdecimal():
        return float(text)
    with suppress(ValueError, TypeError):
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    return None
