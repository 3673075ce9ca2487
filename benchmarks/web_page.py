"""Measures the static page of a bundle in a headless Chromium: its size, its first answer, photos a second.

    python -m benchmarks.web_page [BUNDLE] [--photos 100] [--runs 5]

Exports the bundle (by default the bundled model), opens the page and answers a photo, so that the browser has it in its
cache, then opens it anew `--runs` times: the first answer is from the start of the visit to the answer to a photo of
12 million pixels, which is chosen at once. Then it answers `--photos` JPEGs of 640 x 480 pixels as one choice. Prints
JSON: megabytes of the folder and as gzip sends it, seconds of the first answer (median and largest), photos a second
(median over the runs).
"""

import argparse
import gzip
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

import clothes
from clothes.inference.classifier import BUNDLED
from tests.support.browser import CHROMIUM, FLAGS
from tests.support.pictures import jpeg, smooth
from tests.support.static_page import choose, static_host


def open_page(browser: Any, url: str) -> Any:
    page = browser.new_page()
    page.set_default_timeout(120_000)
    page.goto(url)
    page.wait_for_selector("body[data-ready]")
    return page


def first_answer(page: Any, url: str, photo: bytes) -> float:
    """Returns the seconds from the start of a visit to its first answer."""
    start = time.perf_counter()
    page.goto(url)
    page.wait_for_selector("body[data-ready]")
    choose(page, ("photo.jpg", photo))
    page.wait_for_selector(".bars")
    return time.perf_counter() - start


def many_answers(page: Any, photos: list[bytes]) -> float:
    """Returns photos a second."""
    start = time.perf_counter()
    choose(page, *((f"{number}.jpg", photo) for number, photo in enumerate(photos)))
    page.wait_for_selector("a[download]")
    return len(photos) / (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", nargs="?", default=BUNDLED)
    parser.add_argument("--photos", type=int, default=100)
    parser.add_argument("--runs", type=int, default=5)
    asked = parser.parse_args()
    large = jpeg(smooth(0, (4000, 3000)), 90)
    photos = [jpeg(smooth(seed, (640, 480)), 90) for seed in range(asked.photos)]
    with tempfile.TemporaryDirectory() as place, sync_playwright() as playwright:
        folder = clothes.export(asked.bundle, to="web", out=Path(place) / "page").path
        contents = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
        browser = playwright.chromium.launch_persistent_context(
            Path(place) / "profile", executable_path=CHROMIUM, args=FLAGS
        )
        with static_host(folder) as url:
            page = open_page(browser, url)
            first_answer(page, url, large)
            firsts = [first_answer(page, url, large) for _ in range(asked.runs)]
            rates = [many_answers(page, photos) for _ in range(asked.runs)]
        browser.close()
    found = {
        "megabytes": round(sum(map(len, contents)) / 1e6, 1),
        "megabytes_gzip": round(sum(len(gzip.compress(data)) for data in contents) / 1e6, 1),
        "first_answer_seconds": [round(statistics.median(firsts), 2), round(max(firsts), 2)],
        "photos_a_second": round(statistics.median(rates), 1),
    }
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
