"""A visitor who attacks the predict page, and checks that it refuses: each sends a request and reads the answer."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from clothes.web import PAGE_FOLDER
from tests.support.page_client import PageClient

SECRET = "a file that no visitor may read"
HOST = "127.0.0.1"


class Site:
    """The page and two visitors: `out` is not signed in, `me` is."""

    def __init__(self, url: str, secret: Path) -> None:
        self.url, self.secret = url, secret
        self.out = PageClient(url)
        self.me = PageClient(url)
        self.me.http.post("login", data={"username": "me", "password": "right"}).raise_for_status()

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.me.http.get(path, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        return self.me.http.post(path, **options)

    def ask(self, path: Any, **more: Any) -> httpx.Response:
        """The answer to a question whose photo has this path."""
        photo = {"path": path, "meta": {"_type": "gradio.FileData"}, **more}
        return self.post("gradio_api/call/predict", json={"data": [photo]})

    def upload(self, name: str, data: bytes) -> httpx.Response:
        return self.post("gradio_api/upload", files={"files": (name, data)})


def closed(*paths: str, method: str = "GET") -> Callable[[Site], None]:
    """These routes are closed, also for visitors who are signed in."""

    def check(site: Site) -> None:
        for path in paths:
            answer = site.me.http.request(method, path, json={} if method == "POST" else None)
            assert answer.status_code in (403, 404, 405), (path, answer.status_code)

    return check


def unread(*paths: str) -> Callable[[Site], None]:
    """These paths give no file; `SECRET` stands for a file outside the page's folder."""

    def check(site: Site) -> None:
        for path in paths:
            answer = site.get(path.replace("SECRET", str(site.secret)))
            assert answer.status_code in (400, 403, 404), (path, answer.status_code)
            assert SECRET not in answer.text and "root:" not in answer.text

    return check


def not_looked_at(*paths: Any) -> Callable[[Site], None]:
    def check(site: Site) -> None:
        for path in paths:
            answer = site.ask(str(site.secret) if path == "SECRET" else path)
            assert answer.status_code in (400, 403, 422), (path, answer.status_code)

    return check


def signed_out(*paths: str, method: str = "GET") -> Callable[[Site], None]:
    def check(site: Site) -> None:
        for path in paths:
            answer = site.out.http.request(method, path, json={"data": []} if method == "POST" else None)
            assert answer.status_code in (401, 403, 404, 422), (path, answer.status_code)

    return check


def foreign(headers: dict[str, str]) -> Callable[[Site], None]:
    """Another website's request is refused, and the answer tells it nothing."""

    def check(site: Site) -> None:
        for method, path in (("POST", "gradio_api/upload"), ("POST", "gradio_api/queue/join"), ("GET", "config")):
            answer = site.me.http.request(method, path, headers=headers)
            assert answer.status_code == 403, (path, answer.status_code)
            assert "confidence" not in answer.text

    return check


def served_inert(name: str, data: bytes) -> Callable[[Site], None]:
    """An upload with active content comes back as a download in a sandbox."""

    def check(site: Site) -> None:
        path = site.upload(name, data).json()[0]
        answer = site.get(f"gradio_api/file={path}")
        assert answer.headers["content-disposition"].startswith("attachment")
        assert answer.headers["content-type"].startswith("application/octet-stream")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in answer.headers["content-security-policy"]

    return check


def no_redirect(*paths: str, **headers: str) -> Callable[[Site], None]:
    def check(site: Site) -> None:
        for path in paths:
            answer = site.out.http.get(path, headers=headers, follow_redirects=False)
            assert "elsewhere.test" not in answer.headers.get("location", ""), path

    return check


def stays_inside(name: str) -> Callable[[Site], None]:
    """An upload of this name stays in the page's folder, or is refused."""

    def check(site: Site) -> None:
        answer = site.upload(name, b"x" * 50)
        assert answer.status_code in (200, 400)
        for path in answer.json() if answer.status_code == 200 else []:
            assert Path(path).resolve().is_relative_to(PAGE_FOLDER)
            assert ".." not in Path(path).parts

    return check
