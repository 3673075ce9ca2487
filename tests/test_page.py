"""The page in a real headless Chromium."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import draw
from tests.test_app import server  # noqa: F401 - a fixture

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
]

pytestmark = pytest.mark.browser
if os.environ.get("CLOTHES_REQUIRE_BROWSER") != "1":
    pytest.importorskip("playwright", reason="Playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine", allow_module_level=True)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    assert CHROMIUM, "CLOTHES_REQUIRE_BROWSER is set, and there is no Chromium"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Any, server: str) -> Iterator[Any]:  # noqa: F811
    context = browser.new_context(viewport={"width": 1280, "height": 900}, permissions=["camera"])
    opened = context.new_page()
    opened.set_default_timeout(30_000)
    opened.goto(server)
    opened.wait_for_selector("#answer")
    yield opened
    context.close()


def test_a_person_uploads_a_photo_and_reads_the_answer(page: Any, classifier: Any, tmp_path: Path) -> None:
    photo = tmp_path / "bar.png"
    draw("bar", 902).save(photo)
    page.set_input_files("#photo input[type=file]", str(photo))
    page.wait_for_selector(".bars")
    expected = classifier.predict(photo)
    assert page.inner_text(".answer").startswith(expected.label)
    assert page.locator(".bars li").count() == 3
    assert page.locator(".bars li").first.inner_text().split("\n")[0].startswith(expected.label)


def test_the_webcam_takes_a_photo(page: Any) -> None:
    page.get_by_label("Capture from camera").click()
    page.get_by_text("Click to Access Webcam").click()
    # Gradio ignores the button until the camera's first frame is there, which takes seconds on a busy machine.
    page.wait_for_function("document.querySelector('#photo video')?.videoWidth > 0")
    page.get_by_label("capture photo").click()
    page.wait_for_selector(".bars")
    assert "sure" in page.inner_text(".answer")


def test_a_text_file_named_jpg_gets_a_sentence(page: Any, tmp_path: Path) -> None:
    path = tmp_path / "fake.jpg"
    path.write_text("<html>this is no photo</html>")
    page.set_input_files("#photo input[type=file]", str(path))
    message = page.get_by_text("this is not a picture of a known format")
    message.first.wait_for()
    assert "Traceback" not in page.content()


def test_many_photos_give_a_table_and_a_csv(page: Any, classifier: Any, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.png", tmp_path / "bad.jpg"
    draw("square", 903).save(good)
    bad.write_bytes(b"")
    page.get_by_role("tab", name="Many photos").click()
    page.set_input_files("#many input[type=file]", [str(good), str(bad)])
    page.locator("#table").get_by_text("the file is empty").locator("visible=true").first.wait_for()
    assert classifier.predict(good).label in page.inner_text("#table")
    with page.expect_download() as download:
        page.get_by_text("Download as CSV").click()
    lines = Path(download.value.path()).read_text(encoding="utf-8-sig").splitlines()
    assert lines[0] == "photo,label,confidence,bar,frame,square,problem"
    assert len(lines) == 3


def test_it_fits_a_phone(browser: Any, server: str, tmp_path: Path) -> None:  # noqa: F811
    photo = tmp_path / "frame.png"
    draw("frame", 904).save(photo)
    narrow = browser.new_page(viewport={"width": 390, "height": 844})
    narrow.goto(server)
    narrow.wait_for_selector("#answer")
    narrow.set_input_files("#photo input[type=file]", str(photo))
    narrow.wait_for_selector(".bars")
    assert narrow.evaluate("document.documentElement.scrollWidth") <= 390
    narrow.close()
