"""Goes the whole way through the studio in a browser, as a person would, and counts what it takes.

    python -m benchmarks.studio_way PHOTOS [--each 20] [--keep FOLDER]

PHOTOS holds class folders. First way: a labelled zip of `each` photos of a class, dropped, to a tested recogniser.
Second way: two classes by the camera that Chromium draws, to a recogniser that answers live. Prints a line of JSON for
each: clicks after the drop or in all, names typed, minutes, requests to other hosts, and what the browser keeps.
"""

import argparse
import io
import json
import re
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, sync_playwright

from tests.support.browser import CHROMIUM, FLAGS
from tests.support.studio_browser import drop

PATIENCE = 600_000  # milliseconds
AT_REST = """async () => {
    const { job, check } = await (await fetch("studio/state")).json();
    return ![job?.state, check?.[1]].some((state) => ["starting", "running", "stopping"].includes(state));
}"""


def labelled_zip(photos: Path, each: int) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for folder in sorted(path for path in photos.iterdir() if path.is_dir()):
            for path in sorted(folder.iterdir())[:each]:
                archive.write(path, path.relative_to(photos))
    return file.getvalue()


@contextmanager
def studio(folder: Path) -> Iterator[str]:
    command = [sys.executable, "-m", "clothes", "studio", str(folder), "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield re.findall(r"http://\S+", process.stdout.readline())[0]  # type: ignore[union-attr]
    finally:
        process.terminate()
        process.wait(60)


class Person:
    """Uses a page and counts."""

    def __init__(self, page: Any, url: str) -> None:
        self.page, self.url = page, url
        self.clicks = self.names = 0
        self.others: set[str] = set()
        page.set_default_timeout(PATIENCE)
        page.on("request", lambda sent: sent.url.startswith((url, "blob:", "data:")) or self.others.add(sent.url))
        page.goto(url)
        page.wait_for_selector(".studio h1:not(:empty)")
        self.began = time.monotonic()

    def click(self, target: Locator) -> None:
        target.click()
        self.clicks += 1

    def hold(self, target: Locator, until: str) -> None:
        target.hover()
        self.page.mouse.down()
        self.page.wait_for_function(until)
        self.page.mouse.up()
        self.clicks += 1

    def name(self, target: Locator, text: str) -> None:
        target.fill(text)
        self.names += 1

    def seconds(self) -> float:
        return round(time.monotonic() - self.began, 1)

    def result(self, **more: Any) -> dict[str, Any]:
        kept = self.page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])")
        counts = {"clicks": self.clicks, "names": self.names, "seconds": self.seconds()}
        return {**counts, **more, "other hosts": sorted(self.others), "browser keeps": json.loads(kept)}


def from_zip(person: Person, data: bytes) -> dict[str, Any]:
    page = person.page
    drop(page, ".drop", "clothes.zip", data)
    person.began = time.monotonic()
    train = page.get_by_role("button", name="Train a quick recogniser")
    train.wait_for()
    added = person.seconds()
    person.click(train)
    test = page.get_by_role("button", name="Test it").first
    test.wait_for()
    trained = person.seconds()
    person.click(test)
    verdict = page.locator("section[data-step=test] .verdict")
    verdict.wait_for()
    return person.result(way="zip", added=added, trained=trained, said=verdict.inner_text())


def from_camera(person: Person) -> dict[str, Any]:
    page = person.page
    person.click(page.get_by_role("button", name="Use the camera"))
    for number, name in enumerate(("here", "there"), 1):
        person.name(page.get_by_label("Class", exact=True), name)
        person.hold(
            page.get_by_role("button", name="Hold to shoot"),
            "document.querySelector('.status').textContent.startsWith('20 frames')",
        )
        page.locator(".chip:not(.new)").nth(number - 1).wait_for()
    person.click(page.get_by_role("button", name="Train a quick recogniser"))
    page.locator(".said .verdict").wait_for()
    answering = person.seconds()
    page.wait_for_function(AT_REST, polling=1_000)
    answers: list[float] = []
    page.on("response", lambda got: "/studio/predict" in got.url and got.ok and answers.append(time.monotonic()))
    page.wait_for_timeout(10_000)
    rate = (len(answers) - 1) / (answers[-1] - answers[0])
    return person.result(way="camera", answering=answering, answers_a_second=round(rate, 1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--each", type=int, default=20, help="photos of a class in the zip")
    parser.add_argument("--keep", type=Path, help="keep the projects here")
    given = parser.parse_args()
    data = labelled_zip(given.photos, given.each)
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for name in ("zip", "camera"):
            with studio((given.keep or Path(scratch)) / name) as url:
                page = browser.new_context(permissions=["camera"]).new_page()
                person = Person(page, url)
                result = from_zip(person, data) if name == "zip" else from_camera(person)
                print(json.dumps(result), flush=True)
                page.context.close()
        browser.close()


if __name__ == "__main__":
    main()
