"""The page on a public address: a check for each kind of vulnerability in the advisories on Gradio, and some more.

Each check sends what an attacker would send to a real server with a password. Prints the number of checks.
"""

import asyncio
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from inspect import signature
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

import clothes
from clothes.web import PAGE_FOLDER, predict_page
from clothes.web.base_page import Page, safe_settings
from clothes.web.middleware import request_rules
from clothes.web.uploads import Uploads
from tests.support.hostile_visitor import (
    HOST,
    SECRET,
    Site,
    closed,
    foreign,
    no_redirect,
    not_looked_at,
    served_inert,
    signed_out,
    stays_inside,
    unread,
)
from tests.support.pictures import draw
from tests.support.served_page import served


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    secret = tmp_path_factory.mktemp("foreign") / "secret.txt"
    secret.write_text(SECRET)
    with ExitStack() as stack:
        url = stack.enter_context(served(predict_page.build_app(clothes.load()), auth=("me", "right")))
        found = Site(url, secret)
        stack.enter_context(found.out)
        stack.enter_context(found.me)
        yield found


def preflight(site: Site) -> None:
    for host in (HOST, "clothes.test"):  # also by a public name
        headers = {"origin": "https://elsewhere.test", "access-control-request-method": "POST", "host": host}
        answer = site.me.http.request("OPTIONS", "gradio_api/queue/join", headers=headers)
        assert answer.status_code == 404 and not [name for name in answer.headers if name.startswith("access-control")]


def malformed_names(site: Site) -> None:
    """A malformed host or origin, at which Gradio fails, is refused."""
    url = httpx.URL(site.url)
    for lines, status in (
        ("Origin: https://x.test\r\nSec-Fetch-Site: same-origin", 400),
        ("Host: [\r\nOrigin: https://x.test\r\nSec-Fetch-Site: same-origin", 400),
        ("Host: x\r\nOrigin: http://[", 403),
        ("Host: x\r\nOrigin: http://x:99999999", 403),
    ):
        with socket.create_connection((url.host, url.port), timeout=10) as connection:
            connection.sendall(f"GET /config HTTP/1.0\r\n{lines}\r\n\r\n".encode())
            assert connection.recv(100).split()[1] == str(status).encode(), lines


def rebound(site: Site) -> None:
    """A page with functions of its own refuses a foreign name that leads to this machine (DNS rebinding)."""

    async def statuses() -> list[int]:
        page = Starlette(
            routes=[Route("/config", lambda request: Response("the page"))],
            middleware=request_rules(Uploads(PAGE_FOLDER), local_names_only=True),
        )
        found = []
        transport = httpx.ASGITransport(page)
        async with httpx.AsyncClient(transport=transport) as visitor:
            for server, name in (
                ("127.0.0.1", "elsewhere.test"),
                ("[::1]", "localhost.elsewhere.test"),
                ("127.0.0.1", "localhost:7860"),
                ("127.0.0.1", "127.0.0.1:7860"),
                ("[::1]", "[::1]:7860"),
                ("192.0.2.1", "clothes.test"),
            ):
                answer = await visitor.get(f"http://{server}/config", headers={"host": name})
                found.append(answer.status_code)
        return found

    assert asyncio.run(statuses()) == [403, 403, 200, 200, 200, 200]


def forged_cookie(site: Site) -> None:
    names = [cookie.name for cookie in site.me.http.cookies.jar]
    for value in ("", "x", "a.b.c", "None", "me"):
        answer = httpx.get(f"{site.url}config", cookies=dict.fromkeys(names, value))
        assert answer.status_code == 401, value


def root_is_not_changed(site: Site) -> None:
    for name in ("x-forwarded-host", "host"):
        for path in ("config", "gradio_api/info", "gradio_api/info/"):
            site.get(path, headers={name: "elsewhere.test"})
    assert "elsewhere.test" not in site.get("config").text + site.get("").text + site.get("gradio_api/info").text
    assert site.get("config").headers["cache-control"] == "no-store"


def headers_are_there(site: Site) -> None:
    for path in ("", "config", "gradio_api/info", "nothing-here", "theme.css"):
        headers = site.get(path).headers
        assert headers["x-content-type-options"] == "nosniff", path
        assert "frame-ancestors 'self'" in headers["content-security-policy"], path
        assert "object-src 'none'" in headers["content-security-policy"]
        assert headers["referrer-policy"] == "same-origin"


def too_large(site: Site) -> None:
    assert site.upload("large.png", bytes(27_000_000)).status_code == 413
    assert site.post("gradio_api/call/predict", content=b"[" * 2_000_000).status_code == 413
    assert not list(PAGE_FOLDER.rglob("large.png"))


def bad_multipart(site: Site) -> None:
    for boundary, body in (("x", b"--x" + b"-" * 2_000_000), ("x" * 70, b"\r\n" * 500_000), ("", b"--\r\n")):
        kind = {"content-type": f"multipart/form-data; boundary={boundary}"}
        assert site.post("gradio_api/upload", content=body, headers=kind).status_code in (200, 400, 413)
    assert site.post("gradio_api/upload", content=b"x", headers={"content-type": "text/html"}).status_code == 400


def malformed_requests(site: Site) -> None:
    """No request gets HTTP 500."""
    for body in (
        b"",
        b"{",
        b"[" * 50_000,
        b"null",
        b"[]",
        b'{"data": 7}',
        b'{"data": [[[]]]}',
        b'{"data": [], "fn_index": 99}',
    ):
        for path in ("call/predict", "queue/join"):
            kind = {"content-type": "application/json"}
            answer = site.post(f"gradio_api/{path}", content=body, headers=kind)
            assert answer.status_code < 500, (path, body[:30], answer.text)
    for path in ("file=", "file=%00", "file=" + "a" * 5000):
        assert site.get(f"gradio_api/{path}").status_code < 500, path
    for path in ("?page=none", "static/" + "a" * 500):
        assert site.get(path).status_code == 400, path
    for name, value in (("host", "[v1.a]"), ("x-forwarded-host", "x:abc"), ("x-gradio-server", "http://x:abc")):
        assert site.get("config", headers={name: value}).status_code == 400, value


def ranges(site: Site) -> None:
    path = site.upload("photo.png", b"x" * 100).json()[0]
    for value in ("bytes=0-1-2", "bytes=5-", "bytes=-", "bytes=99999-0", "bytes=0-0," * 500):
        assert site.get(f"gradio_api/file={path}", headers={"range": value}).status_code == 200


def bombs(site: Site) -> None:
    from tests.support.pictures import png_header

    for data in (png_header(60_000, 60_000), png_header(9_000, 9_000), b"PK\x03\x04" + bytes(500)):
        kind, answer = site.me.call(site.me.upload(data))
        assert kind == "error" and answer["title"] in ("too-large", "not-a-photo")


def gone_after_the_answer(site: Site) -> None:
    folder = PAGE_FOLDER
    site.me.predict(_photo())
    with pytest.raises(AssertionError):
        site.me.predict(b"no photo")
    many = site.me.dependency("many")["id"]
    assert "photo.jpg" in site.me.join(many, [site.me.upload(_photo())])["data"][0]
    assert not list(folder.rglob("photo.jpg"))
    site.me.look(_photo())
    assert len(list(folder.rglob("photo.jpg"))) == 1  # until the browser has shown it


def others_answers(site: Site) -> None:
    """A visitor without the number of a question gets no answer to it."""
    event = site.ask(site.me.upload(_photo())["path"]).json()["event_id"]
    assert len(event) >= 32
    with suppress(httpx.RemoteProtocolError):  # Gradio breaks off
        assert "confidence" not in site.get(f"gradio_api/queue/data?session_hash={'0' * 11}").text
    assert "complete" in site.get(f"gradio_api/call/predict/{event}").text


def script_names(site: Site) -> None:
    many = site.me.dependency("many")["id"]
    shown = site.me.join(many, [site.me.upload(_photo(), "<img src=x onerror=alert(1)>.jpg")])["data"][0]
    assert "<img src=x" not in shown


def formulas(site: Site) -> None:
    many = site.me.dependency("many")["id"]
    made = site.me.join(many, [site.me.upload(_photo(), "=cmd.jpg")])["data"][1]["value"]
    text = site.get(f"gradio_api/file={made['path']}").text
    assert "\n'=cmd.jpg" in text.replace("\r", "")


def passwords_in_bulk(site: Site) -> None:
    """Runs last: afterwards this address may try once a minute."""
    statuses = []
    for number in range(60):
        answer = site.out.http.post("login", data={"username": "me", "password": f"wrong-{number}"})
        statuses.append(answer.status_code)
    assert statuses.count(400) <= 5 and statuses[-1] == 429
    assert int(answer.headers["retry-after"]) >= 30
    assert site.get("config").status_code == 200  # signed-in visitors stay


def _photo() -> bytes:
    from tests.support.pictures import encode

    return encode(draw("bar", 930), "PNG")


PREDICT = "gradio_api/call/predict"
URL = "http://127.0.0.1:9/x.png"
CHECKS: dict[str, Callable[[Site], None]] = {
    "CVE-2021-43831 files of the host by /file/": unread("file/SECRET", "file//etc/passwd", "gradio_api/file/SECRET"),
    "CVE-2022-24770 formulas in a CSV": formulas,
    "CVE-2023-25823 a key for everybody (share links)": lambda site: _never_shared(),
    "CVE-2023-34239 any file, any address": unread(
        "file=SECRET", "gradio_api/file=SECRET", "proxy=http://127.0.0.1:9/"
    ),
    "CVE-2023-41626 any upload": served_inert("shell.php", b"<?php system($_GET[0]); ?>"),
    "CVE-2023-51449 /file with ..": unread(
        "gradio_api/file=/tmp/../etc/passwd", "gradio_api/file=..%2f..%2fetc/passwd"
    ),
    "CVE-2024-0964 a path in JSON": not_looked_at("/etc/passwd", "SECRET"),
    "CVE-2024-10569 a bomb of zeros": bombs,
    "CVE-2024-10624 a slow pattern": lambda site: _quick(site, PREDICT, {"data": ["now" + " " * 500_000 + "x"]}),
    "CVE-2024-10648 a file emptied by its format": not_looked_at({"path": "SECRET", "format": "../x"}, ["SECRET"]),
    "CVE-2024-11031 a session of others'": others_answers,
    "CVE-2024-1183 requests to the inside by /file=": unread(f"gradio_api/file={URL}", f"gradio_api/file/{URL}"),
    "CVE-2024-12217 paths of NTFS streams": unread("gradio_api/file=C:/x.txt::$DATA", "gradio_api/file=SECRET::$DATA"),
    "CVE-2024-1561 /component_server": closed("component_server", "gradio_api/component_server", method="POST"),
    "CVE-2024-1727 other websites upload": foreign({"origin": "https://elsewhere.test"}),
    "CVE-2024-1728 a path of an upload button": not_looked_at("/proc/self/environ", "/dev/stdin", "../secret.txt"),
    "CVE-2024-1729 a password by its time": passwords_in_bulk,
    "CVE-2024-2206 /proxy=": closed(
        f"proxy={URL}", f"gradio_api/proxy={URL}", f"gradio_api/proxy=https%3a%2f%2f{HOST}"
    ),
    "CVE-2024-34510 credentials by UNC paths": not_looked_at("\\\\elsewhere.test\\share\\x.png", "//elsewhere.test/x"),
    "CVE-2024-34511 functions not for the network": closed("gradio_api/component_server/", method="POST"),
    "CVE-2024-39236 code in a component's metadata": closed(
        "gradio_api/vibe-edit", "gradio_api/vibe-code", method="POST"
    ),
    "CVE-2024-4325 requests to the inside by /queue/join": not_looked_at(
        URL, "https://[::1]/x.png", "file:///etc/passwd"
    ),
    "CVE-2024-47084 another origin with a cookie": foreign({"origin": f"http://{HOST}.elsewhere.test"}),
    "CVE-2024-47164 a folder beside the allowed one": lambda site: _beside(site),
    "CVE-2024-47165 the origin null": foreign({"origin": "null"}),
    "CVE-2024-47166 /custom_component": closed("gradio_api/custom_component/x/server/x/..%2f__init__.py"),
    "CVE-2024-47167 an address in place of a path": not_looked_at("http://169.254.169.254/latest", "ftp://127.0.0.1/x"),
    "CVE-2024-47168 /monitoring": closed("monitoring", "monitoring/summary", "monitoring/x", "gradio_api/monitoring"),
    "CVE-2024-47868 files by what a component gives back": not_looked_at(str(PAGE_FOLDER / ".." / "x"), "SECRET"),
    "CVE-2024-47869 a hash by its time": closed("gradio_api/profiling/traces", "gradio_api/profiling/summary"),
    "CVE-2024-47870 the root of the page, changed": root_is_not_changed,
    "CVE-2024-47872 SVG and HTML uploads": served_inert("x.svg", b"<svg xmlns='x' onload='alert(1)'/>"),
    "CVE-2024-47872 HTML": served_inert("x.html", b"<script>alert(1)</script>"),
    "CVE-2024-48052 requests by saving an address": not_looked_at("https://localhost/x.png", "http://0x7f000001/"),
    "CVE-2024-4940 open redirects": no_redirect("gradio_api/file=https://elsewhere.test/x", "//elsewhere.test/%2f.."),
    "CVE-2024-4941 a path among a component's values": not_looked_at(
        [{"path": "/etc/passwd"}], {"value": {"path": "/x"}}
    ),
    "CVE-2024-51751 a path in a File": lambda site: _many(site),
    "CVE-2024-8021 redirects by the login": no_redirect(
        "login?next=https://elsewhere.test", "logout?to=//elsewhere.test"
    ),
    "CVE-2024-8966 a boundary without end": bad_multipart,
    "CVE-2025-23042 another case of a blocked path": unread(
        "gradio_api/file=/ETC/passwd", "gradio_api/file=/eTc/../etc/passwd"
    ),
    "CVE-2025-48889 files copied by a flag": closed("gradio_api/run/flag", "gradio_api/api/flag", method="POST"),
    "CVE-2025-5320 origins that look local": foreign({"origin": "http://localhost@elsewhere.test"}),
    "CVE-2026-27167 OAuth that is a mock": closed("login/huggingface", "login/callback"),
    "CVE-2026-28414 absolute paths of Windows": unread(
        "static//etc/passwd", "assets//etc/passwd", "static/..%5c..%5cx"
    ),
    "CVE-2026-28415 redirects of OAuth": no_redirect(
        "logout?_target_url=https://elsewhere.test", "login/callback?_target_url=//elsewhere.test"
    ),
    "CVE-2026-28416 a list of proxies from outside": closed("gradio_api/proxy=https://elsewhere.hf.space/x"),
    "CVE-2026-48545 cookies by the proxy": closed("gradio_api/proxy=https://gradio-x.hf.space/cookie"),
    "CVE-2026-49119 FileExplorer": closed("gradio_api/component_server", method="POST"),
    "CVE-2026-59806 /gradio_api/file= of another server": unread("gradio_api/file=https://elsewhere.test/x"),
    "CVE-2026-134825 run history with a forged Host": closed(
        "runs", "gradio_api/runs", "gradio_api/run-history/buckets"
    ),
    "/run past the queue": closed("run/predict", "gradio_api/run/predict", "gradio_api/api/predict", method="POST"),
    "private events by name": closed("gradio_api/call/show", "gradio_api/call/predict_many", method="POST"),
    "events of others cancelled": closed("gradio_api/cancel", "gradio_api/reset", method="POST"),
    "developers' routes": closed("gradio_api/dev/reload", "docs", "redoc", "openapi.json", "gradio_api/openapi.json"),
    "links into a session": closed("gradio_api/deep_link?session_hash=x", "gradio_api/stream/x/0/1/playlist.m3u8"),
    "tokens": closed("gradio_api/token", "gradio_api/app_id/../token"),
    "without the password": signed_out("config", "gradio_api/info", "gradio_api/queue/data", "gradio_api/file=/x"),
    "without the password, questions": signed_out("gradio_api/upload", "gradio_api/call/predict", method="POST"),
    "forged sessions": forged_cookie,
    "other websites, by Sec-Fetch-Site": foreign({"sec-fetch-site": "cross-site"}),
    "preflight by another website": preflight,
    "malformed hosts and origins": malformed_names,
    "DNS rebinding": rebound,
    "headers": headers_are_there,
    "uploads over the limit": too_large,
    "names that leave the folder": stays_inside("../../../../tmp/evil.png"),
    "names with null bytes": stays_inside("..\\..\\evil\x00.png"),
    "script in a name": script_names,
    "ranges": ranges,
    "malformed requests": malformed_requests,
    "other methods": lambda site: _methods(site),
    "uploads removed after the answer": gone_after_the_answer,
}
LAST = "CVE-2024-1729 a password by its time"


def _never_shared() -> None:
    launch = signature(Page.launch).parameters
    assert launch["share"].default is False and safe_settings()["enable_monitoring"] is False


def _quick(site: Site, path: str, body: dict[str, Any]) -> None:
    assert site.post(path, json=body).status_code < 500  # within the client's timeout


def _beside(site: Site) -> None:
    beside = PAGE_FOLDER.with_name(f"{PAGE_FOLDER.name}-beside")
    beside.mkdir(exist_ok=True)
    (beside / "x.txt").write_text(SECRET)
    link = PAGE_FOLDER / "link.txt"
    link.symlink_to(site.secret)
    try:
        unread(f"gradio_api/file={beside}/x.txt", f"gradio_api/file={link}")(site)
        not_looked_at(f"{beside}/x.txt", str(link))(site)
    finally:
        link.unlink()


def _many(site: Site) -> None:
    event = site.me.dependency("many")["id"]
    photo = {"path": str(site.secret), "meta": {"_type": "gradio.FileData"}}
    body = {"fn_index": event, "data": [[photo]], "session_hash": site.me.session}
    assert site.post("gradio_api/queue/join", json=body).status_code == 403


def _methods(site: Site) -> None:
    for method in ("PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "PROPFIND"):
        for path in ("", "config", "gradio_api/upload"):
            assert site.me.http.request(method, path).status_code in (400, 404, 405), (method, path)


@pytest.mark.parametrize("name", [*(name for name in CHECKS if name != LAST), LAST])
def test_a_kind_of_vulnerability_is_closed(site: Site, name: str) -> None:
    CHECKS[name](site)


def test_the_documentation_gives_the_number_of_checks() -> None:
    known = {name.split()[0] for name in CHECKS if name.startswith("CVE-")}
    print(f"{len(CHECKS)} checks of the page, {len(known)} advisories")
    page = Path(__file__).parents[2] / "docs" / "reliability.md"
    if page.exists():
        row = re.search(r"\(`tests/web/test_middleware\.py`\) \| (\d+) \|", page.read_text(encoding="utf-8"))
        assert row and int(row[1]) == len(CHECKS)
