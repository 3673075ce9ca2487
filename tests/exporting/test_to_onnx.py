"""ONNX files hold their description and answer the same in Python and in a browser."""

import json
import os
import shutil
import subprocess
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import clothes
from clothes.inference.classifier import TOLERANCE
from tests.support.exports import score_with_onnx

for module in ("onnx", "onnxruntime", "tf2onnx"):
    pytest.importorskip(module, reason="ONNX needs the extra 'export'")


def test_file_holds_classes_and_preprocessing(onnx_export: Path) -> None:
    import onnx

    model = onnx.load(onnx_export / "model.onnx")
    props = {item.key: item.value for item in model.metadata_props}
    described = json.loads((onnx_export / "export.json").read_text())
    assert json.loads(props["classes"]) == described["classes"] == ["bar", "frame", "square"]
    assert props["preprocessing"] == described["preprocessing"]
    assert json.loads(props["threshold"]) == described["threshold"]
    assert {value.name for value in model.graph.output} == {"scores", "features"}


@pytest.mark.slow
def test_int8_quarters_the_weights_and_keeps_the_labels(
    onnx_export: Path, bundle: Path, pictures: np.ndarray, tmp_path: Path
) -> None:
    import onnx

    result = clothes.export(bundle, to="onnx", out=tmp_path / "out", int8=True)
    assert result.compared[1].agreement >= 0.95
    small, full = score_with_onnx(tmp_path / "out", pictures), score_with_onnx(onnx_export, pictures)
    assert 0 < np.abs(small - full).max() < 0.05
    graphs = [onnx.load(path / "model.onnx").graph for path in (tmp_path / "out", onnx_export)]
    large = [[t.data_type for t in graph.initializer if np.prod(t.dims) >= 1000] for graph in graphs]
    assert [set(types) for types in large] == [{onnx.TensorProto.INT8}, {onnx.TensorProto.FLOAT}]
    assert len(large[0]) == len(large[1]) > 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "network_of",
    [
        {"architecture": "efficientnet-lite0"},
        {"architecture": "keras:MobileNetV3Small"},
        {"activation": "gelu"},
        {"activation": "silu", "normalization": "none"},
    ],
)
def test_other_networks_are_converted(
    tmp_path: Path, network_of: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their graphs have sums, depthwise convolutions and other activations."""
    from clothes.config import ModelConfig
    from clothes.exporting.agreement import Pictures
    from clothes.exporting.to_onnx import to_onnx
    from clothes.models.architectures import build_model
    from clothes.models.backend import keras
    from clothes.models.conversion import served_model

    config = ModelConfig(**network_of, image_size=64)
    rng = np.random.default_rng(0)
    model = build_model(config, 4)
    model.set_weights([value + rng.normal(0, 0.02, value.shape) ** 2 for value in model.get_weights()])
    network = served_model(model, temperature=0.7)
    asked = rng.integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)
    expected = np.asarray(network(asked)["scores"])
    source = SimpleNamespace(
        network=network, description={"classes": ["a", "b", "c", "d"]}, int8=False, answer="scores"
    )
    monkeypatch.delenv("ORT_DISABLE_TELEMETRY", raising=False)
    scorer = to_onnx(source, tmp_path)  # type: ignore[arg-type]
    assert os.environ["ORT_DISABLE_TELEMETRY"] == "1"
    assert np.abs(scorer(Pictures("noise", [], asked)) - expected).max() < TOLERANCE
    assert keras.backend.backend() == "tensorflow"


_PAGE = """<script type="module">
import * as ort from "./ort/ort.wasm.min.mjs";
ort.env.wasm.wasmPaths = new URL("./ort/", location).href;
ort.env.wasm.numThreads = 1;
const described = await (await fetch("model/export.json")).json();
const [, size] = described.input.shape;
const bytes = new Uint8Array(await (await fetch("pictures.bin")).arrayBuffer());
const session = await ort.InferenceSession.create("model/model.onnx");
const one = size * size * 3, answers = [];
for (let i = 0; i < bytes.length; i += one) {
  const input = new ort.Tensor("uint8", bytes.slice(i, i + one), [1, size, size, 3]);
  const { scores } = await session.run({ [described.input.name]: input });
  const values = Array.from(scores.data);
  answers.push([described.classes[values.indexOf(Math.max(...values))], values]);
}
window.answers = answers;
</script>"""


@pytest.fixture(scope="module")
def onnxruntime_web(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of onnxruntime-web's files, from the npm registry."""
    if shutil.which("npm") is None:
        pytest.skip("no npm on this machine")
    folder = tmp_path_factory.mktemp("web")
    command = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "onnxruntime-web@1"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"onnxruntime-web cannot be had from the npm registry: {done.stderr.strip()[-200:]}")
    return folder / "node_modules" / "onnxruntime-web" / "dist"


class Handler(SimpleHTTPRequestHandler):
    extensions_map = SimpleHTTPRequestHandler.extensions_map | {".mjs": "text/javascript", ".wasm": "application/wasm"}

    def log_message(self, *_: Any) -> None:
        pass


@pytest.mark.slow
@pytest.mark.browser
def test_onnx_gives_the_same_scores_in_chromium(
    onnx_export: Path, onnxruntime_web: Path, classifier: clothes.Classifier, pictures: np.ndarray, tmp_path: Path
) -> None:
    from tests.support.browser import CHROMIUM, FLAGS

    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    (tmp_path / "index.html").write_text(_PAGE)
    (tmp_path / "ort").symlink_to(onnxruntime_web)
    (tmp_path / "model").symlink_to(onnx_export)
    (tmp_path / "pictures.bin").write_bytes(pictures.tobytes())
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(tmp_path))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with playwright.sync_playwright() as started:
            browser = started.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            page = browser.new_page()
            page.goto(f"http://127.0.0.1:{server.server_port}/")
            page.wait_for_function("window.answers", timeout=60_000)
            answers = page.evaluate("window.answers")
            browser.close()
        server.shutdown()
    assert [label for label, _ in answers] == [classifier.predict(picture).label for picture in pictures]
    difference = np.abs(np.array([scores for _, scores in answers]) - score_with_onnx(onnx_export, pictures)).max()
    print(f"{len(answers)} pictures in Chromium: labels equal, largest difference of a score {difference:.2g}")
    assert difference < TOLERANCE
