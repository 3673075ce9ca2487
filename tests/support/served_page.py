"""Serves a page on a free port of this machine, and calls its functions."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

import clothes


@contextmanager
def served(page: Any, **options: Any) -> Iterator[str]:
    """The address of a page that runs in this process."""
    _, url, _ = page.launch(server_port=0, prevent_thread_lock=True, **options)
    try:
        yield url
    finally:
        page.close()


@contextmanager
def served_camera(photos: Path, **options: Any) -> Iterator[str]:
    """The address of a camera page for a folder."""
    from clothes.web.camera_page import Camera, build_page

    with Camera(photos) as camera, served(build_page(camera), **options) as url:
        yield url


@pytest.fixture(scope="session")
def predict_url(classifier: clothes.Classifier) -> Iterator[str]:
    """The address of the predict page of the small classifier."""
    pytest.importorskip("gradio", reason="the page needs the extra 'serve'")
    from clothes.web.predict_page import build_app

    with served(build_app(classifier)) as url:
        yield url


def call_function(client: httpx.Client, name: str, given: Any, **headers: str) -> httpx.Response:
    """Calls a function of the camera page or of the review page as its script does."""
    parts = client.get("config").json().get("components", [])
    number = next((part["id"] for part in parts if part["props"].get("server_fns")), 0)
    body = {"data": given, "fn_name": name, "component_id": number, "session_hash": "some"}
    return client.post("gradio_api/component_server", json=body, headers=headers)
