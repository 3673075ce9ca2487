"""The predict page in a headless Chromium."""

import base64
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from clothes.inference.confidence import percent
from tests.support.pictures import draw

pytestmark = pytest.mark.browser


@pytest.fixture
def page(browser: Any, predict_url: str) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, permissions=["camera"])
    opened = context.new_page()
    opened.set_default_timeout(30_000)
    opened.goto(predict_url)
    opened.wait_for_selector("#photo input[type=file]", state="attached")
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


def test_the_browser_keeps_nothing(page: Any, tmp_path: Path) -> None:
    photo = tmp_path / "bar.png"
    draw("bar", 902).save(photo)
    page.set_input_files("#photo input[type=file]", str(photo))
    page.wait_for_selector(".bars")
    page.get_by_role("tab", name="Many photos").click()
    page.set_input_files("#many input[type=file]", str(photo))
    page.wait_for_function("document.querySelector('#table img')?.naturalWidth > 0")
    assert (
        page.evaluate(
            """async () => [Object.keys(localStorage), Object.keys(sessionStorage), await indexedDB.databases(),
            await navigator.serviceWorker.getRegistrations(), await caches.keys()]"""
        )
        == [[]] * 5
    )
    assert page.context.cookies() == []


@pytest.mark.slow
def test_one_click_shows_which_part_decided(page: Any, classifier: Any, tmp_path: Path) -> None:
    photo, bad = tmp_path / "bar.png", tmp_path / "bad.jpg"
    draw("bar", 902).save(photo)
    bad.write_bytes(b"")
    assert not page.get_by_role("button", name="Which part decided?").is_visible()
    page.set_input_files("#photo input[type=file]", str(photo))
    page.get_by_role("button", name="Which part decided?").click()
    page.wait_for_selector("#heatmap img")
    assert f"what supports {classifier.predict(photo).label}" in page.inner_text("#heatmap")
    assert page.evaluate("document.querySelector('#heatmap img').naturalWidth") > 300
    page.get_by_label("Remove Image").click()
    page.wait_for_selector("#answer .hint")
    assert not page.locator("#heatmap img").is_visible()
    page.set_input_files("#photo input[type=file]", str(bad))
    page.wait_for_selector("#answer .problem")
    assert not page.get_by_role("button", name="Which part decided?").is_visible()


@pytest.mark.slow
def test_the_webcam_takes_a_photo(page: Any) -> None:
    page.get_by_label("Capture from camera").click()
    page.get_by_text("Click to Access Webcam").click()
    # Gradio ignores the button until the camera's first frame is there, which takes seconds on a busy machine.
    page.wait_for_function("document.querySelector('#photo video')?.videoWidth > 0")
    page.get_by_label("capture photo").click()
    page.wait_for_selector(".bars")
    assert "sure" in page.inner_text(".answer")


@pytest.mark.slow
def test_photos_after_an_example_are_decoded_by_the_library(page: Any, classifier: Any, tmp_path: Path) -> None:
    page.locator(".gallery-item").first.click()
    page.wait_for_selector(".bars")
    photo = tmp_path / "clear.png"  # Gradio's decoder would put it on black, not on white
    Image.new("RGBA", (40, 48), (0, 0, 0, 0)).save(photo)
    page.set_input_files("#photo input[type=file]", str(photo))
    page.get_by_text(sure(classifier, photo)).wait_for()


DROP = """async ([data, selector]) => {
    const bytes = await (await fetch("data:image/png;base64," + data)).blob();
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File([bytes], "photo.png", { type: "image/png" }));
    const event = new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true });
    document.querySelector(selector).dispatchEvent(event);
    return event.defaultPrevented;
}"""
COPY = """async (data) => {
    const bytes = await (await fetch("data:image/png;base64," + data)).blob();
    await navigator.clipboard.write([new ClipboardItem({ "image/png": bytes })]);
}"""


def encode(shape: str) -> str:
    file = io.BytesIO()
    draw(shape, 906).save(file, "png")
    return base64.b64encode(file.getvalue()).decode()


def sure(classifier: Any, photo: str | Path) -> str:
    """The answer of the page to a photo (path or base64). Its number tells the photos of a test apart."""
    prediction = classifier.predict(photo if isinstance(photo, Path) else base64.b64decode(photo))
    return f"{prediction.label} {percent(prediction.confidence)} sure"


@pytest.mark.slow
@pytest.mark.parametrize("target", ["#photo .upload-container", "#head"])
def test_a_dropped_photo_is_answered(page: Any, classifier: Any, target: str) -> None:
    first, second = encode("bar"), encode("square")
    assert page.evaluate(DROP, [first, target])
    page.get_by_text(sure(classifier, first)).wait_for()
    assert page.evaluate(DROP, [second, "#photo img"])  # the browser would leave the page for it
    page.get_by_text(sure(classifier, second)).wait_for()


@pytest.mark.slow
def test_a_pasted_photo_is_answered(page: Any, classifier: Any) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    photo = encode("bar")
    page.evaluate(COPY, photo)
    page.get_by_label("Paste from clipboard").click()
    page.get_by_text(sure(classifier, photo)).wait_for()
    page.get_by_label("Remove Image").click()
    page.wait_for_selector("#answer .hint")
    page.keyboard.press("Control+v")
    page.get_by_text(sure(classifier, photo)).wait_for()
    other = encode("square")
    page.evaluate(COPY, other)
    page.keyboard.press("Control+v")
    page.get_by_text(sure(classifier, other)).wait_for()


@pytest.mark.slow
def test_many_photos_are_dropped_beside_their_box(page: Any) -> None:
    page.get_by_role("tab", name="Many photos").click()
    page.wait_for_selector("#many input[type=file]", state="attached")
    page.evaluate(DROP, [encode("bar"), "#head"])
    page.locator("#table").get_by_text("photo.png").wait_for()


@pytest.mark.slow
def test_a_text_file_named_jpg_is_refused_in_words(page: Any, tmp_path: Path) -> None:
    photo, text = tmp_path / "bar.png", tmp_path / "fake.jpg"
    draw("bar", 909).save(photo)
    text.write_text("<html>this is no photo</html>")
    page.set_input_files("#photo input[type=file]", str(photo))
    page.wait_for_selector(".bars")
    page.set_input_files("#photo input[type=file]", str(text))
    page.locator("#answer").get_by_text("this is not a picture of a known format").wait_for()
    assert page.locator(".bars").count() == 0
    assert "Traceback" not in page.content()


@pytest.mark.slow
def test_many_photos_give_a_table_and_a_csv(page: Any, classifier: Any, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.png", tmp_path / "bad.jpg"
    draw("square", 903).save(good)
    bad.write_bytes(b"")
    page.get_by_role("tab", name="Many photos").click()
    page.set_input_files("#many input[type=file]", [str(good), str(bad)])
    page.locator("#table").get_by_text("the file is empty").wait_for()
    assert classifier.predict(good).label in page.inner_text("#table")
    with page.expect_download() as download:
        page.get_by_text("Download as CSV").click()
    lines = Path(download.value.path()).read_text(encoding="utf-8-sig").splitlines()
    assert lines[0] == "photo,label,confidence,known,bar,frame,square,problem"
    assert len(lines) == 3


@pytest.mark.slow
def test_it_fits_a_phone(browser: Any, predict_url: str, tmp_path: Path) -> None:
    photo, bad = tmp_path / "frame.png", tmp_path / f"{'long_name_' * 8}.jpg"
    draw("frame", 904).save(photo)
    bad.write_bytes(b"")
    narrow = browser.new_page(viewport={"width": 390, "height": 844})
    narrow.goto(predict_url)
    narrow.wait_for_selector("#answer")
    narrow.set_input_files("#photo input[type=file]", str(photo))
    narrow.wait_for_selector(".bars")
    assert narrow.evaluate("document.documentElement.scrollWidth") <= 390
    narrow.get_by_role("tab", name="Many photos").click()
    narrow.set_input_files("#many input[type=file]", [str(photo), str(bad)])
    narrow.locator("#table").get_by_text("the file is empty").wait_for()
    assert narrow.evaluate("document.documentElement.scrollWidth") <= 390
    assert narrow.evaluate("document.querySelector('#table table').scrollWidth") <= 390
    narrow.close()


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_its_texts_have_enough_contrast(browser: Any, predict_url: str, tmp_path: Path, scheme: str) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"")
    opened = browser.new_page(color_scheme=scheme)
    opened.goto(predict_url)
    opened.wait_for_selector("#answer")

    def contrast(selector: str) -> float:
        """The contrast by WCAG 2, which asks for at least 4.5."""
        return opened.evaluate(
            """(selector) => {
                const style = (node) => getComputedStyle(node);
                const text = document.querySelector(selector);
                let ground = text;
                while (style(ground).backgroundColor === "rgba(0, 0, 0, 0)") ground = ground.parentElement;
                const light = (color) => color.match(/[0-9.]+/g).slice(0, 3).map((c) => c / 255)
                    .map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
                    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
                const [dark, bright] = [light(style(text).color), light(style(ground).backgroundColor)].sort();
                return (bright + 0.05) / (dark + 0.05);
            }""",
            selector,
        )

    assert min(map(contrast, ["#head p", "#about p", "#answer .hint", "footer button"])) >= 4.5
    opened.locator(".gallery-item").first.click()
    opened.wait_for_selector(".bars")
    assert min(map(contrast, [".answer small", ".bars li:last-child"])) >= 4.5
    opened.set_input_files("#photo input[type=file]", str(bad))
    opened.wait_for_selector("#answer .problem")
    assert contrast("#answer .problem") >= 4.5
    opened.close()
