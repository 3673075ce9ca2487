"""The static page whose LiteRT.js comes from a CDN: which files, by which policy, and what it says without them."""

import shutil
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

import clothes
from clothes.exporting.source_bundle import Source
from clothes.exporting.to_web import to_web
from clothes.exporting.web_runtime import CDN_FOLDER, CDN_HOST, SCRIPT, WASM
from clothes.inference.bundle import read_bundle
from tests.support.browser import CHROMIUM, FLAGS
from tests.support.pictures import photo
from tests.support.quick import OLD
from tests.support.static_page import IS_KEPT, STORED, choose, static_host

pytestmark = pytest.mark.browser

FETCH = "async (url) => { try { await fetch(url); return 'loaded'; } catch (error) { return error.message; } }"
Answer = Callable[[Any], None]


@pytest.fixture(scope="module")
def cdn(runtime_folder: Path) -> dict[str, bytes]:
    """The files that the CDN gives, by address."""
    return {f"{CDN_FOLDER}/{name}": (runtime_folder / name).read_bytes() for name in (SCRIPT, WASM)}


@pytest.fixture(scope="module")
def url(cdn: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("page")
    to_web(Source(read_bundle(OLD), runtime="cdn"), folder)
    with static_host(folder) as address:
        yield address


@contextmanager
def visited(browser: Any, url: str, answer: Answer) -> Iterator[tuple[Any, list[str]]]:
    """The page, and what the browser says of its policy. Requests of the CDN are answered by `answer`."""
    context = browser.new_context(service_workers="block")  # its requests cannot be answered here
    page = context.new_page()
    page.set_default_timeout(60_000)
    refused: list[str] = []
    page.on("console", lambda line: refused.append(line.text) if "Content Security Policy" in line.text else None)
    page.route(f"{CDN_HOST}/**", answer)
    page.goto(url)
    yield page, refused
    context.close()


def give(route: Any, data: bytes) -> None:
    route.fulfill(body=data, headers={"access-control-allow-origin": "*"})


def test_page_loads_two_files_from_the_cdn_and_may_load_no_other(browser: Any, url: str, cdn: dict[str, bytes]) -> None:
    asked = []

    def answer(route: Any) -> None:
        asked.append(route.request.url)
        give(route, cdn[route.request.url])

    with visited(browser, url, answer) as (page, refused):
        page.wait_for_selector("body[data-ready]")
        choose(page, ("a.png", photo(1)))
        page.wait_for_selector(".bars")
        assert page.inner_text(".verdict").startswith(clothes.load(OLD).predict(photo(1)).label)
        assert sorted(asked) == sorted(cdn) and refused == []
        assert page.evaluate(FETCH, f"{CDN_HOST}/npm/other@1.0.0/index.js") == "Failed to fetch"
        assert any("connect-src" in line for line in refused)


@pytest.mark.parametrize("name", [SCRIPT, WASM])
@pytest.mark.parametrize("fault", ["out of reach", "missing", "changed"])
def test_page_says_which_file_of_the_cdn_it_lacks(
    browser: Any, url: str, cdn: dict[str, bytes], name: str, fault: str
) -> None:
    faults: dict[str, Answer] = {
        "out of reach": lambda route: route.abort(),
        "missing": lambda route: route.fulfill(status=404, headers={"access-control-allow-origin": "*"}),
        "changed": lambda route: give(route, cdn[route.request.url] + b"\n"),
    }

    def answer(route: Any) -> None:
        if route.request.url.endswith(name):
            faults[fault](route)
        else:
            give(route, cdn[route.request.url])

    with visited(browser, url, answer) as (page, _):
        page.wait_for_selector(".status.problem")
        said = page.inner_text(".status")
    assert said.startswith(f"The recogniser cannot start here: {CDN_FOLDER}/{name}") and "Check the network" in said


@contextmanager
def cdn_host(files: dict[str, bytes], place: Path) -> Iterator[int]:
    """The port of a host that gives the files over https, with a certificate of nobody."""
    key, certificate = place / "key.pem", place / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=cdn.jsdelivr.net"]
    subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            data = files[CDN_HOST + self.path]
            self.send_response(200)
            self.send_header("access-control-allow-origin", "*")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
def test_page_from_a_cdn_works_offline_after_the_first_visit(
    browser: Any, cdn: dict[str, bytes], tmp_path: Path
) -> None:
    folder = tmp_path / "page"
    folder.mkdir()
    to_web(Source(read_bundle(OLD), runtime="cdn"), folder)
    with cdn_host(cdn, tmp_path) as port:
        flags = [*FLAGS, f"--host-resolver-rules=MAP cdn.jsdelivr.net 127.0.0.1:{port}", "--ignore-certificate-errors"]
        chromium = browser.browser_type.launch(executable_path=CHROMIUM, args=flags)
        page = chromium.new_page()
        page.set_default_timeout(60_000)
        with static_host(folder) as url:
            page.goto(url)
            page.wait_for_function(IS_KEPT)
    page.reload()
    page.wait_for_selector("body[data-ready]")
    choose(page, ("a.png", photo(1)))
    page.wait_for_selector(".bars")
    *_, kept = page.evaluate(STORED)
    assert {address.removeprefix(CDN_HOST) for address in cdn} < set(kept)
    chromium.close()
