"""Measures the studio's page with many photos: how soon it opens, how much is in it, how soon 200 photos are moved.

    python -m benchmarks.studio_many [--photos 5000] [--classes 20] [--rounds 5] [--keep FOLDER]

Draws the photos. Prints a line of JSON at rest, and one while the small CNN trains: medians of the rounds, in
seconds. `page` is from the address to the thumbnails in view, `station` from the click on Photos to them, `class` from
the click on a class, `move` from the key to the answer, the new counts and the thumbnails in view.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import sync_playwright

from benchmarks.studio_way import PATIENCE, studio
from tests.support.browser import CHROMIUM, FLAGS

MOVED = 200
IN_VIEW = """() => {
    const grid = document.querySelector(".sorter .grid");
    if (!grid) return false;
    const { top, bottom } = grid.getBoundingClientRect();
    const cells = [...document.querySelectorAll(".sorter .cell")];
    return cells.length > 0 && cells.every((cell) => {
        const place = cell.getBoundingClientRect();
        return place.top > Math.min(bottom, innerHeight) || place.bottom < Math.max(top, 0)
            || cell.querySelector("img")?.naturalWidth > 0;
    });
}"""
COUNT = "(name) => document.querySelector(`.chip[data-name='${name}'] b`).textContent.replaceAll(',', '')"


def draw_photos(folder: Path, photos: int, classes: int) -> None:
    rng = np.random.default_rng(0)
    for number in range(photos):
        place = folder / "photos" / f"class {number % classes:02}"
        place.mkdir(parents=True, exist_ok=True)
        coarse = rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((160, 160), Image.Resampling.BICUBIC).save(place / f"{number:05}.jpg")


class Person:
    """Uses the page, and times what it does."""

    def __init__(self, page: Any, url: str) -> None:
        self.page, self.url = page, url
        page.set_default_timeout(PATIENCE)

    def time(self, act: Callable[[], Any]) -> float:
        began = time.monotonic()
        act()
        self.page.wait_for_function(IN_VIEW)
        return round(time.monotonic() - began, 2)

    def step(self, name: str) -> None:
        self.page.locator(f"nav button[data-step={name}]").click()

    def open_class(self, number: int) -> None:
        self.page.locator(".chip:not(.new)").nth(number).click()
        name = self.page.locator(".chip:not(.new)").nth(number).get_attribute("data-name")
        self.page.wait_for_function(
            "(name) => document.querySelector('.sorter .cell')?.dataset.id.includes(`/${name}/`)", arg=name
        )

    def move(self, into: str) -> None:
        """Moves the selected photos by the key of the second class."""
        before = int(self.page.evaluate(COUNT, into))
        self.page.keyboard.press("2")
        self.page.wait_for_function(f"(name) => Number(({COUNT})(name)) === {before + MOVED}", arg=into)

    def select(self) -> None:
        self.page.locator(".sorter .cell").first.click()
        for _ in range(MOVED - 1):
            self.page.keyboard.press("Shift+ArrowRight")
        self.page.get_by_text(f"{MOVED} selected").wait_for()

    def round(self) -> dict[str, float]:
        page = self.page
        found = {"page": self.time(lambda: page.goto(self.url))}
        nodes = page.locator(".sorter .grid .cell").count()
        self.step("train")
        found["station"] = self.time(lambda: self.step("photos"))
        found["class"] = self.time(lambda: self.open_class(0))
        self.select()
        found["nodes"] = max(nodes, page.locator(".sorter .grid .cell").count())
        into = page.locator(".chip:not(.new)").nth(1).get_attribute("data-name")
        found["move"] = self.time(lambda: self.move(into))
        after = int(page.evaluate(COUNT, into))
        page.get_by_role("button", name="Undo").click()
        page.wait_for_function(f"(name) => Number(({COUNT})(name)) === {after - MOVED}", arg=into)
        return found

    def measure(self, rounds: int, **more: Any) -> None:
        found = [self.round() for _ in range(rounds)]
        medians = {name: statistics.median(one[name] for one in found) for name in found[0]}
        print(json.dumps({**more, "rounds": rounds, **medians}), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=5_000)
    parser.add_argument("--classes", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--keep", type=Path, help="keep the project here")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        folder = (given.keep or Path(scratch)) / "many"
        if not folder.exists():
            draw_photos(folder, given.photos, given.classes)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        with studio(folder) as url:
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            person = Person(page, url)
            first = person.time(lambda: page.goto(url))  # no thumbnail is made yet
            print(json.dumps({"photos": given.photos, "classes": given.classes, "first time": first}), flush=True)
            page.wait_for_function(  # the check that begins by itself
                "async () => (await (await fetch('studio/state')).json()).check?.[1] === 'done'", polling=2_000
            )
            person.measure(given.rounds, training=False)
            person.step("train")
            page.get_by_text("Learn how it works").click()
            page.get_by_role("button", name="Start", exact=True).click()
            page.locator(".curves").wait_for()  # its first epoch is done
            person.measure(given.rounds, training=True)
            person.step("train")
            page.locator("section[data-step=train] .stop").click()
            page.locator("section[data-step=train] .stop").wait_for(state="detached")
        browser.close()


if __name__ == "__main__":
    main()
