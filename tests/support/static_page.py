"""A static web page of an export: its files on a plain server, and what a visitor does there."""

import base64
import functools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from typing import Any

from clothes.system.csv_files import read_csv

EVENT = """([kind, files]) => {
    const transfer = new DataTransfer();
    for (const [name, data] of files) {
        transfer.items.add(new File([Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0))], name));
    }
    const given = kind === "paste" ? new ClipboardEvent(kind, { clipboardData: transfer, cancelable: true })
        : new DragEvent(kind, { dataTransfer: transfer, cancelable: true });
    return document.dispatchEvent(given);
}"""
STORED = """async () => {
    const addresses = async (name) => (await (await caches.open(name)).keys()).map(({ url }) => new URL(url).pathname);
    const kept = await Promise.all((await caches.keys()).map(addresses));
    const others = [Object.keys(localStorage), Object.keys(sessionStorage), await indexedDB.databases()];
    return [...others, document.cookie, kept.flat().sort()];
}"""
REFUSE_CAMERA = """() => {
    navigator.mediaDevices.getUserMedia = async () => { throw new DOMException("", "NotFoundError"); };
}"""
HOLD = """async (data) => {
    const bitmap = await createImageBitmap(new Blob([Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0))]));
    if (!window.scene) {
        window.scene = Object.assign(document.createElement("canvas"), { width: bitmap.width, height: bitmap.height });
        navigator.mediaDevices.getUserMedia = async () => window.scene.captureStream();
        setInterval(() => window.scene.getContext("2d").drawImage(window.held, 0, 0), 30);
        window.shown = [];
        const answer = document.querySelector(".answer");
        new MutationObserver(() => window.shown.push(answer.innerText)).observe(answer, { childList: true });
    }
    window.held = bitmap;
    return window.shown.length;
}"""
IS_KEPT = "async () => (await navigator.serviceWorker.ready).active.state === 'activated'"


class _Handler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


class _Host(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A browser ends some of its requests."""


@contextmanager
def static_host(folder: Path) -> Iterator[str]:
    """The address of a host that only hands out files."""
    server = _Host(("127.0.0.1", 0), functools.partial(_Handler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def opened(browser: Any, url: str, **more: Any) -> Iterator[Any]:
    """The page, once it can answer. Fails on errors of its script, on what its policy refuses, and on other hosts."""
    context = browser.new_context(permissions=["camera"], **more)
    page = context.new_page()
    page.set_default_timeout(60_000)
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda line: wrong.append(line.text) if "Content Security Policy" in line.text else None)
    page.on("request", lambda sent: sent.url.startswith((url, "blob:")) or wrong.append(sent.url))
    page.goto(url)
    page.wait_for_selector("body[data-ready]")
    yield page
    context.close()
    assert not wrong


def give(page: Any, kind: str, *files: tuple[str, bytes]) -> bool:
    """Drops or pastes files anywhere on the page. Whether the browser would leave the page for them."""
    return bool(page.evaluate(EVENT, [kind, [(name, base64.b64encode(data).decode()) for name, data in files]]))


def choose(page: Any, *files: tuple[str, bytes]) -> None:
    page.set_input_files("input", [{"name": name, "mimeType": "", "buffer": data} for name, data in files])


def hold(page: Any, picture: bytes) -> int:
    """Holds a picture before the camera, which the first one replaces. How many answers were shown before."""
    return int(page.evaluate(HOLD, base64.b64encode(picture).decode()))


def shown(page: Any, since: int) -> list[str]:
    """The text of each answer that was shown since `hold` gave this number."""
    return list(page.evaluate("(since) => window.shown.slice(since)", since))


def download_table(page: Any) -> bytes:
    """The CSV file that the page offers."""
    with page.expect_download() as download:
        page.locator("a[download]").click()
    assert download.value.suggested_filename == "answers.csv"
    return Path(download.value.path()).read_bytes()


def rows_of(data: bytes) -> list[list[str]]:
    return [cells for _, cells in read_csv(data)]


def violations(page: Any) -> list[str]:
    """What axe-core finds, and whether the page is wider than the screen."""
    wrong = page.evaluate(
        """async () => (await axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa",
            "best-practice"], resultTypes: ["violations"] }))
            .violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html.slice(0, 120)}`))"""
    )
    if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
        wrong.append("wider than the screen")
    return list(wrong)


def axe() -> str:
    try:
        return (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
    except ModuleNotFoundError:
        return ""
