"""One web address -> bytes. Connects to checked public addresses only, within limits, few requests to a host at once.

It uses the standard library: a connection to a given IP address keeps the host's name for the certificate, and nothing
is unpacked or followed by itself. A proxy is asked for a tunnel to the checked IP address, so it cannot choose another.
"""

import http.client
import re
import ssl
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from urllib.parse import quote, urljoin, urlsplit

from clothes.collection.ip_filter import resolve, why_inside
from clothes.collection.pinned_connection import Connection
from clothes.collection.proxies import Proxy, find_proxy
from clothes.collection.resumable_download import TRIES, WAIT
from clothes.errors import DownloadError
from clothes.system.terminal_text import plain

_AGENT = "clothes (collects photos to learn from)"
_LONGEST_ADDRESS = 2000  # characters
_REDIRECTS = (301, 302, 303, 307, 308)
_BUSY = (408, 425, 429)  # and from 500 on
_CHUNK = 1 << 16


@dataclass(frozen=True)
class FetchLimits:
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


@dataclass
class _Deadline:
    """When a download has to end. Waiting puts it off."""

    at: float  # by time.monotonic()


@dataclass
class _Host:
    gate: threading.Semaphore
    lock: threading.Lock = field(default_factory=threading.Lock)
    free_at: float = 0.0


class Fetcher(AbstractContextManager["Fetcher"]):
    """Downloads from many threads.

    `inside` tells why an IP address is refused; without it each is allowed, and a proxy may resolve the host. `find`
    resolves a host.
    """

    def __init__(
        self,
        *,
        inside: Callable[[str], str] | None = why_inside,
        find: Callable[[str, int], list[str]] = resolve,
        limits: FetchLimits | None = None,
    ) -> None:
        self._inside = inside
        self._find = find
        self._limits = limits or FetchLimits()
        self._hosts: dict[str, _Host] = defaultdict(lambda: _Host(threading.Semaphore(self._limits.at_once)))
        self._lock = threading.Lock()
        self._live: set[Connection] = set()
        self._stopped = threading.Event()

    def __exit__(self, *_: object) -> None:
        """Stops the downloads of other threads."""
        self._stopped.set()
        with self._lock:
            for connection in self._live:
                connection.cut()

    def get(self, address: str) -> bytes:
        """Returns the bytes at a web address.

        Whatever the server does, raises DownloadError alone; its text is the rest of a sentence.
        """
        deadline = _Deadline(time.monotonic() + self._limits.seconds)
        for failed in range(TRIES):
            try:
                return self._follow(address, deadline)
            except _BusyError as busy:
                problem, wait = str(busy), busy.wait if busy.wait is not None else WAIT * 2**failed
            except DownloadError:
                raise
            except Exception as error:  # of a library, at an answer that its authors did not expect
                raise DownloadError(f"it cannot be fetched ({type(error).__name__}: {str(error)[:200]})") from None
            if wait > self._limits.patience:
                raise DownloadError(f"{problem}, and asks to wait {wait:,.0f} seconds: try again later")
            deadline.at += wait
            if failed + 1 < TRIES and self._stopped.wait(wait):
                break
        raise DownloadError(f"{problem}, {TRIES} times")

    def _follow(self, address: str, deadline: _Deadline) -> bytes:
        for _ in range(self._limits.redirects + 1):
            found = self._ask(address, deadline)
            if isinstance(found, bytes):
                return found
            try:
                address = urljoin(address, found)
            except ValueError:
                raise DownloadError("it redirects to something that is no web address") from None
        raise DownloadError(f"it redirects more than {self._limits.redirects} times")

    def _ask(self, address: str, deadline: _Deadline) -> bytes | str:
        """Returns the bytes at an address, or the address of a redirect."""
        scheme, host, port, target = _parsed(address)
        with self._turn(host, deadline):
            proxy = find_proxy(scheme, host, port)
            ips = self._checked(host, port, proxy)
            connection = Connection(host, port, ips, proxy, ssl.create_default_context() if scheme == "https" else None)
            late = threading.Timer(max(0, deadline.at - time.monotonic()), connection.cut)
            with self._lock:
                self._live.add(connection)
            try:
                late.start()
                if self._stopped.is_set():
                    raise DownloadError(self._why_cut())
                return self._read(connection, target)
            except ssl.SSLCertVerificationError as error:
                raise DownloadError(f"the certificate of {host} is not valid ({error.verify_message})") from None
            except (OSError, http.client.HTTPException, ValueError) as error:
                if connection.was_cut:
                    raise DownloadError(self._why_cut()) from None
                what = getattr(error, "strerror", None) or str(error)[:200] or type(error).__name__
                raise _BusyError(f"the connection failed ({what})") from None
            finally:
                late.cancel()
                connection.close()
                with self._lock:
                    self._live.discard(connection)

    def _checked(self, host: str, port: int, proxy: Proxy | None) -> list[str]:
        """Returns the IP addresses of a host. Raises DownloadError if one is refused or, with a proxy, unknown."""
        if self._inside is None:
            return [host] if proxy else self._find(host, port)
        try:
            ips = self._find(host, port)
        except DownloadError as error:
            unchecked = f"{error} here, so that its address cannot be checked (--allow-private leaves it to the proxy)"
            raise DownloadError(unchecked) if proxy else error from None
        for ip in ips:
            if reason := self._inside(ip):
                found = ip if host == ip else f"{host} is {ip}, which"
                raise DownloadError(f"{found} {reason}: refused (--allow-private allows it)")
        return ips

    def _read(self, connection: Connection, target: str) -> bytes | str:
        headers = {"User-Agent": _AGENT, "Accept-Encoding": "identity", "Connection": "close"}
        connection.request("GET", target, headers=headers)
        with connection.getresponse() as answer:
            if answer.status in _REDIRECTS and (there := answer.headers.get("Location")):
                with suppress(UnicodeError):  # many servers send UTF-8, which is read as Latin-1
                    return there.encode("latin-1").decode()
                return there
            if answer.status != HTTPStatus.OK:
                reason = f"the server answered {_status(answer.status)}"
                if answer.status in _BUSY or answer.status >= 500:
                    raise _BusyError(reason, _retry_after(answer.headers.get("Retry-After", "")))
                raise DownloadError(reason)
            if answer.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
                raise DownloadError("the server sends it compressed, which was not requested")
            length, most = answer.length, self._limits.bytes
            body = bytearray()
            while len(body) <= most and (length or 0) <= most and (chunk := answer.read1(_CHUNK)):
                body += chunk
        if connection.was_cut:
            raise DownloadError(self._why_cut())
        if max(len(body), length or 0) > most:
            raise DownloadError(f"it has more than the {most:,} bytes allowed")
        if length is not None and len(body) < length:
            raise _BusyError("the connection broke off")
        return bytes(body)

    def _why_cut(self) -> str:
        return "stopped" if self._stopped.is_set() else f"it took longer than {self._limits.seconds:g} seconds"

    @contextmanager
    def _turn(self, host: str, deadline: _Deadline) -> Iterator[None]:
        """Waits until a host may be asked again: few requests at the same time, a pause between two."""
        began = time.monotonic()
        with self._lock:
            place = self._hosts[host]
        with place.gate:
            with place.lock:
                now = time.monotonic()
                start = max(now, place.free_at)
                if start - now > self._limits.patience:
                    raise DownloadError(f"{host} asks to wait {start - now:,.0f} seconds: try again later")
                place.free_at = start + self._limits.pause
            if self._stopped.wait(start - now):
                raise DownloadError("stopped")
            deadline.at += time.monotonic() - began
            try:
                yield
            except _BusyError as busy:  # the wait holds for all threads
                place.free_at = max(place.free_at, time.monotonic() + (busy.wait or 0))
                raise


def _parsed(address: str) -> tuple[str, str, int, str]:
    """Splits an address into scheme, host in ASCII, port, and path with query. Raises DownloadError."""
    if len(address) > _LONGEST_ADDRESS:
        raise DownloadError(f"the address is longer than {_LONGEST_ADDRESS:,} characters")
    if plain(address) != address or re.search(r"[ \\\ud800-\udfff]", address):
        raise DownloadError("the address contains a space, a backslash or an invisible character")
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
        if ":" not in host:
            host = host.encode("idna").decode("ascii")
    except ValueError:  # UnicodeError too
        raise DownloadError("this is no web address") from None
    if parts.scheme not in ("http", "https"):
        raise DownloadError("this is no web address: a web address begins with https:// or http://")
    if "@" in parts.netloc:
        raise DownloadError("the address contains a user name or password, which would be stored in sources.csv")
    if not host or port == 0:
        raise DownloadError("this is no web address")
    safe = "/%:@!$&'()*+,;=~[]|"
    target = quote(parts.path or "/", safe) + (f"?{quote(parts.query, safe + '?')}" if parts.query else "")
    return parts.scheme, host, port or (443 if parts.scheme == "https" else 80), target


def _status(code: int) -> str:
    try:
        return f"{code} {HTTPStatus(code).phrase}"
    except ValueError:
        return str(code)


def _retry_after(text: str) -> float | None:
    """Returns the seconds of a Retry-After header: a number or a date."""
    if text.strip().isdecimal():
        return min(float(text), 1e9)
    with suppress(ValueError, TypeError, ArithmeticError):
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    return None
