"""The tab "Whole outfit" in a headless Chromium: rows, one garment alone, narrow, dark."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import clothes
from clothes.web.predict_page import build_app
from tests.support.browser import load_axe, violations
from tests.support.outfits import draw_outfit, wearer, write_color_bundle
from tests.support.served_page import served

pytestmark = [pytest.mark.browser, pytest.mark.slow]

if os.environ.get("CLOTHES_REQUIRE_BROWSER") != "1":
    pytest.importorskip("axe_playwright_python", reason="axe-core is not installed")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    parser = clothes.load_outfit(write_color_bundle(tmp_path_factory.mktemp("outfits") / "bundle"))
    with served(build_app(parser.classifier, parser=parser)) as address:
        yield address


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (390, "light"), (320, "dark")])
def test_a_visitor_sees_what_is_worn_and_each_garment_alone(
    browser: Any, url: str, tmp_path: Path, width: int, scheme: str
) -> None:
    draw_outfit(*wearer()).save(tmp_path / "me.png")
    draw_outfit().save(tmp_path / "wall.png")
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto(f"{url}?__theme={scheme}")
    page.get_by_role("tab", name="Whole outfit").click()
    load_axe(page)
    page.set_input_files("#outfit-photo input[type=file]", str(tmp_path / "me.png"))
    rows = page.locator("#outfit .garments summary")
    rows.first.wait_for()
    assert [row.split("\n")[0].split()[0] for row in rows.all_inner_texts()] == ["shirt", "pants", "shoes"]
    alone = [page.get_by_alt_text(f"The {label} alone") for label in ("shirt", "pants", "shoes")]
    for number in (1, 2):  # one is open at a time
        rows.nth(number).click()
        assert [each.is_visible() for each in alone] == [i == number for i in range(3)]
    page.wait_for_function("document.querySelector('details[open] > img').naturalWidth > 0")
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") == width
    page.locator("#outfit-photo").get_by_label("Remove Image").click()
    page.locator("#outfit .hint").wait_for()
    page.set_input_files("#outfit-photo input[type=file]", str(tmp_path / "wall.png"))
    page.get_by_text("No clothing found").wait_for()
    assert violations(page) == []
    context.close()
