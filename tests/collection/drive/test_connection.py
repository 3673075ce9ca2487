"""Google Drive behind a proxy."""

from pathlib import Path

import pytest

pytest.importorskip("googleapiclient", reason="Google Drive needs the extra 'drive'")
pytest.importorskip("google_auth_oauthlib", reason="Google Drive needs the extra 'drive'")

from google.auth.credentials import AnonymousCredentials

from clothes.collection.drive import sync
from clothes.collection.drive.auth import service_credentials
from clothes.collection.drive.client import Drive
from clothes.errors import DriveError
from tests.support.drive import PHOTOS, counts, put
from tests.support.drive_server import DriveServer
from tests.support.proxy_server import ProxyServer


@pytest.fixture(autouse=True)
def _proxied(proxy: ProxyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)


def test_photos_and_sign_in_go_through_the_proxy(
    proxy: ProxyServer, server: DriveServer, key: Path, tmp_path: Path
) -> None:
    photos = put(tmp_path / "photos", PHOTOS)
    report = sync.push(photos, "photos", Drive(service_credentials("drive.file", key)))
    assert counts(report) == (len(PHOTOS), 0, 0, 0)
    assert set(proxy.asked) == {server.url.removeprefix("https://")}


def test_a_proxy_that_refuses_is_told(proxy: ProxyServer, server: DriveServer) -> None:
    proxy.refuse = 407
    with pytest.raises(DriveError, match=r"Google cannot be reached: the proxy 127\.0\.0\.1 answered 407"):
        Drive(AnonymousCredentials()).folder("photos")


def test_no_proxy_connects_directly(proxy: ProxyServer, server: DriveServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    assert Drive(AnonymousCredentials()).folder("photos") is None
    assert proxy.asked == []
