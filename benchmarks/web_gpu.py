"""Measures what WebGPU would give the static page, in a headless Chromium that offers it by its software renderer.

    python -m benchmarks.web_gpu PHOTOS [BUNDLE] [--photos 100]

BUNDLE is the bundled model, another bundle, or one of outfits; PHOTOS is a folder. Asks the exported page and a copy
of it that computes by WebGPU.

Prints the adapter, photos a second of both, photos with the same answers (labels, and which are sure), and of these the
largest difference of a confidence. How fast a graphics card is can only be measured where there is one.
"""

import argparse
import shutil
import tempfile
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

import clothes
from benchmarks.web_page import many_answers, open_page
from clothes.exporting import web_page
from clothes.exporting.web_runtime import Runtime
from clothes.inference.classifier import BUNDLED
from tests.support.browser import CHROMIUM, FLAGS
from tests.support.static_page import download_table, rows_of, static_host

SOFTWARE = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--enable-features=Vulkan"]
ADAPTER = """async () => {
    const adapter = await navigator.gpu?.requestAdapter();
    return adapter ? `${adapter.info.vendor} ${adapter.info.architecture}` : "none";
}"""
CHANGES = {
    'accelerator: "wasm"': 'accelerator: "webgpu"',
    "outputs = await model.run({ pictures: picture });": """outputs = await model.run({ pictures: picture });
      for (const name in outputs) outputs[name] = await outputs[name].moveTo("wasm");""",
}
Answers = dict[str, list[tuple[str, str, float]]]  # label, whether it is sure, confidence


def with_webgpu(page: Path, folder: Path) -> Path:
    """Writes a copy of a page that computes by WebGPU. Returns its folder."""
    shutil.copytree(page, folder)
    script = (folder / "model.js").read_text("utf-8")
    for old, new in CHANGES.items():
        assert old in script, old
        script = script.replace(old, new)
    (folder / "model.js").write_text(script, "utf-8")
    (folder / "service-worker.js").unlink()
    web_page.write_service_worker(Runtime({}, is_remote=False), folder)
    return folder


def read_answers(data: bytes) -> Iterator[tuple[str, list[tuple[str, str, float]]]]:
    head, *rows = rows_of(data)
    label, confidence, known = (head.index(name) for name in ("label", "confidence", "known"))
    for photo, own in groupby(rows, key=lambda row: row[0]):
        yield photo, [(row[label], row[known], float(row[confidence])) for row in own if row[label]]


def ask(browser: Any, folder: Path, photos: list[bytes]) -> tuple[float, Answers, str]:
    """Returns photos a second, the answers of each photo, and the adapter."""
    with static_host(folder) as url:
        page = open_page(browser, url)
        page.set_default_timeout(3_600_000)
        many_answers(page, photos[:2])  # compiles what computes
        rate = many_answers(page, photos)
        found, adapter = dict(read_answers(download_table(page))), page.evaluate(ADAPTER)
        page.close()
    return rate, found, adapter


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("bundle", type=Path, nargs="?", default=BUNDLED)
    parser.add_argument("--photos", type=int, default=100)
    asked = parser.parse_args()
    listed = sorted(asked.folder.rglob("*.jpg"))
    photos = [path.read_bytes() for path in listed[:: max(1, len(listed) // asked.photos)][: asked.photos]]
    flags = [flag for flag in FLAGS if flag != "--disable-gpu"]
    with tempfile.TemporaryDirectory() as place, sync_playwright() as playwright:
        own = clothes.export(asked.bundle, to="web", out=Path(place) / "page").path
        other = with_webgpu(own, Path(place) / "webgpu")
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*flags, *SOFTWARE])
        rate, expected, adapter = ask(browser, own, photos)
        other_rate, found, _ = ask(browser, other, photos)
        browser.close()
    same = [photo for photo in expected if [one[:2] for one in found[photo]] == [one[:2] for one in expected[photo]]]
    differences = [
        abs(one[2] - other[2]) for photo in same for one, other in zip(found[photo], expected[photo], strict=True)
    ]
    print(f"adapter: {adapter}")
    print(f"photos a second: wasm {rate:.2f}, WebGPU {other_rate:.2f}")
    print(f"photos with the same answers: {len(same)} of {len(expected)}")
    print(f"largest difference of a confidence in them: {max(differences, default=0.0):.2g}")


if __name__ == "__main__":
    main()
