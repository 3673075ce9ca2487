"""The studio's page on a free port, and what its script sends."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.support.served_page import served


@contextmanager
def served_studio(folder: Path, *, checks: bool = False, is_local: bool = True, **options: Any) -> Iterator[str]:
    """The address of the studio of a folder."""
    from clothes.web.studio_answers import Studio
    from clothes.web.studio_page import build_page
    from clothes.web.studio_phone import Phone
    from clothes.web.studio_projects import Desk

    desk = Desk(Studio(folder, checks=checks))
    with (
        Phone(lambda: build_page(desk), host="127.0.0.1") as phone,
        served(build_page(desk, phone if is_local else None), **options) as url,
    ):
        yield url


@contextmanager
def studio_client(folder: Path, **options: Any) -> Iterator[httpx.Client]:
    """A visitor of the studio of a folder."""
    with served_studio(folder, **options) as url, httpx.Client(base_url=f"{url}studio/", timeout=60) as client:
        yield client


def upload(client: httpx.Client, name: str, data: bytes, label: str = "", **more: str) -> httpx.Response:
    """Sends a file as the page does."""
    query = {"name": name, "label": label, "batch": "one"} | more
    return client.post("upload", params=query, content=data)


def edit(client: httpx.Client, what: str, **given: Any) -> httpx.Response:
    return client.post("edit", json={"do": what, **given})


def counts(client: httpx.Client) -> dict[str, int]:
    """The photos of each class, and of no class."""
    state = client.get("state").json()
    found = {found["name"]: found["photos"] for found in state["classes"]}
    return found | ({"": state["unsorted"]} if state["unsorted"] else {})


def ids(client: httpx.Client, label: str = "") -> list[str]:
    return [item["id"] for item in client.get("photos", params={"label": label}).json()["items"]]
