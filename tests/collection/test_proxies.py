"""Downloads behind a proxy: they go through it, to the addresses that were checked and no other."""

import base64
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from clothes.collection import http_client
from clothes.collection import resumable_download as downloads
from clothes.collection.http_client import Fetcher, FetchLimits
from clothes.collection.proxies import find_proxy, proxy_urls
from clothes.collection.resumable_download import download
from clothes.errors import DownloadError
from tests.support.pictures import draw, encode
from tests.support.proxy_server import ProxyServer
from tests.support.web_server import OUTSIDE, Canary, Names, Server, inside, reply, running

PHOTO = encode(draw("bar", 0, size=(220, 240)), "PNG")
LIMITS = FetchLimits(pause=0, patience=2)


@pytest.fixture(autouse=True)
def _haste(proxy: ProxyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_client, "WAIT", 0.001)


@pytest.fixture
def server() -> Iterator[Server]:
    with running(Server()) as server:
        server.answers["photo.png"] = reply(PHOTO)
        yield server


def get(address: str, *, names: Names | None = None, checked: bool = True) -> bytes:
    with Fetcher(inside=inside if checked else None, find=names or Names(), limits=LIMITS) as fetch:
        return fetch.get(address)


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
@pytest.mark.parametrize("scheme", ["http://", ""])
def test_a_download_goes_through_the_proxy_to_the_checked_address(
    server: Server, proxy: ProxyServer, monkeypatch: pytest.MonkeyPatch, name: str, scheme: str
) -> None:
    monkeypatch.setenv(name, scheme + proxy.url.removeprefix("http://"))
    assert get(server.url("photo.png")) == PHOTO
    assert proxy.asked == [f"{OUTSIDE}:{server.server_port}"]
    assert server.headers[0]["Host"] == f"outside.test:{server.server_port}"


def test_a_proxy_leads_nowhere_inside(
    server: Server, proxy: ProxyServer, canary: Canary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy.url)
    for address in (
        f"http://127.0.0.1:{canary.port}/",
        f"http://localhost:{canary.port}/",
        f"http://[::1]:{canary.port}/",
        f"http://localhost.evil.test:{canary.port}/",
        f"http://mixed.test:{canary.port}/",
        server.url(f"to/http://127.0.0.1:{canary.port}/"),
        f"http://rebind.test:{server.server_port}/to/http://rebind.test:{canary.port}/",
    ):
        with pytest.raises(DownloadError, match=r"refused \(--allow-private allows it\)"):
            get(address)
    assert set(proxy.asked) == {f"{OUTSIDE}:{server.server_port}"}
    assert canary.hits == 0


def test_a_host_that_only_the_proxy_finds_needs_a_permission(
    server: Server, proxy: ProxyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy.url)

    def find_nothing(host: str, port: int) -> list[str]:
        raise DownloadError("its host cannot be found")

    with pytest.raises(DownloadError, match=r"its host cannot be found here, .* \(--allow-private leaves it to the"):
        Fetcher(inside=inside, find=find_nothing, limits=LIMITS).get(server.url("photo.png"))
    assert proxy.asked == []
    address = f"http://localhost:{server.server_port}/photo.png"
    with pytest.raises(DownloadError, match="502"):  # it listens elsewhere, but the proxy was asked by the name
        Fetcher(inside=None, find=find_nothing, limits=LIMITS).get(address)
    assert set(proxy.asked) == {f"localhost:{server.server_port}"}


def test_hosts_in_no_proxy_are_reached_directly(
    server: Server, proxy: ProxyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy.url)
    for hosts in ("outside.test", ".test", "*", f"outside.test:{server.server_port}", "::1, [::1], outside.test"):
        monkeypatch.setenv("NO_PROXY", hosts)
        assert get(server.url("photo.png")) == PHOTO
    assert proxy.asked == []


def test_a_password_signs_in_to_the_proxy_and_is_never_shown(
    server: Server, proxy: ProxyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy.url.replace("://", "://me:s%40crete@"))
    assert get(server.url("photo.png")) == PHOTO
    assert proxy.signed_in == [f"Basic {base64.b64encode(b'me:s@crete').decode()}"]
    assert "Proxy-Authorization" not in server.headers[0]
    for status, times in ((407, 1), (403, 1), (503, 5)):
        proxy.refuse, proxy.asked = status, []
        with pytest.raises(
            DownloadError, match=rf"the proxy 127\.0\.0\.1 answered {status} .* to a tunnel to"
        ) as caught:
            get(server.url("photo.png"))
        assert len(proxy.asked) == times
        assert "crete" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("socks5://127.0.0.1:1080", "a proxy of the kind socks5 cannot be used: set HTTPS_PROXY"),
        ("https://127.0.0.1:1080", "a proxy of the kind https cannot be used"),
        ("http://me:secret@:3128", "the address of the proxy cannot be read"),
        ("http://[::1:3128", "the address of the proxy cannot be read"),
        ("http://proxy:port", "the address of the proxy cannot be read"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_not_gone_around(
    server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, url: str, reason: str
) -> None:
    monkeypatch.setenv("ALL_PROXY", url)
    with pytest.raises(DownloadError, match=reason) as caught:
        get(server.url("photo.png"))
    assert "secret" not in str(caught.value)
    with pytest.raises(DownloadError):
        download(f"http://{OUTSIDE}:{server.server_port}/photo.png", tmp_path / "photo.png")
    assert not server.asked
    monkeypatch.setenv("NO_PROXY", "outside.test")
    assert get(server.url("photo.png")) == PHOTO


def test_a_socks_proxy_beside_an_http_one_is_not_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1080")
    for name in ("HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:3128")
    assert set(proxy_urls()) == {"http", "https"}
    proxy = find_proxy("https", "example.org", 443)
    assert proxy is not None and proxy.address == ("127.0.0.1", 3128)


@pytest.mark.parametrize("name", ["HTTP_PROXY", "ALL_PROXY"])
def test_data_sets_are_downloaded_through_the_proxy(
    server: Server, proxy: ProxyServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    monkeypatch.setenv(name, proxy.url)
    address = f"http://{OUTSIDE}:{server.server_port}/photo.png"
    download(address, tmp_path / "photo.png")
    assert (tmp_path / "photo.png").read_bytes() == PHOTO
    assert proxy.asked == [address]
    monkeypatch.setenv("NO_PROXY", OUTSIDE)
    download(address, tmp_path / "again.png")
    assert proxy.asked == [address]


def test_a_redirect_to_a_host_that_only_the_proxy_finds_stays_below_the_host_asked_for(
    server: Server, proxy: ProxyServer, canary: Canary, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy.url)

    def find_nothing(host: str, port: int) -> list[str]:
        raise DownloadError("its host cannot be found")

    monkeypatch.setattr(downloads, "resolve", find_nothing)
    asked = f"http://{OUTSIDE}:{server.server_port}/to/"
    download(asked + server.url("photo.png", OUTSIDE), tmp_path / "photo.png")
    assert (tmp_path / "photo.png").read_bytes() == PHOTO
    for place in (f"127.0.0.1:{canary.port}", f"x{OUTSIDE}", f"{OUTSIDE}.evil.test", "intranet"):
        proxy.asked = []
        with pytest.raises(DownloadError, match="which is no public web address"):
            download(f"{asked}http://{place}/", tmp_path / "other.png")
        assert proxy.asked == [f"{asked}http://{place}/"]
    assert canary.hits == 0


@pytest.mark.slow
def test_weights_are_downloaded_through_the_proxy(
    proxy: ProxyServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from keras.src.utils import file_utils

    from clothes.config import ModelConfig
    from clothes.models import pretrained
    from clothes.models.architectures import build_model

    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    monkeypatch.setattr(urllib.request, "_opener", None)  # urllib keeps the proxies of its first request
    monkeypatch.setattr(file_utils.config, "keras_home", lambda: str(tmp_path))
    proxy.refuse = 403
    config = ModelConfig("keras:MobileNet", image_size=32)
    with pytest.raises(DownloadError, match="could not be fetched"):
        pretrained.load_imagenet(build_model(config, classes=2), config)
    assert proxy.asked == ["storage.googleapis.com:443"]
