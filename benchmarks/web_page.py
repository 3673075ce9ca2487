"""Measures the static page of a bundle in a headless Chromium, by LiteRT.js and by onnxruntime-web.

    python -m benchmarks.web_page [BUNDLE] [--photos 50] [--runs 3]

Exports the bundle (by default the bundled model) as a page, and makes two more of it in which only the runtime and the
model are others: onnxruntime-web from npm and the bundle's ONNX, in float32 and with 8-bit weights. So all three decode
and resize in the same way. A bundle without Keras weights, as the bundled one, gives the ONNX of a network of the same
architecture with new weights: of the same size and work. Its labels mean nothing and are not compared.

It opens each page and answers a photo, so that the browser has it in its cache, then opens it anew `--runs` times: the
first answer is from the start of the visit to the answer to a photo of 12 million pixels, which is chosen at once. Then
it answers `--photos` JPEGs of 640 x 480 pixels as one choice. Prints a table: megabytes of the folder and as gzip sends
it, seconds of the first answer (median and largest), photos a second (median over the runs), labels as of LiteRT.js.
"""

import argparse
import csv
import gzip
import io
import json
import re
import shutil
import statistics
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import sync_playwright

import clothes
from clothes.config import Config
from clothes.exporting import web_page
from clothes.exporting.source_bundle import Source
from clothes.exporting.to_onnx import to_onnx
from clothes.exporting.web_runtime import Runtime, integrity
from clothes.inference.bundle import MODEL, PROBES, REJECTION, WEIGHTS, Bundle, read_bundle, write_bundle
from clothes.inference.classifier import BUNDLED
from clothes.system.arrays import pack_arrays
from tests.support.browser import CHROMIUM, FLAGS
from tests.support.pictures import jpeg, smooth
from tests.support.static_page import choose, download_table, static_host

ORT = "onnxruntime-web@1.30.0"
ORT_SCRIPT, ORT_WASM = "ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm"  # without WebGPU; one thread
# The part of LiteRT.js that the page uses, by onnxruntime-web.
SHIM = """
import { env, InferenceSession, Tensor as Values } from "./ort.wasm.bundle.min.mjs";
env.wasm.numThreads = 1;
export const loadLiteRt = async () => {};
export class Tensor {
  constructor(data, shape) { this.values = new Values("uint8", data, shape); }
  delete() {}
}
export const loadAndCompile = async (data) => {
  const session = await InferenceSession.create(data, { executionProviders: ["wasm"] });
  const wanted = session.outputNames.filter((name) => name !== "features");
  const asTensor = (values) => ({ toTypedArray: () => values.data, delete: () => values.dispose() });
  return { run: async ({ pictures }) => {
    const found = await session.run({ pictures: pictures.values }, wanted);
    return Object.fromEntries(wanted.map((name) => [name, asTensor(found[name])]));
  } };
};
"""


def with_weights(bundle: Bundle, folder: Path) -> Bundle:
    """Returns the bundle, or one of the same architecture with new weights."""
    if WEIGHTS in bundle.info["files"]:
        return bundle
    from clothes.models.architectures import build_model

    config = Config.from_dict(bundle.info["config"]).model
    network = build_model(config, len(bundle.classes))
    more = {}
    if "rejection" in bundle.info:
        units = network.get_layer("features").output.shape[-1]
        more[REJECTION] = np.zeros(units + 1, np.float32)
    weights = pack_arrays(*network.get_weights(), **more)
    info = {key: value for key, value in bundle.info.items() if key not in ("files", "sha256", "format")}
    files = {MODEL: bundle.file(MODEL), PROBES: bundle.file(PROBES), WEIGHTS: weights}
    return write_bundle(folder, info, files)


def get_ort(folder: Path) -> dict[str, bytes]:
    """Returns the files of onnxruntime-web, from npm."""
    command = ["npm", "pack", ORT, "--silent", "--ignore-scripts", "--pack-destination", str(folder)]
    subprocess.run(command, check=True, capture_output=True)
    with tarfile.open(next(folder.glob("*.tgz"))) as package:
        return {name: package.extractfile(f"package/dist/{name}").read() for name in (ORT_SCRIPT, ORT_WASM)}  # type: ignore[union-attr]


def with_ort(page: Path, model: bytes, files: dict[str, bytes], folder: Path) -> Path:
    """Writes a copy of a page that runs an ONNX model by onnxruntime-web. Returns its folder."""
    shutil.copytree(page, folder)
    for path in (*(folder / "runtime").glob("litert*"), folder / "service-worker.js"):
        path.unlink()
    for name, data in {**files, "litert.js": SHIM.encode()}.items():
        (folder / "runtime" / name).write_bytes(data)
    (folder / MODEL).write_bytes(model)
    about = json.loads((folder / "model.json").read_text("utf-8"))
    (folder / "model.json").write_text(json.dumps(about | {"model": integrity(model)}), "utf-8")
    html = (folder / "index.html").read_text("utf-8")
    (folder / "index.html").write_text(re.sub(r'<script src="runtime/.*?</script>', "", html), "utf-8")
    web_page.write_service_worker(Runtime({}, is_remote=False), folder)
    return folder


def make_pages(bundle: Bundle, place: Path) -> Iterator[tuple[str, Path]]:
    """Yields each runtime and the folder of its page."""
    page = clothes.export(bundle.path, to="web", out=place / "page").path
    yield "LiteRT.js", page
    files, source = get_ort(place), with_weights(bundle, place / "weights")
    for name, int8 in (("onnxruntime-web, float32", False), ("onnxruntime-web, 8-bit weights", True)):
        folder = place / f"onnx-{int8}"
        folder.mkdir()
        to_onnx(Source(source, int8=int8), folder)
        yield name, with_ort(page, (folder / "model.onnx").read_bytes(), files, place / f"page-{int8}")


def open_page(browser: Any, url: str) -> Any:
    page = browser.new_page()
    page.set_default_timeout(120_000)
    page.goto(url)
    page.wait_for_selector("body[data-ready]")
    return page


def first_answer(page: Any, url: str, photo: bytes, answer: str = ".bars") -> float:
    """Returns the seconds from the start of a visit to its first answer."""
    start = time.perf_counter()
    page.goto(url)
    page.wait_for_selector("body[data-ready]")
    choose(page, ("photo.jpg", photo))
    page.wait_for_selector(answer)
    return time.perf_counter() - start


def many_answers(page: Any, photos: list[bytes]) -> float:
    """Returns photos a second."""
    start = time.perf_counter()
    choose(page, *((f"{number}.jpg", photo) for number, photo in enumerate(photos)))
    page.wait_for_selector("a[download]")
    return len(photos) / (time.perf_counter() - start)


def measure(playwright: Any, folder: Path, photos: list[bytes], runs: int) -> dict[str, Any]:
    """Returns what one page takes, and its labels of the photos."""
    large = jpeg(smooth(0, (4000, 3000)), 90)
    contents = [path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != "export.json"]
    with tempfile.TemporaryDirectory() as profile, static_host(folder) as url:
        browser = playwright.chromium.launch_persistent_context(profile, executable_path=CHROMIUM, args=FLAGS)
        page = open_page(browser, url)
        first_answer(page, url, large)
        firsts = [first_answer(page, url, large) for _ in range(runs)]
        rates = [many_answers(page, photos) for _ in range(runs)]
        table = csv.DictReader(io.StringIO(download_table(page).decode("utf-8-sig")))
        labels = [row["label"] for row in table]
        browser.close()
    return {
        "MB": f"{sum(map(len, contents)) / 1e6:.1f}",
        "by gzip": f"{sum(len(gzip.compress(data)) for data in contents) / 1e6:.1f}",
        "first answer, s": f"{statistics.median(firsts):.2f} ({max(firsts):.2f})",
        "photos/s": f"{statistics.median(rates):.1f}",
        "labels": labels,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", nargs="?", default=BUNDLED)
    parser.add_argument("--photos", type=int, default=50)
    parser.add_argument("--runs", type=int, default=3)
    asked = parser.parse_args()
    bundle = read_bundle(asked.bundle)
    photos = [jpeg(smooth(seed, (640, 480)), 90) for seed in range(asked.photos)]
    with tempfile.TemporaryDirectory() as place:
        pages = list(make_pages(bundle, Path(place)))
        with sync_playwright() as playwright:
            found = {name: measure(playwright, folder, photos, asked.runs) for name, folder in pages}
    expected = found["LiteRT.js"]["labels"]
    for row in found.values():
        equal = sum(label == other for label, other in zip(row.pop("labels"), expected, strict=True))
        row["labels as of LiteRT.js"] = f"{equal} of {len(photos)}" if WEIGHTS in bundle.info["files"] else "–"
    columns = ["runtime", *next(iter(found.values()))]
    for cells in (columns, ["---"] * len(columns), *([name, *row.values()] for name, row in found.items())):
        print(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
