"""The server's connections: a request that arrives too slowly is ended, and a new visitor always gets a connection."""

import asyncio
import socket
from collections import Counter, OrderedDict
from contextlib import suppress
from typing import Any, ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

_MAX_CONNECTIONS = 1000
_MAX_HANDSHAKES = 256  # unfinished ones; more than the backlog
_PERIOD = 10  # seconds
_MIN_BYTES = 10_000  # of a request that is not whole yet, in each period


class Listener(socket.socket):
    """A listening socket that drops the oldest of too many connections that do not finish their TLS handshake."""

    handshakes: ClassVar[OrderedDict[int, socket.socket]] = OrderedDict()  # by descriptor

    def accept(self) -> tuple[socket.socket, Any]:
        connection, address = super().accept()
        self.handshakes.pop(connection.fileno(), None)  # of an earlier connection
        self.handshakes[connection.fileno()] = connection
        while len(self.handshakes) > _MAX_HANDSHAKES:
            _, oldest = self.handshakes.popitem(last=False)
            with suppress(OSError):
                oldest.shutdown(socket.SHUT_RDWR)
        return connection, address


class Connection(H11Protocol):
    """A connection that is closed if its request arrives too slowly, or to make room for a new one."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        Listener.handshakes.pop(transport.get_extra_info("socket").fileno(), None)
        self.since, self.host = self.loop.time(), self.client[0] if self.client else ""
        self.was_answered = False
        self._received = 0
        self._was_waiting = True
        self._watch = self.loop.call_later(_PERIOD, self._check_pace)
        self._make_room()

    def data_received(self, data: bytes) -> None:
        self._received += len(data)
        super().data_received(data)

    def on_response_complete(self) -> None:
        self._was_waiting = False
        self.since, self.was_answered = self.loop.time(), True
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._watch.cancel()
        super().connection_lost(exc)

    def _is_waiting(self) -> bool:
        """Whether the request is not whole yet."""
        return self.conn.their_state in (h11.IDLE, h11.SEND_BODY) and not self.flow.read_paused

    def _check_pace(self) -> None:
        is_waiting = self._is_waiting()
        if is_waiting and self._was_waiting and self._received < _MIN_BYTES:
            self.transport.abort()
        self._was_waiting, self._received = is_waiting, 0
        self._watch = self.loop.call_later(_PERIOD, self._check_pace)

    def _make_room(self) -> None:
        """Closes a twentieth of the connections if there are too many, of the address that has most.

        First those that have sent no whole request for a second, new ones before answered ones, then the oldest.
        """
        live: list[Any] = [other for other in self.connections if not other.transport.is_closing()]
        if len(live) <= (most := _max_connections()):
            return
        counts = Counter(other.host for other in live)
        live.sort(key=lambda other: (-counts[other.host], not other.is_late(), other.was_answered, other.since))
        for other in live[: len(live) - most + most // 20]:
            other.transport.abort()

    def is_late(self) -> bool:
        """Whether no whole request came for a second."""
        return self._is_waiting() and self.loop.time() - self.since > 1


def _max_connections() -> int:
    """The most connections at once: at most a third of the descriptors that this process may open."""
    with suppress(ImportError):  # Windows
        import resource

        return min(_MAX_CONNECTIONS, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 3)
    return _MAX_CONNECTIONS
