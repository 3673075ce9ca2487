"""The studio's page for people who use the keyboard, a screen reader, a small window or a dark one."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.pictures import make_photos
from tests.support.studio_browser import STATIONS, drop, opened, zipped
from tests.support.studio_page import served_studio

pytestmark = pytest.mark.browser

WITHOUT_NAME = """() => [...document.querySelectorAll(
    ".studio :is(button, a, input, select, video, meter, progress, nav, dialog, [role=listbox], [role=img])")]
    .filter((part) => part.checkVisibility() && ![part.ariaLabel, part.textContent, part.alt,
        ...[...part.labels ?? []].map((label) => label.textContent)].some((text) => text?.trim()))
    .map((part) => part.outerHTML.slice(0, 100))"""
# Texts with less contrast than WCAG 2.2 AA asks for. A canvas turns any notation of a colour into numbers.
PALE = """() => {
    const canvas = Object.assign(document.createElement("canvas"), { width: 1, height: 1 });
    const context = canvas.getContext("2d", { willReadFrequently: true });
    const paint = (colour) => { context.fillStyle = colour; context.fillRect(0, 0, 1, 1); };
    const luminance = () => {
        const parts = [...context.getImageData(0, 0, 1, 1).data].slice(0, 3).map((value) => value / 255)
            .map((value) => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
    };
    const pale = [];
    const walker = document.createTreeWalker(document.querySelector(".studio"), NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const part = walker.currentNode.parentElement;
        const style = getComputedStyle(part);
        if (!walker.currentNode.data.trim() || !part.checkVisibility() || part.closest(":disabled, option"))
            continue;
        const around = [];
        for (let one = part; one; one = one.parentElement) around.unshift(one);
        paint("white");
        around.forEach((one) => paint(getComputedStyle(one).backgroundColor));
        const below = luminance();
        paint(style.color);
        const [dark, bright] = [below, luminance()].sort((a, b) => a - b);
        const size = parseFloat(style.fontSize);
        const isLarge = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
        const contrast = (bright + 0.05) / (dark + 0.05);
        if (contrast < (isLarge ? 3 : 4.5))
            pale.push(`${part.textContent.trim().slice(0, 30)}: ${contrast.toFixed(2)}`);
    }
    return pale;
}"""
FOCUSED = """() => {
    const active = document.activeElement;
    const read = [...active.childNodes].filter((part) => part.ariaHidden !== "true");
    return active.ariaLabel ?? active.labels?.[0]?.textContent ?? read.map((part) => part.textContent).join("");
}"""


def tab_to(page: Any, name: str) -> None:
    """Presses Tab until a control of this name has the focus."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate(FOCUSED).strip().startswith(name):
            return
    raise AssertionError(f"Tab does not come to {name!r}")


def press(page: Any, name: str) -> None:
    tab_to(page, name)
    page.keyboard.press("Enter")


def choose_file(page: Any, name: str, path: Path) -> None:
    with page.expect_file_chooser() as chooser:
        press(page, name)
    chooser.value.set_files(path)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_each_control_has_a_name_and_each_text_enough_contrast(browser: Any, tmp_path: Path, scheme: str) -> None:
    make_photos(tmp_path / "photos", each=2)
    (tmp_path / "unsorted").mkdir()
    (tmp_path / "unsorted" / "loose.png").write_bytes(next((tmp_path / "photos").glob("*/*.png")).read_bytes())
    with served_studio(tmp_path) as url, opened(browser, url, color_scheme=scheme) as page:
        drop(page, ".drop", "notes.png", b"no photo")
        page.get_by_text("1 file not added").wait_for()
        page.evaluate("document.querySelectorAll('.studio details').forEach((part) => part.open = true)")
        page.get_by_role("button", name="Use the camera").click()
        page.locator(".cell").first.click()
        for station in STATIONS:
            assert (page.evaluate(WITHOUT_NAME), page.evaluate(PALE)) == ([], []), station
            page.locator(f"nav button[data-step={station}]").click()
        page.evaluate("document.querySelector('.folder').style.color = 'rgb(120 120 120 / 50%)'")  # it is seen
        page.evaluate("document.querySelector('.undo').textContent = ''")
        page.locator("nav button[data-step=photos]").click()
        assert page.evaluate(PALE) and page.evaluate(WITHOUT_NAME)


@pytest.mark.slow
def test_the_whole_way_is_gone_by_keyboard_in_a_narrow_window(browser: Any, tmp_path: Path) -> None:
    made = make_photos(tmp_path / "made", each=20)
    (tmp_path / "clothes.zip").write_bytes(zipped(made))
    look = {"viewport": {"width": 360, "height": 740}}
    with served_studio(tmp_path / "project") as url, opened(browser, url, **look) as page:
        choose_file(page, "Choose photos", tmp_path / "clothes.zip")
        page.get_by_role("button", name="Train a quick recogniser").wait_for()
        press(page, "Train a quick recogniser")
        page.get_by_role("button", name="Test it").first.wait_for(timeout=120_000)
        press(page, "Test it")
        page.locator("section[data-step=test] .verdict").wait_for(timeout=120_000)
        press(page, "Use")
        choose_file(page, "Choose a photo", next(made.glob("bar/*")))
        page.locator(".said .verdict").wait_for()
        for station in STATIONS:
            press(page, page.locator(f"nav button[data-step={station}]").get_attribute("aria-label") or station.title())
            assert page.locator("section:visible").get_attribute("data-step") == station
            assert page.evaluate("document.documentElement.scrollWidth") <= 360, station
