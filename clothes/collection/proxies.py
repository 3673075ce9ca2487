"""The proxies of the environment (HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY) or of the system, and tunnels to hosts.

A tunnel leads to the host or IP address that its caller names. So the caller can check an address before the proxy
connects to it, and TLS still checks the host's certificate.
"""

import base64
import http.client
import socket
import urllib.request
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from clothes.errors import DownloadError


@dataclass(frozen=True)
class Proxy:
    """An HTTP proxy: its address, and the header line that signs in to it, or nothing."""

    address: tuple[str, int]
    sign_in: str

    def tunnel(self, host: str, port: int, seconds: float | None) -> socket.socket:
        """Returns a connection to a host through the proxy. Raises OSError, or DownloadError if the proxy refuses."""
        opened = socket.create_connection(self.address, seconds)
        try:
            place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
            opened.sendall(f"CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n{self.sign_in}\r\n".encode())
            answer = http.client.HTTPResponse(opened, method="CONNECT")
            answer.begin()
            answer.close()
        except BaseException:
            opened.close()
            raise
        if answer.status == http.HTTPStatus.OK:
            return opened
        opened.close()
        kind = OSError if answer.status >= 500 else DownloadError
        raise kind(f"the proxy {self.address[0]} answered {answer.status} {answer.reason[:100]} to a tunnel to {place}")


def proxy_urls() -> dict[str, str]:
    """Returns the URLs of the proxies by scheme. ALL_PROXY counts for both. Raises DownloadError for unusable ones."""
    found = urllib.request.getproxies()
    urls = {scheme: found.get(scheme) or found.get("all") or "" for scheme in ("http", "https")}
    for url in filter(None, urls.values()):
        _parse(url)
    return {scheme: url for scheme, url in urls.items() if url}


def find_proxy(scheme: str, host: str, port: int) -> Proxy | None:
    """Returns the proxy for a host, or None to connect directly. Raises DownloadError if it cannot be used."""
    if urllib.request.proxy_bypass(f"{host}:{port}"):
        return None
    url = proxy_urls().get(scheme)
    return _parse(url) if url else None


def _parse(url: str) -> Proxy:
    kind = url.partition("://")[0].lower() if "://" in url else "http"
    if kind != "http":
        raise DownloadError(f"a proxy of the kind {kind[:10]} cannot be used: set HTTPS_PROXY to an http:// one")
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        address = parts.hostname or "", parts.port or 80
    except ValueError:
        address = "", 80
    if not address[0]:
        raise DownloadError("the address of the proxy cannot be read: set HTTPS_PROXY to one like http://proxy:3128")
    if parts.username is None:
        return Proxy(address, "")
    secret = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
    return Proxy(address, f"Proxy-Authorization: Basic {base64.b64encode(secret).decode()}\r\n")
