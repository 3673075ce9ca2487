"""The fixture `browser`: a headless Chromium with a camera that it draws. And what is wrong on a page."""

import os
import shutil
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--host-resolver-rules=MAP 192.0.2.7 127.0.0.1",  # as another machine's page: no live camera over plain http
]
_VIOLATIONS = """async () => {
    const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];
    const rules = { "target-size": { enabled: true } };
    const { violations } = await axe.run(document, { runOnly: tags, rules, resultTypes: ["violations"] });
    return violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html.slice(0, 120)}`));
}"""
_CUT_OFF = """() => {
    const scrolls = (part) =>
        part && (/auto|scroll/.test(getComputedStyle(part).overflowX) || scrolls(part.parentElement));
    return [...document.querySelectorAll(".gradio-container *")].filter((part) => {
        if (!part.checkVisibility() || part.closest(".visually-hidden")) return false;
        const { left, right, width } = part.getBoundingClientRect();
        if (width && (left < -1 || right > innerWidth + 1)) return !scrolls(part.parentElement);
        const { scrollWidth, clientWidth, scrollHeight, clientHeight } = part;
        if (part.matches("button, label, .cell span") && scrollWidth > clientWidth + 1) return clientWidth > 0;
        return part.matches(".cell span") && scrollHeight > clientHeight + 1;
    }).map((part) => `cut off: ${part.outerHTML.slice(0, 120)}`);
}"""


@pytest.fixture(scope="module")  # while it is open, this thread can run no other event loop
def browser() -> Iterator[Any]:
    """A headless Chromium. Skips the test without one, unless CLOTHES_REQUIRE_BROWSER is 1."""
    if os.environ.get("CLOTHES_REQUIRE_BROWSER") != "1":
        pytest.importorskip("playwright", reason="Playwright is not installed")
        if CHROMIUM is None:
            pytest.skip("no Chromium on this machine")
    from playwright.sync_api import sync_playwright

    assert CHROMIUM, "CLOTHES_REQUIRE_BROWSER is set, and there is no Chromium"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


def load_axe(page: Any) -> None:
    """Gives a page axe-core, for `violations`."""
    page.evaluate((files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8"))


def violations(page: Any) -> list[str]:
    """What of WCAG 2.2 AA a page violates, with the HTML."""
    return list(page.evaluate(_VIOLATIONS))


def cut_off(page: Any) -> list[str]:
    """The HTML of what reaches over the edge of the window, where nobody can scroll to it, or of its own box."""
    return list(page.evaluate(_CUT_OFF))
