"""Fixtures for the tests of collecting."""

from collections.abc import Iterator

import pytest

from tests.support.proxy_server import ProxyServer
from tests.support.web_server import Canary, running


@pytest.fixture
def canary() -> Iterator[Canary]:
    canary = Canary()
    yield canary
    canary.close()


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[ProxyServer]:
    """A proxy, which no variable of the environment names yet."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    with running(ProxyServer()) as proxy:  # type: ignore[arg-type]
        yield proxy  # type: ignore[misc]
