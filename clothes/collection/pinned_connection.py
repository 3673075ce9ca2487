"""A connection to given IP addresses. The host's name still counts for the certificate and the Host header."""

import http.client
import socket
import ssl
from contextlib import suppress

from clothes.collection.proxies import Proxy

SILENCE = 15  # seconds


class Connection(http.client.HTTPConnection):
    """A connection to checked IP addresses, whatever the host's name resolves to now."""

    def __init__(
        self, host: str, port: int, ips: list[str], proxy: Proxy | None, context: ssl.SSLContext | None
    ) -> None:
        super().__init__(host, port, timeout=SILENCE)
        self.default_port = http.client.HTTP_PORT if context is None else http.client.HTTPS_PORT
        self.was_cut = False
        self._ips = ips
        self._proxy = proxy
        self._context = context
        self._open: socket.socket | None = None

    def connect(self) -> None:
        problem = OSError("the host has no address")
        connect = self._proxy.tunnel if self._proxy else _connect
        for ip in self._ips[:3]:
            try:
                self._use(connect(ip, self.port, SILENCE))
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


def _connect(ip: str, port: int, seconds: float) -> socket.socket:
    return socket.create_connection((ip, port), seconds)
