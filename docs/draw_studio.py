"""Draws docs/images/studio.png: the studio after the test of a recogniser of the starter pictures.

uv run --group test python -m docs.draw_studio
"""

import io
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from benchmarks.studio_way import PATIENCE, studio
from tests.support.browser import CHROMIUM, FLAGS

OUT = Path(__file__).parent / "images" / "studio.png"
MOST_BYTES = 150_000


def draw(folder: Path) -> bytes:
    """Returns the picture of the station Test, as Chromium makes it."""
    with studio(folder) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1180, "height": 1440})
        page.set_default_timeout(PATIENCE)
        page.goto(url)
        for name in ("Try it without photos", "Train a quick recogniser", "Test it"):
            page.get_by_role("button", name=name).first.click()
        page.locator("section[data-step=test] .verdict").wait_for()
        page.get_by_role("button", name="See what to improve").wait_for()
        page.evaluate("document.querySelector('.folder').textContent = '~/my-clothes'")  # of no machine
        page.evaluate("document.querySelector('.status').textContent = ''")
        page.wait_for_load_state("networkidle")
        return page.screenshot()


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        picture = Image.open(io.BytesIO(draw(Path(scratch) / "my-clothes")))
    picture.convert("RGB").quantize(128, dither=Image.Dither.NONE).save(OUT, optimize=True)
    assert OUT.stat().st_size < MOST_BYTES


if __name__ == "__main__":
    main()
