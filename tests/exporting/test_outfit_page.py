"""The static page of a bundle of outfits in a headless Chromium: its answers are those of Python, part by part."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import clothes
from clothes.exporting.drawn_outfits import draw_outfits
from clothes.exporting.outfit_to_web import outfit_to_web
from clothes.exporting.source_bundle import Source
from clothes.inference.bundle import read_bundle
from clothes.inference.confidence import percent
from clothes.outfits.colors import name_colors
from clothes.outfits.kinds import CLASSES, KINDS, UPPER
from clothes.outfits.regions import find_regions
from tests.support.outfits import draw_outfit, wearer, write_color_bundle
from tests.support.pictures import encode, jpeg, smooth
from tests.support.static_page import (
    IS_KEPT,
    REFUSE_CAMERA,
    STORED,
    axe,
    choose,
    download_table,
    give,
    hold,
    opened,
    rows_of,
    shown,
    static_host,
    violations,
)

pytestmark = pytest.mark.browser

NAME_COLORS = """async (asked) => {
    const colorsOf = await (await import("./colors.js")).readColors();
    return asked.map(colorsOf);
}"""
FIND_REGIONS = """async ([maps, about, least]) => {
    const { findRegions } = await import("./regions.js");
    return maps.map((planes) => findRegions(planes.map((plane) => Float32Array.from(plane)), about, least)
        .map(({ kind, box, area, strengths }) => [kind, box, area, [...strengths]]));
}"""
# What is drawn over the live picture: its name, whether it is as large, and its alpha at the shirt's left edge, in its
# middle, and at the edge of the pants.
BOXES = """() => {
    const [canvas, video] = [".box canvas", ".box video"].map((name) => document.querySelector(name));
    const sizes = [canvas, video].map((part) => JSON.stringify(part.getBoundingClientRect()));
    const alphas = (x, y) => canvas.getContext("2d").getImageData(x - 4, y, 9, 1).data.filter((_, at) => at % 4 === 3);
    const alpha = ([x, y]) => Math.max(...alphas(x, y));
    return [canvas.ariaLabel, sizes[0] === sizes[1], [[65, 160], [120, 160], [75, 280]].map(alpha)];
}"""
JACKET = [("outwear", (60, 70, 100, 230)), ("outwear", (140, 70, 180, 230))]


@pytest.fixture(scope="module")
def color_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_color_bundle(tmp_path_factory.mktemp("outfits") / "bundle")


@pytest.fixture(scope="module")
def parser(color_bundle: Path) -> clothes.OutfitParser:
    return clothes.load_outfit(color_bundle)


@pytest.fixture(scope="module")
def folder(color_bundle: Path, runtime_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("page")
    outfit_to_web(Source(read_bundle(color_bundle), runtime=str(runtime_folder)), place)
    return place


@pytest.fixture
def url(folder: Path) -> Iterator[str]:
    with static_host(folder) as address:
        yield address


def png(*parts: Any, **size: Any) -> bytes:
    return encode(draw_outfit(*parts, **size), "PNG")


def pictures() -> dict[str, bytes]:
    """Worn and over another, two people, far away, a pair of shoes, photos turned, clear, large, a wall, narrow."""
    small = Image.new("RGB", (900, 900), (127, 127, 127))
    small.paste(draw_outfit(*wearer()), (100, 60))
    turned = Image.Exif()
    turned[0x0112] = 6
    clear = draw_outfit(*wearer(), *JACKET).convert("RGBA")
    clear.putalpha(Image.linear_gradient("L").resize(clear.size).point(lambda value: 255 - value // 8))
    return {
        "worn.png": png(*wearer()),
        "over.png": png(*wearer(), *JACKET, ("bag", (20, 200, 60, 260))),
        "two.png": png(*wearer(-10), *wearer(260), size=(520, 360)),
        "far.png": encode(small, "PNG"),
        "shoes.png": png(("shoes", (30, 100, 90, 180)), ("shoes", (140, 110, 200, 190))),
        "turned.jpg": encode(
            draw_outfit(*wearer()).transpose(Image.Transpose.ROTATE_90), "JPEG", exif=turned.tobytes()
        ),
        "clear.png": encode(clear, "PNG"),
        "large.jpg": encode(draw_outfit(*wearer()).resize((2000, 3000)), "JPEG", quality=92),
        "wall.png": png(),
        "narrow.png": png(("pants", (0, 0, 25, 400)), size=(25, 400)),
    }


def test_answers_are_those_of_python(browser: Any, url: str, parser: clothes.OutfitParser) -> None:
    photos = pictures() | {f"drawn{number}.png": data for number, data in enumerate(draw_outfits(6))}
    with opened(browser, url) as page:
        choose(page, *photos.items(), ("notes.txt", b"no photo"))
        head, *rows = rows_of(download_table(page))
    assert head[3:6] == ["label", "confidence", "known"] and head[-3:] == ["colors", "hex", "problem"]
    assert rows.pop() == ["notes.txt", *[""] * (len(head) - 2), "not-a-photo"]
    wanted = {name: parser.garments(data) for name, data in photos.items()}
    assert [row[0] for row in rows] == [name for name, garments in wanted.items() for _ in garments or [None]]
    assert [len(garments) for garments in wanted.values()][:10] == [3, 5, 6, 3, 1, 3, 4, 3, 0, 1]
    garments = [garment for found in wanted.values() for garment in found or [None]]
    for row, garment in zip(rows, garments, strict=True):
        if garment is None:
            assert row[3:] == [""] * (len(head) - 3)
            continue
        assert row[3] == garment.label and row[5] == str(garment.known).lower(), row
        assert float(row[4]) == pytest.approx(garment.confidence, abs=0.001), row
        assert [int(cell) for cell in row[6:10]] == list(garment.box), row
        assert float(row[10]) == pytest.approx(garment.area, abs=0.001), row
        assert row[11].split("; ") == [color.name for color in garment.colors], row
        assert row[12].split("; ") == [color.hex for color in garment.colors], row


def test_regions_of_any_map_are_those_of_python(browser: Any, url: str) -> None:
    rng = np.random.default_rng(0)
    maps = []
    for number in range(12):  # patches of one class: many kinds side by side, with ragged edges
        patches = rng.integers(0, len(CLASSES), (4 + number, 4 + number))
        classes = np.kron(patches, np.ones((40 // len(patches) + 1,) * 2, int))[:40, :40]
        logits = 4 * (classes[..., None] == np.arange(len(CLASSES))) + rng.normal(0, 1, (40, 40, len(CLASSES)))
        shares = np.exp(logits)
        maps.append((shares / shares.sum(axis=-1, keepdims=True)).astype(np.float32))
    maps[0][..., 1:] = 0
    maps[0][..., 0] = 1
    about = {"classes": CLASSES, "kinds": KINDS, "upper": UPPER}
    planes = [cells.reshape(-1, len(CLASSES)).T.tolist() for cells in maps]
    with opened(browser, url) as page:
        found = page.evaluate(FIND_REGIONS, [planes, about, 0.003])
    counts = []
    for regions, cells in zip(found, maps, strict=True):
        expected = find_regions(cells, CLASSES, least=0.003)
        counts.append(len(expected))
        assert [kind for kind, *_ in regions] == [region.kind for region in expected]
        for (_, box, area, strengths), region in zip(regions, expected, strict=True):
            assert box == pytest.approx(region.box) and area == pytest.approx(region.area)
            assert strengths == pytest.approx(region.strengths, abs=1e-5)
    assert counts[0] == 0 and sum(counts) > 50


def test_colors_of_any_pixels_are_those_of_python(browser: Any, url: str) -> None:
    rng = np.random.default_rng(1)
    asked = [rng.integers(0, 256, (40, 3), np.uint8), np.full((5, 3), 200, np.uint8), np.zeros((0, 3), np.uint8)]
    for _ in range(30):  # two colours in light that changes, as on a striped shirt with folds
        colors = rng.uniform(0, 255, (2, 3))
        count = int(rng.integers(20, 5000))
        light = rng.uniform(0.4, 1, (count, 1)) * colors[(rng.random(count) < rng.uniform(0.1, 0.9)).astype(int)]
        asked.append((light + rng.normal(0, 3, light.shape)).clip(0, 255).astype(np.uint8))
    with opened(browser, url) as page:
        found = page.evaluate(NAME_COLORS, [pixels.tolist() for pixels in asked])
    for colors, pixels in zip(found, asked, strict=True):
        expected = [(color.name, color.hex, color.share) for color in name_colors(pixels)]
        assert [(color["name"], color["hex"], color["share"]) for color in colors] == expected


def test_a_photo_is_chosen_dropped_and_pasted_and_each_garment_opens(
    browser: Any, url: str, parser: clothes.OutfitParser
) -> None:
    with opened(browser, url) as page:
        assert page.title() == "Whole outfit · clothes"
        assert "knows 7 garments: outwear, shirt, t-shirt, dress, pants, shoes, bag." in page.inner_text(".about")
        choose(page, ("me.png", png(*wearer(), *JACKET)))
        rows = page.locator(".garments summary")
        rows.first.wait_for()
        expected = parser.garments(png(*wearer(), *JACKET))
        for row, garment in zip(rows.all_inner_texts(), expected, strict=True):
            name, sure = garment.label if garment.known else f"Not sure: {garment.label}?", percent(garment.confidence)
            assert row.startswith(name) and sure in row.replace("\u00a0", " "), row
            assert ", ".join(color.name for color in garment.colors) in row
        names = ", ".join(garment.label for garment in expected)
        drawing = page.get_by_role("img", name=f"The photo with {names}")
        assert drawing.is_visible() and not page.locator(".box img").is_visible()
        alone = [page.get_by_role("img", name=f"The {garment.label} alone") for garment in expected]
        for number in (1, 2):  # one is open at a time
            rows.nth(number).click()
            assert [each.is_visible() for each in alone] == [i == number for i in range(len(alone))]
        size = drawing.bounding_box()
        drawing.click(position={"x": size["width"] / 2, "y": size["height"] * 335 / 360})  # on the shoes
        shoes = [garment.label for garment in expected].index("shoes")
        assert [each.is_visible() for each in alone] == [i == shoes for i in range(len(alone))]
        for kind in ("drop", "paste"):
            page.evaluate("document.querySelector('.answer').replaceChildren()")
            assert give(page, kind, ("me.png", png(*wearer()))) is False
            rows.first.wait_for()
            assert [text.split()[0] for text in rows.all_inner_texts()] == ["shirt", "pants", "shoes"]
        choose(page, ("wall.png", png()))
        page.get_by_text("No clothing found.").wait_for()
        assert page.locator(".box img").is_visible() and page.locator(".box canvas").count() == 0
        choose(page, ("torn.jpg", jpeg(smooth(1), 90)[:300]))
        page.get_by_text("This photo cannot be used").wait_for()


def test_a_garment_alone_is_all_that_keeps_its_colours(browser: Any, url: str) -> None:
    with opened(browser, url) as page:
        choose(page, ("me.png", png(*wearer(), ("bag", (40, 240, 200, 270)))))
        page.locator(".garments details").first.wait_for()
        shares = page.evaluate(
            """() => {
                const canvas = document.querySelector("details > [aria-label='The pants alone']");
                const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
                const isNear = (at, color) => color.every((value, i) => Math.abs(data[4 * at + i] - value) < 12);
                const pixels = [...Array(data.length / 4).keys()];
                const shareOf = (color) => pixels.filter((at) => isNear(at, color)).length / pixels.length;
                return [shareOf([28, 37, 68]), shareOf([220, 30, 30])];
            }"""
        )
    assert shares[0] > 0.6 and shares[1] == 0


def test_camera_frames_and_names_what_is_worn_and_stops(browser: Any, url: str) -> None:
    with opened(browser, url) as page:
        hold(page, png(*wearer()))
        page.get_by_role("button", name="Live camera").click()
        rows = page.locator(".garments li")
        rows.first.wait_for()
        assert [text.split()[0] for text in rows.all_inner_texts()] == ["shirt", "pants", "shoes"]
        assert page.locator("details").count() == 0 and page.get_attribute(".answer", "aria-live") == "off"
        assert page.evaluate(BOXES) == ["The photo with shirt, pants, shoes", True, [255, 0, 255]]
        track = page.evaluate_handle("document.querySelector('video').srcObject.getTracks()[0]")
        page.get_by_role("button", name="Stop camera").click()
        page.get_by_text("Show me a photo: the answer appears here.").wait_for()
        assert track.get_property("readyState").json_value() == "ended"
        assert page.locator(".garments, .box canvas").count() == 0 and not page.locator("video").is_visible()
        page.evaluate(REFUSE_CAMERA)
        page.get_by_role("button", name="Live camera").click()
        page.get_by_text("No camera is connected.").wait_for()


def test_live_answers_are_smoothed_and_those_of_the_latest_frame(browser: Any, url: str) -> None:
    with opened(browser, url) as page:
        hold(page, png(*wearer()))
        page.get_by_role("button", name="Live camera").click()
        row = page.locator(".garments li").first
        row.filter(has_text="99.0").wait_for()
        start = hold(page, png(*(("t-shirt" if name == "shirt" else name, box) for name, box in wearer())))
        row.filter(has_text="t-shirt").wait_for()
        page.wait_for_timeout(2000)
        shares = [float(text.replace("\u00a0", " ").split(" %")[0].split()[-1]) for text in shown(page, start)]
        assert min(shares) < 90 < shares[-1]  # neither name is sure while one takes the place of the other
        start = hold(page, png())
        page.get_by_text("No clothing found.").wait_for()
        assert shown(page, start).index("No clothing found.") <= 4  # of a camera's 30 a second none waits
        assert page.locator("video").is_visible() and page.locator(".box canvas").count() == 0
        hold(page, png(*wearer()))
        row.wait_for()
        assert page.locator(".box canvas").is_visible()


def test_camera_is_not_sure_as_a_photo_is(browser: Any, folder: Path, tmp_path: Path) -> None:
    place = shutil.copytree(folder, tmp_path / "page")
    about = json.loads((place / "model.json").read_text("utf-8"))
    about["outfit"]["known"] = 1
    (place / "model.json").write_text(json.dumps(about), "utf-8")
    with static_host(place) as url, opened(browser, url) as page:
        hold(page, png(*wearer()))
        page.get_by_role("button", name="Live camera").click()
        rows = page.locator(".garments li")
        rows.first.wait_for()
        assert [text.split("?")[0] for text in rows.all_inner_texts()] == [
            f"Not sure: {name}" for name in ("shirt", "pants", "shoes")
        ]


def test_page_works_offline_and_keeps_no_photo(browser: Any, folder: Path) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(60_000)
    with static_host(folder) as url:
        page.goto(url)
        page.wait_for_selector("body[data-ready]")
        page.wait_for_function(IS_KEPT)
    page.reload()
    page.wait_for_selector("body[data-ready]")
    choose(page, ("me.png", png(*wearer())))
    page.wait_for_selector(".garments")
    choose(page, ("a.png", png(*wearer())), ("b.png", png()))
    page.wait_for_selector("a[download]")
    assert page.locator("tbody tr").all_inner_texts()[1].split("\t")[-1] == "No clothing found."
    *others, kept = page.evaluate(STORED)
    assert others == [[], [], [], ""]
    own = {f"/{path.relative_to(folder).as_posix()}" for path in folder.rglob("*") if path.is_file()}
    assert kept == sorted(own - {"/service-worker.js"})
    context.close()


@pytest.mark.slow
@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_looks(browser: Any, url: str, width: int, scheme: str) -> None:
    if not axe():
        pytest.skip("axe-core is not installed")
    look = {"viewport": {"width": width, "height": 800}, "color_scheme": scheme}
    with opened(browser, url, **look) as page:
        page.evaluate(axe())
        found = {"start": violations(page)}
        choose(page, ("me.png", png(*wearer(), *JACKET)))
        page.locator(".garments summary").first.click()
        found["answer"] = violations(page)
        choose(page, ("wall.png", png()))
        page.get_by_text("No clothing found.").wait_for()
        found["none"] = violations(page)
        choose(page, (f"{'a-very-long-name-' * 8}.png", png(*wearer())), ("b.png", png()), ("c.txt", b""))
        page.wait_for_selector("a[download]")
        found["many"] = violations(page)
        hold(page, png(*wearer(), *JACKET))
        page.get_by_role("button", name="Live camera").click()
        page.locator(".garments li").first.wait_for()
        found["live"] = violations(page)
    assert not {state: wrong for state, wrong in found.items() if wrong}
