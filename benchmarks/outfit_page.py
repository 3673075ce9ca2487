"""Measures the static page of the bundled outfit network in a headless Chromium, on photos of people in the street.

    python -m benchmarks.outfit_page DATA [--photos 100] [--runs 3]

DATA holds outfits/, as recipes/outfit_photos.py describes it; the held-out photos are not read. It writes the page,
opens it and chooses the photos as a visitor does, and compares its CSV file with `clothes.load_outfit` in Python.

Prints photos with the same garments (names, and which are sure), and of these: the intersection over union of the boxes
(mean and least), the largest difference of a confidence, garments with the same colours, by name and by hex code; then
megabytes of the folder and as gzip sends it, seconds of the first answer from a warm cache (median and largest; a photo
of 12 million pixels), photos a second (median over the runs), the page's processor time a photo, and answers a second
to a live camera that sees the first photo.
"""

import argparse
import gzip
import statistics
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

import clothes
from benchmarks.outfits import iou, part_of
from benchmarks.web_page import first_answer, many_answers, open_page
from clothes.exporting.outfit_to_web import outfit_to_web
from clothes.exporting.source_bundle import Source
from clothes.inference.bundle import read_bundle
from clothes.inference.classifier import BUNDLED_OUTFIT
from clothes.photos import decode
from tests.support.browser import CHROMIUM, FLAGS
from tests.support.pictures import encode
from tests.support.static_page import download_table, hold, rows_of, shown, static_host

Row = dict[str, str]
ANSWER = ".garments, .verdict"
LIVE_SECONDS = 10


def tables(data: bytes) -> dict[str, list[Row]]:
    """The garments of each photo, from the page's CSV file."""
    head, *rows = rows_of(data)
    found: dict[str, list[Row]] = {}
    for cells in rows:
        row = dict(zip(head, cells, strict=True))
        found.setdefault(row["photo"], []).extend([row] if row["label"] else [])
    return found


def compare(found: list[list[Row]], expected: list[list[clothes.Garment]]) -> dict[str, str]:
    """How well the page's garments agree with those of Python, as text."""
    pairs = []
    for rows, garments in zip(found, expected, strict=True):
        named = sorted(rows, key=lambda row: (row["label"], row["known"], row["left"]))
        wanted = sorted(garments, key=lambda one: (one.label, str(one.known).lower(), str(one.box[0])))
        same = [(row["label"], row["known"]) for row in named] == [
            (one.label, str(one.known).lower()) for one in wanted
        ]
        pairs.append(list(zip(named, wanted, strict=True)) if same else None)
    matched = [pair for each in pairs if each is not None for pair in each]
    overlaps = [
        iou(tuple(int(row[side]) for side in ("left", "top", "right", "bottom")), one.box) for row, one in matched
    ]
    differences = [abs(float(row["confidence"]) - one.confidence) for row, one in matched]
    names = sum(row["colors"] == "; ".join(color.name for color in one.colors) for row, one in matched)
    codes = sum(row["hex"] == "; ".join(color.hex for color in one.colors) for row, one in matched)
    return {
        "photos with the same garments": f"{sum(each is not None for each in pairs)} of {len(pairs)}",
        "garments in them": str(len(matched)),
        "IoU of boxes, mean (least)": f"{statistics.mean(overlaps):.4f} ({min(overlaps):.4f})",
        "largest difference of a confidence": f"{max(differences):.2g}",
        "colours equal by name, by hex code": f"{names}, {codes} of {len(matched)}",
    }


def processor_seconds(browser: Any) -> float:
    """Returns what all pages of a browser have computed so far."""
    processes = browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")["processInfo"]
    return sum(each["cpuTime"] for each in processes if each["type"] == "renderer")


def measure_first(playwright: Any, url: str, photo: bytes, runs: int) -> str:
    """Returns the seconds of first answers, from the browser's cache."""
    with tempfile.TemporaryDirectory() as profile:
        browser = playwright.chromium.launch_persistent_context(profile, executable_path=CHROMIUM, args=FLAGS)
        page = open_page(browser, url)
        first_answer(page, url, photo, ANSWER)
        firsts = [first_answer(page, url, photo, ANSWER) for _ in range(runs)]
        browser.close()
    return f"{statistics.median(firsts):.2f} ({max(firsts):.2f})"


def measure_live(page: Any, photo: Image.Image) -> str:
    """Returns the answers a second to a live camera, and how many garments the last one has."""
    hold(page, encode(photo, "PNG"))
    page.get_by_role("button", name="Live camera").click()
    page.wait_for_selector(ANSWER)
    since = len(shown(page, 0))
    page.wait_for_timeout(1000 * LIVE_SECONDS)
    rate = len(shown(page, since)) / LIVE_SECONDS
    return f"{rate:.1f} ({page.locator('.garments li').count()} garments)"


def measure(folder: Path, photos: list[Path], runs: int) -> tuple[dict[str, list[Row]], dict[str, str]]:
    """Returns the page's garments of each photo, and what it takes."""
    large = encode(Image.open(photos[0]).convert("RGB").resize((3000, 4000)), "JPEG", quality=90)
    contents = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    packed = [gzip.compress(data) for data in contents]
    given = [path.read_bytes() for path in photos]
    with sync_playwright() as playwright, static_host(folder) as url:
        first = measure_first(playwright, url, large, runs)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = open_page(browser, url)
        page.set_default_timeout(3_600_000)
        before = processor_seconds(browser)
        rates = [many_answers(page, given) for _ in range(runs)]
        computed = processor_seconds(browser) - before
        found = tables(download_table(page))
        live = measure_live(page, Image.open(photos[0]).convert("RGB"))
        browser.close()
    return found, {
        "MB of the folder, by gzip": f"{sum(map(len, contents)) / 1e6:.1f}, {sum(map(len, packed)) / 1e6:.1f}",
        "first answer, s": first,
        "photos/s": f"{statistics.median(rates):.2f}",
        "processor time a photo, s": f"{computed / runs / len(given):.2f}",
        "live answers a second": live,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--photos", type=int, default=100)
    parser.add_argument("--runs", type=int, default=3)
    asked = parser.parse_args()
    listed = [
        path for path in sorted((asked.data / "outfits" / "photos").glob("*.jpg")) if part_of(path.stem) != "held-out"
    ]
    photos = listed[:: max(1, len(listed) // asked.photos)][: asked.photos]
    with tempfile.TemporaryDirectory() as place:
        outfit_to_web(Source(read_bundle(BUNDLED_OUTFIT)), Path(place))
        found, measured = measure(Path(place), photos, asked.runs)
    outfits = clothes.load_outfit()
    expected = [outfits.garments(decode.read(path)) for path in photos]
    agreement = compare([found[f"{number}.jpg"] for number in range(len(photos))], expected)
    for name, value in (agreement | measured).items():
        print(f"| {name} | {value} |")


if __name__ == "__main__":
    main()
