"""The server of the pages: its folder, its address, https, and when it needs a password."""

import asyncio
import inspect
import io
import os
import platform
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import gradio as gr
import httpx
import pytest
from starlette.concurrency import run_in_threadpool
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

import clothes
from clothes.web import base_page, connections, predict_page, server
from clothes.web.base_page import Page
from tests.support.served_page import served
from tests.support.waiting import wait_for


def test_an_address_that_cannot_be_opened_gets_advice(classifier: clothes.Classifier) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(clothes.ClothesError, match=f"Port {port} is taken.*--port 0"):
            predict_page.launch(classifier, port=port)
    for host in ("nonsense.invalid", "nonsense..invalid"):
        with pytest.raises(clothes.ClothesError, match=f"no host '{host}'.*--host 127.0.0.1"):
            predict_page.launch(classifier, host=host)
    with pytest.raises(clothes.ClothesError, match=r"cannot be opened at 192\.0\.2\.1.*--host takes an address"):
        predict_page.launch(classifier, host="192.0.2.1")


def test_a_privileged_port_gets_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", refuse)
    with pytest.raises(clothes.ClothesError, match=r"may not open port 80\. .*above 1023"):
        server.open_socket("127.0.0.1", 80)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0", "::1"])
def test_any_free_port(classifier: clothes.Classifier, monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    if host == "::1":
        try:
            socket.create_server((host, 0), family=socket.AF_INET6).close()
        except OSError:
            pytest.skip("no IPv6 here")
    monkeypatch.setattr(Page, "block_thread", Page.close)  # Ctrl-C at once
    seen = []
    predict_page.launch(classifier, host=host, port=0, on_ready=lambda url: seen.append(httpx.get(url).status_code))
    assert seen == [200]


def test_hosts_that_others_reach() -> None:
    for host in ("127.0.0.1", "localhost", "127.0.0.2", "::1", "127.1"):
        assert not server.opens_to_others(host), host
    for host in ("0.0.0.0", "::", "192.0.2.1", "nonsense.invalid", ""):
        assert server.opens_to_others(host), host


def test_the_address_for_others_is_not_local() -> None:
    url = server.address_for_others("http://localhost:7860/")
    assert url.startswith("http://") and url.endswith(":7860/")
    assert ("localhost" not in url and "127.0.0.1" not in url) or socket.gethostname() == "localhost"


def open_page(**options: str) -> Any:
    page = Page("review", title="Here", max_function=1)
    with page:
        gr.HTML("here")
    return served(page, **options)


def is_closed(connection: socket.socket) -> bool:
    """Whether the server has closed a connection."""
    connection.setblocking(False)
    try:
        return connection.recv(1000) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


@contextmanager
def piped(path: Path) -> Iterator[Path]:
    """A file that can be read once, as a shell's <(...) gives it."""
    if not Path("/dev/fd").exists():
        yield path
        return
    reading, writing = os.pipe()
    os.write(writing, path.read_bytes())
    os.close(writing)
    yield Path(f"/dev/fd/{reading}")
    os.close(reading)


def test_https_with_a_self_signed_certificate(
    certificate: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Page("review", title="Here") as app:
        gr.HTML("here")
    monkeypatch.setattr(Page, "block_thread", Page.close)  # Ctrl-C at once
    seen = []

    def look(url: str) -> None:
        seen.append((url.partition(":")[0], httpx.get(url, verify=False).status_code))

    given: dict[str, Any] = {"host": "127.0.0.1", "port": 0, "auth": None, "on_ready": look}
    server.serve(app, **given, certificate=certificate)
    with ExitStack() as pipes:
        server.serve(app, **given, certificate=tuple(pipes.enter_context(piped(path)) for path in certificate))
    assert seen == [("https", 200)] * 2
    for wrong in (certificate[::-1], (certificate[0], tmp_path / "none.pem")):
        with pytest.raises(clothes.ClothesError, match=r"cannot be used for https: .*--ssl-certfile"):
            server.serve(app, **given, certificate=wrong)


def test_unfinished_handshakes_keep_nobody_out(certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_MAX_HANDSHAKES", 10)
    with open_page(ssl_certfile=str(certificate[0]), ssl_keyfile=str(certificate[1])) as url, ExitStack() as stack:
        address = (httpx.URL(url).host, httpx.URL(url).port)
        silent = [stack.enter_context(socket.create_connection(address, timeout=30)) for _ in range(40)]
        assert httpx.get(url, verify=False).status_code == 200
        wait_for(lambda: sum(not is_closed(connection) for connection in silent) <= 10, seconds=30)
        assert not is_closed(silent[-1])


_DECODING = """
import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
import numpy as np
from PIL import Image
from clothes.photos import decode
from clothes.web import server
server.return_freed_memory()
small = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
file = io.BytesIO()
Image.fromarray(small).resize((4000, 3000)).save(file, "JPEG", quality=92)
with ThreadPoolExecutor(4) as threads:
    for _ in range(4):
        list(threads.map(lambda _: decode.read_square(file.getvalue(), 96).sum(), range(16)))
        status = Path("/proc/self/status").read_text(encoding="ascii")
        print(next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) // 1000)
"""


@pytest.mark.slow
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc keeps memory")
def test_memory_of_photos_goes_back_to_the_system() -> None:
    first, *later = map(int, subprocess.check_output([sys.executable, "-c", _DECODING], text=True).split())
    print(f"MB after 16 photos: {first}; after 32, 48 and 64: {later}")
    assert max(later) < first + 60  # 200 more without


# --- limits ---


def test_half_sent_requests_keep_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_MAX_CONNECTIONS", 20)
    heads = [
        b"",
        b"GET /config HTTP/1.1\r\nHost: localhost\r\n",
        b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000\r\n\r\nx",
    ]
    with open_page() as url, ExitStack() as stack:
        address = (httpx.URL(url).host, httpx.URL(url).port)
        opened = []
        for number in range(60):
            connection = stack.enter_context(socket.create_connection(address, timeout=30))
            connection.sendall(heads[number % 3])
            opened.append(connection)
            if number % 10 == 9:
                assert httpx.get(f"{url}config").status_code == 200
        wait_for(lambda: sum(not is_closed(connection) for connection in opened) <= 20, seconds=30)
        assert not is_closed(opened[-1])  # the oldest make room


def test_many_answers_keep_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_MAX_CONNECTIONS", 20)
    with open_page() as url, ExitStack() as stack:
        for number in range(60):
            visitor = stack.enter_context(httpx.Client(base_url=url))
            stream = stack.enter_context(visitor.stream("GET", f"gradio_api/heartbeat/{number}"))
            assert stream.status_code == 200
        assert httpx.get(f"{url}config").status_code == 200


def test_slow_requests_are_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_PERIOD", 0.2)
    with open_page(auth=("me", "right")) as url, ExitStack() as stack:
        address = (httpx.URL(url).host, httpx.URL(url).port)
        silent, half, slow = (stack.enter_context(socket.create_connection(address, timeout=30)) for _ in range(3))
        half.sendall(b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000\r\n\r\nx")
        slow.sendall(b"GET /config HTTP/1.1\r\n")
        stream = httpx.Client(base_url=url)
        stream.post("login", data={"username": "me", "password": "right"})
        answering = stack.enter_context(stream.stream("GET", "gradio_api/heartbeat/x"))

        def drip() -> bool:
            with suppress(OSError):
                slow.sendall(b"a: b\r\n")
            return all(map(is_closed, (silent, half, slow)))

        wait_for(drip, seconds=30)
        assert answering.status_code == 200 and not answering.is_closed  # a slow answer is none of these


def test_ctrl_c_lets_answers_end_before_the_application_does() -> None:
    """A photo is removed when the application ends, so no answer about it may follow."""
    ended = threading.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await run_in_threadpool(ended.wait, 1 if scope["path"] == "/short" else 60)
            await PlainTextResponse(f"ended: {ended.is_set()}")(scope, receive, send)
            return
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        ended.set()
        await asyncio.sleep(0.5)  # in which an answer could be sent
        await send({"type": "lifespan.shutdown.complete"})

    one = server.Server(app, None)
    listening = server.open_socket("127.0.0.1", 0)
    one.start(listening)
    url = server.page_url("127.0.0.1", listening, https=False)
    with ThreadPoolExecutor() as pool:
        short, long = (pool.submit(httpx.get, f"{url}{name}", timeout=30) for name in ("short", "long"))
        threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
        with pytest.raises(KeyboardInterrupt):
            one.wait()
        one.close()
        assert ended.is_set()
        assert short.result().text == "ended: False"
        with pytest.raises(httpx.TransportError):
            long.result()


def test_a_log_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server.time, "monotonic", lambda: minute * 60)
    out = io.StringIO()
    log = server.LimitedLog(out, per_minute=100)
    for minute in range(1, 4):
        for number in range(1000):
            log.write(f"{minute}: error {number}\n")
    assert len(out.getvalue()) < 3 * 160
    assert out.getvalue().count("More messages of this minute are left out.") == 3
    assert all(f"{minute}: error 0\n" in out.getvalue() for minute in range(1, 4))


def test_what_libraries_in_c_write_is_limited_too(capfd: pytest.CaptureFixture[str]) -> None:
    with server._limited_stderr():
        for number in range(2000):
            os.write(2, f"strip {number} is damaged\n".encode())
    os.write(2, b"after the page\n")
    written = capfd.readouterr().err
    assert len(written) < 11_000 and written.startswith("strip 0 is damaged\n")
    assert written.endswith("\nMore messages of this minute are left out.\nafter the page\n")


def test_an_address_for_everyone_is_asked_of_gradio(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []
    real = inspect.signature(base_page.networking.setup_tunnel)

    def tunnel(**options: Any) -> str:
        asked.append(real.bind(**options).arguments)
        return "https://some.gradio.live"

    monkeypatch.setattr(base_page.networking, "setup_tunnel", tunnel)
    page = Page("review", title="Here")
    with page:
        gr.HTML("here")
    _, url, public = page.launch(server_port=0, share=True, prevent_thread_lock=True)
    page.close()
    assert public == "https://some.gradio.live" and asked[0]["local_port"] == int(url.rstrip("/").rpartition(":")[2])
    assert len(asked[0]["share_token"]) >= 32


def test_a_page_opens_where_the_environment_says(
    classifier: clothes.Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    monkeypatch.setenv("GRADIO_SERVER_NAME", "0.0.0.0")
    monkeypatch.setenv("GRADIO_SERVER_PORT", str(port))
    page = clothes.build_app(classifier)
    try:
        page.launch(prevent_thread_lock=True)
        assert httpx.get(f"http://127.0.0.1:{port}/").status_code == 200
    finally:
        page.close()
    for odd in ("many", "65536", "-1", "1.5", "9" * 5000):
        monkeypatch.setenv("GRADIO_SERVER_PORT", odd)
        with pytest.raises(clothes.ClothesError, match=r"GRADIO_SERVER_PORT is .* Set it to a port from 0 to 65535"):
            page.launch(prevent_thread_lock=True)
