"""What the request rules bound: passwords, bodies before a sign-in, values of a question, messages in the log."""

import asyncio
import json
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.responses import PlainTextResponse

import clothes
from clothes.web import middleware, predict_page
from clothes.web.corrections import Inbox
from clothes.web.middleware import QUEUE_LENGTH, LoginLimit
from clothes.web.predict_page import build_app
from tests.support.page_client import PageClient
from tests.support.served_page import served, served_camera

LOGIN = {"username": "me", "password": "right"}


class Clock:
    """Time for the limit of passwords."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


class Login:
    """A limit of passwords before a page at this port whose password is "right"."""

    def __init__(self, port: int = 80) -> None:
        self.limit, self.port = LoginLimit(self.page), port

    async def page(self, scope: Any, receive: Any, send: Any) -> None:
        body = (await receive())["body"]
        await PlainTextResponse("", 200 if body == b"right" else 400)(scope, receive, send)

    def attempt(self, password: str, address: str = "192.0.2.1", cookie: str = "") -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.limit, client=(address, 1))
            async with httpx.AsyncClient(transport=transport, base_url=f"http://page:{self.port}") as client:
                return await client.post("/login", content=password, headers={"cookie": cookie} if cookie else {})

        return asyncio.run(ask())


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(middleware, "time", made)
    return made


def test_a_refused_password_does_not_make_others_wait_longer(clock: Clock) -> None:
    login = Login()
    assert [login.attempt("wrong").status_code for _ in range(6)] == [400] * 5 + [429]
    for _ in range(5):  # somebody tries every ten seconds, and is refused
        clock.now += 10
        refused = login.attempt("wrong")
        assert refused.status_code == 429
        left = int(refused.headers["retry-after"])
        assert f"Try again in {left} s." in refused.text
    assert 1060 <= clock.now + left <= 1061
    clock.now += left
    assert login.attempt("right").status_code == 200
    assert login.attempt("wrong").status_code == 400  # the count begins again


def test_the_told_wait_is_right_for_who_waits(clock: Clock) -> None:
    login = Login()
    for _ in range(20):
        answer = login.attempt("wrong")
        if answer.status_code == 429:
            clock.now += int(answer.headers["retry-after"])
            assert login.attempt("wrong").status_code == 400
    assert login.attempt("right", address="192.0.2.2").status_code == 200


def test_a_browser_that_has_signed_in_is_not_kept_out_by_others(clock: Clock) -> None:
    login = Login()
    cookie = login.attempt("right").headers["set-cookie"].partition(";")[0]
    for _ in range(60):
        clock.now += 1
        login.attempt("wrong")
    assert login.attempt("right").status_code == 429
    assert login.attempt("right", cookie=f"other=1; {cookie}").status_code == 200
    statuses = [login.attempt("wrong", cookie=cookie).status_code for _ in range(7)]
    assert statuses == [400] * 5 + [429] * 2  # it has a count of its own
    name = cookie.partition("=")[0]
    for forged in (f"{name}=", f"{name}=x", f"{name}=192.0.2.1", ";;=;"):
        assert login.attempt("right", cookie=forged).status_code == 429


def test_pages_at_two_ports_of_a_host_know_the_same_browser() -> None:
    pages = Login(7860), Login(7861)
    cookies = [page.attempt("right").headers["set-cookie"].partition(";")[0] for page in pages]
    assert cookies[0].partition("=")[0] != cookies[1].partition("=")[0]  # or the second would replace the first


def test_the_addresses_of_an_ipv6_network_count_as_one(clock: Clock) -> None:
    login = Login()
    statuses = [login.attempt("wrong", address=f"2001:db8::{number}").status_code for number in range(7)]
    assert statuses == [400] * 5 + [429] * 2
    by_a_socket_for_both = [login.attempt("wrong", address=f"::ffff:192.0.2.{number}") for number in range(7)]
    assert [answer.status_code for answer in by_a_socket_for_both] == [400] * 7


def test_who_signs_out_leaves_others_signed_in(tmp_path: Path) -> None:
    with served_camera(tmp_path, auth=("me", "right")) as url:
        one, other = httpx.Client(base_url=url), httpx.Client(base_url=url)
        for client in (one, other):
            client.post("login", data=LOGIN).raise_for_status()
        assert one.get("logout").status_code == 302
        assert [client.get("config").status_code for client in (one, other)] == [401, 200]


@pytest.mark.parametrize("is_trusted", [False, True])
def test_proxy_headers_are_believed_only_if_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_trusted: bool
) -> None:
    if is_trusted:
        monkeypatch.setenv("FORWARDED_ALLOW_IPS", "127.0.0.1")
    with served_camera(tmp_path, auth=("me", "right")) as url, httpx.Client(base_url=url) as client:
        statuses = []
        for number in range(8):
            address = f"198.51.100.{number}"
            headers = {"x-forwarded-for": address, "x-real-ip": address, "forwarded": f"for={address}"}
            answer = client.post("login", data=LOGIN | {"password": "wrong"}, headers=headers)
            statuses.append(answer.status_code)
        assert statuses == ([400] * 8 if is_trusted else [400] * 5 + [429] * 3)


@pytest.fixture(scope="module")
def site(classifier: clothes.Classifier, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A camera page with a password."""
    with served_camera(tmp_path_factory.mktemp("photos"), auth=("me", "right")) as url:
        yield url


@pytest.mark.parametrize("path", ["component_server", "component_server/", "upload", "queue/join", "call/predict"])
def test_no_body_is_read_before_the_sign_in(site: str, path: str) -> None:
    url = httpx.URL(site)
    with socket.create_connection((url.host, url.port), timeout=30) as connection:
        head = f"POST /gradio_api/{path} HTTP/1.1\r\nHost: {url.host}\r\nContent-Length: 33000000\r\n\r\n"
        connection.sendall(head.encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 401 ")


def test_questions_with_too_many_values_are_refused_before_they_are_parsed(site: str) -> None:
    with httpx.Client(base_url=site) as client:
        client.post("login", data=LOGIN).raise_for_status()
        for body in (
            b"[" + b"[]," * 30_000 + b"0]",
            b'{"data":[' + b"{}," * 10_001 + b"0]}",
            b"[" + b"7," * 30_000 + b"7]",
        ):
            for path in ("component_server", "queue/join"):
                answer = client.post(f"gradio_api/{path}", content=body)
                assert (answer.status_code, answer.json()["detail"]) == (400, "The request has too many values.")


def test_an_unknown_session_writes_no_traceback(
    predict_url: str, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with PageClient(predict_url) as client:
        for path in ("queue/data?session_hash=unknown", "call/predict/unknown", "heartbeat/unknown"):
            with client.http.stream("GET", f"gradio_api/{path}") as answer:
                if "heartbeat" not in path:
                    answer.read()
    assert "Traceback" not in capfd.readouterr().err + caplog.text


@pytest.mark.parametrize(
    "data", [[], [None], ["x"], [[]], [True], [{"path": "", "meta": 3}], [{"path": "", "size": "x"}]]
)
def test_a_question_that_no_page_asks_writes_no_traceback(
    predict_url: str, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture, data: list[Any]
) -> None:
    with PageClient(predict_url) as client:
        for event in client.http.get("config").json()["dependencies"]:
            client.join(event["id"], *data)
        unnamed = {"fn_index": 0, "data": [None], "session_hash": ""}
        assert client.http.post("gradio_api/queue/join", json=unnamed).status_code == 400
    assert "Traceback" not in capfd.readouterr().err + caplog.text


def test_a_page_that_keeps_photos_refuses_foreign_names(
    classifier: clothes.Classifier, inbox: Inbox, predict_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "")  # trusts no proxy
    foreign = {"host": "elsewhere.test"}
    with served(build_app(classifier, inbox=inbox)) as url:
        assert httpx.get(f"{url}config", headers=foreign).status_code == 403
        assert httpx.get(f"{url}config", headers={"host": "localhost:1"}).status_code == 200
    assert httpx.get(f"{predict_url}config", headers=foreign).status_code == 200  # it keeps nothing


def test_a_page_behind_a_proxy_knows_its_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As docs/guides/serve.md says: the proxy removes /clothes and speaks https."""
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "127.0.0.1")
    monkeypatch.setenv("GRADIO_ROOT_PATH", "/clothes")
    headers = {"host": "example.org", "x-forwarded-proto": "https", "origin": "https://example.org"}
    with served_camera(tmp_path) as url:
        for path in ("", "config"):
            assert '"root":"https://example.org/clothes"' in httpx.get(f"{url}{path}", headers=headers).text


def test_a_trusted_proxy_passes_on_foreign_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "127.0.0.1")
    with served_camera(tmp_path) as url:
        assert httpx.get(f"{url}config", headers={"host": "clothes.test"}).status_code == 200
        assert json.loads(httpx.get(f"{url}config").text)["title"].startswith("Take photos")


@pytest.mark.skipif(sys.platform != "linux", reason="needs a second address")
def test_an_address_gets_half_of_the_queue(classifier: clothes.Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()
    monkeypatch.setattr(predict_page.os, "cpu_count", lambda: 2)
    monkeypatch.setattr(predict_page.Answers, "show", lambda *_: go_on.wait() and 0)
    page = build_app(classifier)

    def ask(visitor: httpx.Client, number: int) -> int:
        question = {"fn_index": 0, "data": [None], "session_hash": f"{number}"}
        return visitor.post("gradio_api/queue/join", json=question).status_code

    with served(page) as url, httpx.Client(base_url=url) as one:
        statuses = [ask(one, number) for number in range(QUEUE_LENGTH + 9)]
        assert QUEUE_LENGTH // 2 <= statuses.count(200) < QUEUE_LENGTH and set(statuses[-9:]) == {503}
        with httpx.Client(base_url=url, transport=httpx.HTTPTransport(local_address="127.0.0.2")) as other:
            assert ask(other, 1000) == 200
        go_on.set()
