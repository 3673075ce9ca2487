"""Connections to Google that go through the proxy of the environment. httplib2 ignores it without another package."""

import http.client
import zlib
from typing import Any

import httplib2

from clothes.collection.proxies import find_proxy
from clothes.errors import DownloadError, DriveError

MOST_BYTES = 64_000_000  # of an answer: a list of 1,000 files, or a piece of a file


class Http(httplib2.Http):  # type: ignore[misc]
    """Sends requests of Google's client library."""

    def __init__(self) -> None:
        super().__init__(timeout=60, proxy_info=None)
        self.redirect_codes -= {308}  # Drive's status of an unfinished upload

    def request(self, uri: str, *args: Any, connection_type: Any = None, **options: Any) -> Any:
        return super().request(uri, *args, connection_type=connection_type or _Connection, **options)


class _Answer(http.client.HTTPResponse):
    """An answer of limited length: httplib2 reads and unpacks without a limit."""

    def read(self, amt: int | None = None) -> bytes:
        data = super().read(MOST_BYTES + 1 if amt is None else amt)
        if self.headers.get("content-encoding") in ("gzip", "deflate"):
            del self.headers["content-encoding"]  # httplib2 unpacks no more
            try:
                data = zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(data, MOST_BYTES + 1)
            except zlib.error as error:
                raise ValueError(f"an answer cannot be unpacked: {error}") from None
        if len(data) > MOST_BYTES:
            raise ValueError(f"an answer has more than {MOST_BYTES:,} bytes")
        return data


class _Connection(httplib2.HTTPSConnectionWithTimeout):  # type: ignore[misc]
    response_class = _Answer

    def connect(self) -> None:
        try:
            if proxy := find_proxy("https", self.host, self.port):
                tunnel = proxy.tunnel(self.host, self.port, self.timeout)
                self.sock = self._context.wrap_socket(tunnel, server_hostname=self.host)
            else:
                super().connect()
        except DownloadError as error:
            raise DriveError(f"Google cannot be reached: {error}.") from None
