"""The static page in a headless Chromium: pixels, answers, camera, many photos, offline, looks."""

import base64
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

import clothes
from clothes.exporting.source_bundle import Source
from clothes.exporting.to_web import to_web
from clothes.inference.bundle import Bundle, read_bundle
from clothes.inference.classifier import BUNDLED
from clothes.inference.confidence import percent
from clothes.photos import decode
from tests.support.pictures import draw, encode, jpeg, make_photos, photo, smooth
from tests.support.quick import OLD, train_quick
from tests.support.static_page import (
    IS_KEPT,
    REFUSE_CAMERA,
    STORED,
    axe,
    choose,
    download_table,
    give,
    opened,
    rows_of,
    static_host,
    violations,
)

pytestmark = pytest.mark.browser

SQUARES = """async (pictures) => {
    const { squareOf } = await import("./pixels.js");
    return pictures.map(([data, width, height, size]) => {
        const canvas = Object.assign(document.createElement("canvas"), { width, height });
        const bytes = Uint8ClampedArray.from(atob(data), (letter) => letter.charCodeAt(0));
        canvas.getContext("2d").putImageData(new ImageData(bytes, width, height), 0, 0);
        return [...squareOf(canvas, width, height, size)];
    });
}"""
SPACES = str.maketrans({"\u00a0": " "})


@pytest.fixture(scope="module")
def folder(runtime_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_page(read_bundle(OLD), runtime_folder, tmp_path_factory.mktemp("page"))


@pytest.fixture(scope="module")
def classifier() -> clothes.Classifier:
    return clothes.load(OLD)


@pytest.fixture
def url(folder: Path) -> Iterator[str]:
    with static_host(folder) as address:
        yield address


def make_page(bundle: Bundle, runtime_folder: Path, folder: Path) -> Path:
    """The page without its check."""
    to_web(Source(bundle, runtime=str(runtime_folder)), folder)
    return folder


def answer(page: Any) -> str:
    page.wait_for_selector(".bars")
    return str(page.inner_text(".verdict")).translate(SPACES)


def expect(prediction: clothes.Prediction) -> str:
    sure = percent(prediction.confidence)
    if prediction.known:
        return f"{prediction.label} {sure} sure"
    return f"Not sure Best guess: {prediction.label}, {sure}. Perhaps it is none of these."


def test_one_photo_is_not_many(browser: Any, url: str) -> None:
    with opened(browser, url) as page:
        said = page.evaluate(
            """async () => {
                const { WORDS } = await import("./own_words.js");
                const words = (await import("./words.js")).WORDS;
                return [
                    WORDS.accuracy("test", { accuracy: 1, interval: [0.2, 1], photos: 1 }),
                    words.table.done(0, 1), words.table.done(1, 1), words.table.done(2, 2),
                ];
            }"""
        )
    assert "of 1 test photo (" in said[0]
    assert said[1:] == ["0 of 1 photo", "1 photo", "2 photos"]


def test_pixels_are_those_of_the_decoder(browser: Any, url: str) -> None:
    rng = np.random.default_rng(0)
    sizes = [(28, 28), (29, 28), (56, 56), (57, 31), (113, 500), (500, 113), (640, 481), (1, 300), (5, 3)]
    asked, expected = [], []
    for width, height in [*sizes, *(tuple(rng.integers(20, 600, 2)) for _ in range(10))]:
        pixels = rng.integers(0, 256, (int(height), int(width), 3), dtype=np.uint8)
        opaque = np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)])
        asked.append([base64.b64encode(opaque.tobytes()).decode(), int(width), int(height), 28])
        expected.append(decode.letterbox(pixels, 28))
    with opened(browser, url) as page:
        found = page.evaluate(SQUARES, asked)
    for number, square in enumerate(expected):
        assert np.array_equal(np.array(found[number]).reshape(square.shape), square), asked[number][1:]


def odd_photos() -> dict[str, bytes]:
    """Photos whose pixels a careless reader gets wrong."""
    base = smooth(1)
    photos = {"plain.jpg": jpeg(base, 90), "gray.jpg": encode(base.convert("L"), "JPEG")}
    for orientation in range(2, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        photos[f"turned{orientation}.jpg"] = encode(base, "JPEG", quality=90, exif=exif.tobytes())
    shade = Image.linear_gradient("L").resize(base.size)
    clear = base.copy()
    clear.putalpha(shade)
    photos |= {"clear.png": encode(clear, "PNG"), "clear.webp": encode(clear, "WEBP", lossless=True)}
    photos["palette.png"] = encode(base.quantize(40), "PNG")
    photos["palette.gif"] = encode(base.quantize(40), "GIF")
    photos["16bit.png"] = encode(Image.fromarray(np.asarray(base.convert("L")).astype(np.uint16) * 257), "PNG")
    photos["bitmap.bmp"] = encode(base, "BMP")
    photos["progressive.jpg"] = encode(smooth(5, (1200, 900)), "JPEG", progressive=True)
    photos["large.jpg"] = encode(smooth(2, (4000, 3000)), "JPEG")
    red, green, blue = base.split()
    colourful = Image.merge("RGB", [red, green.point(lambda value: value // 3), blue])
    return photos | {"profile.png": encode(colourful, "PNG", icc_profile=_swapped_profile())}


def _swapped_profile() -> bytes:
    """A profile by which red is green: Pillow gives the values of the file, and so must the browser."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return srgb.replace(b"rXYZ", b"?XYZ").replace(b"gXYZ", b"rXYZ").replace(b"?XYZ", b"gXYZ")


@pytest.mark.slow
def test_odd_photos_are_answered_as_in_python(browser: Any, url: str, classifier: clothes.Classifier) -> None:
    photos = odd_photos()
    with opened(browser, url) as page:
        choose(page, *photos.items())
        head, *rows = rows_of(download_table(page))
    assert head == ["photo", "label", "confidence", "known", *classifier.classes, "problem"]
    for row, (name, data) in zip(rows, photos.items(), strict=True):
        expected = classifier.predict(data)
        assert row[0] == name and row[-1] == ""
        found = [float(cell) for cell in row[4:-1]]
        assert found == pytest.approx([expected.scores[label] for label in classifier.classes], abs=0.02), name


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sequential", "rejecting", "quick", "bundled"])
def test_every_kind_of_bundle_answers_and_is_not_sure_as_in_python(
    browser: Any, rejecting: Bundle, runtime_folder: Path, tmp_path: Path, kind: str
) -> None:
    bundles = {"sequential": lambda: read_bundle(OLD), "rejecting": lambda: rejecting}
    bundles["quick"] = lambda: train_quick(make_photos(tmp_path / "photos", each=20), tmp_path / "run").bundle
    bundles["bundled"] = lambda: read_bundle(BUNDLED)
    bundle = bundles[kind]()
    model = clothes.load(bundle.path)
    photos = [(f"{seed}.png", encode(draw(("bar", "frame", "square")[seed % 3], seed), "PNG")) for seed in range(15)]
    photos += [(f"noise{seed}.jpg", jpeg(smooth(seed), 90)) for seed in range(15)]
    with static_host(make_page(bundle, runtime_folder, _new(tmp_path / "page"))) as url, opened(browser, url) as page:
        choose(page, *photos)
        rows = rows_of(download_table(page))[1:]
        title = page.title()
    expected = [model.predict(data) for _, data in photos]
    assert [row[1] for row in rows] == [prediction.label for prediction in expected]
    assert [row[3] for row in rows] == [str(prediction.known).lower() for prediction in expected]
    assert [float(row[2]) for row in rows] == pytest.approx([found.confidence for found in expected], abs=0.02)
    if kind == "rejecting":
        assert {row[3] for row in rows} == {"true", "false"}
        assert title == 'What is it? · </title><b>"Böse" & Co</b>'


def _new(path: Path) -> Path:
    path.mkdir()
    return path


def test_a_photo_is_chosen_dropped_and_pasted(browser: Any, url: str, classifier: clothes.Classifier) -> None:
    with opened(browser, url) as page:
        assert "knows 3 kinds: bar, frame, square." in page.inner_text(".about")
        choose(page, ("a.png", photo(1)))
        assert answer(page) == expect(classifier.predict(photo(1)))
        assert page.locator(".bars li").count() == 3
        assert page.evaluate("document.querySelector('.box img').naturalWidth") == 40
        for kind, seed in (("drop", 2), ("paste", 3)):
            page.evaluate("document.querySelector('.bars').remove()")
            assert give(page, kind, ("a.png", photo(seed))) is False
            assert answer(page) == expect(classifier.predict(photo(seed)))
        choose(page, ("torn.jpg", jpeg(smooth(1), 90)[:300]))
        page.get_by_text("This photo cannot be used").wait_for()
        assert page.locator(".bars").count() == 0 and not page.locator(".box img").is_visible()


def test_many_photos_give_a_table_and_a_file(browser: Any, url: str, classifier: clothes.Classifier) -> None:
    photos = [(f"{seed}.png", photo(seed)) for seed in range(20)]
    photos += [("=1+1,2.png", photo(1)), ("notes.txt", b"no photo"), ("empty.jpg", b"")]
    with opened(browser, url) as page:
        choose(page, *photos)
        page.wait_for_selector("a[download]")
        assert page.locator("tbody tr").count() == 23 and page.inner_text(".status") == "23 photos"
        assert page.locator("tbody .problem").all_inner_texts() == ["cannot be read here"] * 2
        data = download_table(page)
        choose(page, ("a.png", photo(1)))  # ends the table
        page.wait_for_selector(".bars")
        assert page.locator("table").count() == 0
    rows = rows_of(data)
    assert [row[0] for row in rows[1:]] == [name for name, _ in photos]
    assert rows[1][1] == classifier.predict(photo(0)).label
    assert b'"\'=1+1,2.png"' in data and rows[-1][1:4] == ["", "", ""] and rows[-1][-1] == "not-a-photo"


def test_camera_answers_live_and_stops(browser: Any, url: str) -> None:
    with opened(browser, url) as page:
        page.get_by_role("button", name="Live camera").click()
        answer(page)
        assert page.evaluate("document.querySelector('video').videoWidth") > 0
        assert page.get_attribute(".answer", "aria-live") == "off"
        track = page.evaluate_handle("document.querySelector('video').srcObject.getTracks()[0]")
        give(page, "drop", ("a.png", photo(1)))
        page.wait_for_selector(".box img:not([hidden])")
        assert track.get_property("readyState").json_value() == "ended"
        assert not page.locator("video").is_visible() and page.get_attribute(".answer", "aria-live") == "polite"
        page.get_by_role("button", name="Live camera").click()
        answer(page)
        page.get_by_role("button", name="Stop camera").click()
        page.get_by_text("Show me a photo: the answer appears here.").wait_for()
        assert page.locator(".bars").count() == 0


def test_camera_that_is_refused_has_its_reason(browser: Any, url: str) -> None:
    with opened(browser, url) as page:
        page.evaluate(REFUSE_CAMERA)
        page.get_by_role("button", name="Live camera").click()
        page.get_by_text("No camera is connected.").wait_for()


def test_camera_that_is_taken_away_ends(browser: Any, url: str) -> None:
    with opened(browser, url) as page:
        page.get_by_role("button", name="Live camera").click()
        answer(page)
        page.evaluate("document.querySelector('video').srcObject.getTracks()[0].dispatchEvent(new Event('ended'))")
        page.get_by_text("The camera cannot be used").wait_for()
        assert page.get_by_role("button", name="Live camera").is_visible()
        assert page.locator(".bars").count() == 0 and not page.locator("video").is_visible()


def test_page_works_offline_after_the_first_visit(browser: Any, folder: Path, classifier: clothes.Classifier) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(60_000)
    with static_host(folder) as url:
        page.goto(url)
        page.wait_for_selector("body[data-ready]")
        page.wait_for_function(IS_KEPT)
    page.reload()
    page.wait_for_selector("body[data-ready]")
    choose(page, ("a.png", photo(4)))
    assert answer(page) == expect(classifier.predict(photo(4)))
    page.goto(f"{url}?from=home")
    page.wait_for_selector("body[data-ready]")
    context.close()


@pytest.mark.slow
def test_a_new_version_replaces_the_old_one(
    browser: Any, runtime_folder: Path, rejecting: Bundle, tmp_path: Path
) -> None:
    place = make_page(read_bundle(OLD), runtime_folder, _new(tmp_path / "page"))
    context = browser.new_context()
    with static_host(place) as url:
        page = context.new_page()
        page.goto(url)
        page.wait_for_function(IS_KEPT)
        for path in sorted(place.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        make_page(rejecting, runtime_folder, place)
        later = time.time() + 10  # the host tells changes by the second
        for path in place.rglob("*"):
            os.utime(path, (later, later))
        for _ in range(20):  # the first visit after the change gets the old version
            page.goto(url)
            page.wait_for_timeout(3000)  # a browser looks for a new one a second after a visit, if no other comes
            if "Böse" in page.title():
                break
        assert "Böse" in page.title()
        page.wait_for_selector("body[data-ready]")
        page.wait_for_function("async () => (await caches.keys()).length === 1")
    context.close()


def test_browser_keeps_no_photo(browser: Any, url: str, folder: Path) -> None:
    with opened(browser, url) as page:
        page.wait_for_function(IS_KEPT)
        choose(page, ("a.png", photo(1)))
        page.wait_for_selector(".bars")
        choose(page, ("a.png", photo(1)), ("b.png", photo(2)))
        page.wait_for_selector("a[download]")
        *others, kept = page.evaluate(STORED)
    assert others == [[], [], [], ""]
    own = {f"/{path.relative_to(folder).as_posix()}" for path in folder.rglob("*") if path.is_file()}
    assert kept == sorted(own - {"/service-worker.js"})


def test_phone_can_install_it(browser: Any, url: str) -> None:
    with opened(browser, url) as page:
        page.wait_for_function(IS_KEPT)
        problems = page.context.new_cdp_session(page).send("Page.getInstallabilityErrors")
    assert [found["errorId"] for found in problems["installabilityErrors"] if found["errorId"] != "in-incognito"] == []


@pytest.mark.slow
@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_looks(browser: Any, url: str, width: int, scheme: str) -> None:
    if not axe():
        pytest.skip("axe-core is not installed")
    look = {"viewport": {"width": width, "height": 800}, "color_scheme": scheme}
    long = f"{'a-very-long-name-' * 8}.png"
    with opened(browser, url, **look) as page:
        page.evaluate(axe())
        found = {"start": violations(page)}
        choose(page, ("a.png", photo(1)))
        answer(page)
        found["answer"] = violations(page)
        choose(page, (long, photo(1)), ("b.png", photo(2)), ("c.txt", b""))
        page.wait_for_selector("a[download]")
        found["many"] = violations(page)
        choose(page, ("torn.jpg", b""))
        page.wait_for_selector(".problem")
        found["problem"] = violations(page)
        page.get_by_role("button", name="Live camera").click()
        answer(page)
        found["live"] = violations(page)
    assert not {state: wrong for state, wrong in found.items() if wrong}
