"""The table of the requests that a browser may send."""

import pytest

from clothes.web.allowed_routes import FUNCTIONS, ROUTES


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("HEAD", "/config"),
        ("GET", "/assets/index-1.js"),
        ("GET", "/gradio_api/file=/tmp/page/a photo.png"),
        ("GET", "/gradio_api/file=C:\\Temp\\page\\photo.png"),
        ("GET", "/gradio_api/queue/data/"),
        ("POST", "/login"),
        ("POST", "/gradio_api/upload"),
    ],
)
def test_needed_routes_are_open(method: str, path: str) -> None:
    assert sum(route.matches(method, path) for route in ROUTES) == 1


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/"),
        ("GET", "/login"),
        ("GET", "/assets/"),
        ("GET", "/assets/..\\x.js"),
        ("GET", "/gradio_api/heartbeat/a/b"),
        ("GET", "/gradio_api/call/predict"),
        ("POST", "/gradio_api/run/predict"),
        ("DELETE", "/config"),
        ("POST", FUNCTIONS.path),
    ],
)
def test_other_routes_are_closed(method: str, path: str) -> None:
    assert not any(route.matches(method, path) for route in ROUTES)


def test_functions_are_open_on_pages_that_have_some() -> None:
    assert FUNCTIONS.matches("POST", FUNCTIONS.path)
