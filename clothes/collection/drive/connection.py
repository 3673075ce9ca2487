"""Connections to Google that go through the proxy of the environment. httplib2 ignores it without another package."""

from typing import Any

import httplib2

from clothes.collection.proxies import find_proxy
from clothes.errors import DownloadError, DriveError


class Http(httplib2.Http):  # type: ignore[misc]
    """Sends requests of Google's client library."""

    def __init__(self) -> None:
        super().__init__(timeout=60, proxy_info=None)
        self.redirect_codes -= {308}  # Drive's status of an unfinished upload

    def request(self, uri: str, *args: Any, connection_type: Any = None, **options: Any) -> Any:
        return super().request(uri, *args, connection_type=connection_type or _Connection, **options)


class _Connection(httplib2.HTTPSConnectionWithTimeout):  # type: ignore[misc]
    def connect(self) -> None:
        try:
            if proxy := find_proxy("https", self.host, self.port):
                tunnel = proxy.tunnel(self.host, self.port, self.timeout)
                self.sock = self._context.wrap_socket(tunnel, server_hostname=self.host)
            else:
                super().connect()
        except DownloadError as error:
            raise DriveError(f"Google cannot be reached: {error}.") from None
