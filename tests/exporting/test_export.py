"""An export is there only if it answers as its bundle; it says its classes and what is done to a photo."""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import clothes
from clothes.cli.commands.inference import ExportFormat
from clothes.errors import BundleError, ConfigError, ExportError
from clothes.exporting.export import FORMATS, LARGEST, PICTURES
from clothes.inference.bundle import WEIGHTS, Bundle, pack_weights, read_bundle, write_bundle
from clothes.inference.classifier import BUNDLED, TOLERANCE
from clothes.photos import decode
from clothes.system.checksums import verify_checksum
from tests.support.pictures import draw, make_photos

OF_THE_RUN = "96 photos of the run, 4 starter pictures"  # 84 to train and 12 to validate
MADE = {"onnx": "model.onnx", "litert": "model.tflite", "saved-model": "saved_model", "keras": "model.keras"}


@pytest.fixture(scope="module")
def pictures(bundle: Path) -> np.ndarray:
    size = read_bundle(bundle).image_size
    return np.array([decode.read_square(draw(("bar", "frame", "square")[i % 3], 700 + i), size) for i in range(30)])


def answer_onnx(path: Path, asked: np.ndarray) -> np.ndarray:
    import onnxruntime

    return onnxruntime.InferenceSession(path / MADE["onnx"]).run(["scores"], {"pictures": asked})[0]


def answer_litert(path: Path, asked: np.ndarray) -> np.ndarray:
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(model_path=str(path / MADE["litert"])).get_signature_runner()
    return np.concatenate([runner(pictures=picture[None])["scores"] for picture in asked])


def answer_saved_model(path: Path, asked: np.ndarray) -> np.ndarray:
    import tensorflow as tf

    return tf.saved_model.load(path / MADE["saved-model"]).signatures["serving_default"](tf.constant(asked))["scores"]


def answer_keras(path: Path, asked: np.ndarray) -> np.ndarray:
    import keras

    return np.asarray(keras.models.load_model(path / MADE["keras"])(asked)["scores"])


READERS: dict[str, Callable[[Path, np.ndarray], Any]] = {
    "onnx": answer_onnx,
    "litert": answer_litert,
    "saved-model": answer_saved_model,
    "keras": answer_keras,
}


@pytest.fixture(scope="module")
def onnx_export(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    for module in ("onnx", "onnxruntime", "tf2onnx"):
        pytest.importorskip(module, reason="ONNX needs the extra 'export'")
    return clothes.export(bundle, to="onnx", out=tmp_path_factory.mktemp("onnx") / "out").path


@pytest.mark.parametrize("to", MADE)
def test_an_export_answers_as_its_bundle_where_clothes_is_not(
    bundle: Path, classifier: clothes.Classifier, pictures: np.ndarray, tmp_path: Path, to: str, request: Any
) -> None:
    if to == "onnx":
        request.getfixturevalue("onnx_export")
    steps: list[tuple[str, int, int]] = []
    result = clothes.export(bundle, to=to, out=tmp_path / "out", progress=lambda *step: steps.append(step))
    expected = [classifier.predict(picture) for picture in pictures]
    scores = np.asarray(READERS[to](tmp_path / "out", pictures))
    assert [classifier.classes[i] for i in scores.argmax(axis=1)] == [answer.label for answer in expected]
    told = json.loads((tmp_path / "out" / "export.json").read_text())
    verify_checksum(told)
    assert told["classes"] == list(classifier.classes)
    assert "longer side has 28 pixels" in told["preprocessing"] and "127,127,127" in told["preprocessing"]
    assert told["input"]["shape"] == ["N", 28, 28, 3]
    assert [(item.what, item.pictures) for item in result.compared] == [("probes", 8), (OF_THE_RUN, 100)]
    assert result.compared[1].agreement >= 0.95
    assert max(item.difference for item in result.compared) <= LARGEST
    assert (result.conversion is None) if to == "litert" else (result.conversion is not None)
    assert result.conversion is None or result.conversion <= TOLERANCE
    assert set(result.files) | {"export.json"} == below(tmp_path / "out")
    assert [name for name in result.files if name.startswith(MADE[to])] == list(result.files)
    assert len(steps) == 2
    assert str(tmp_path) not in (tmp_path / "out" / "export.json").read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def below(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_the_formats_of_the_command_are_those_of_the_library() -> None:
    assert tuple(ExportFormat) == FORMATS


def test_an_onnx_file_carries_classes_and_preprocessing_inside(onnx_export: Path) -> None:
    import onnx

    model = onnx.load(onnx_export / "model.onnx")
    props = {item.key: item.value for item in model.metadata_props}
    told = json.loads((onnx_export / "export.json").read_text())
    assert json.loads(props["classes"]) == told["classes"] == ["bar", "frame", "square"]
    assert props["preprocessing"] == told["preprocessing"]
    assert json.loads(props["threshold"]) == told["threshold"]
    assert {value.name for value in model.graph.output} == {"scores", "features"}


def test_int8_keeps_weights_in_a_quarter_and_the_answers(
    onnx_export: Path, bundle: Path, pictures: np.ndarray, tmp_path: Path
) -> None:
    import onnx

    result = clothes.export(bundle, to="onnx", out=tmp_path / "out", int8=True)
    assert result.compared[1].agreement >= 0.95
    small, full = answer_onnx(tmp_path / "out", pictures), answer_onnx(onnx_export, pictures)
    assert 0 < np.abs(small - full).max() < 0.05
    graphs = [onnx.load(path / "model.onnx").graph for path in (tmp_path / "out", onnx_export)]
    large = [[t.data_type for t in graph.initializer if np.prod(t.dims) >= 1000] for graph in graphs]
    assert [set(types) for types in large] == [{onnx.TensorProto.INT8}, {onnx.TensorProto.FLOAT}]
    assert len(large[0]) == len(large[1]) > 0
    for to in ("keras", "saved-model"):
        with pytest.raises(ConfigError, match="is in float32"):
            clothes.export(bundle, to=to, out=tmp_path / "no", int8=True)


@pytest.mark.parametrize(
    "network_of",
    [
        {"architecture": "efficientnet-lite0"},
        {"architecture": "keras:MobileNetV3Small"},
        {"activation": "gelu"},
        {"activation": "silu", "normalization": "none"},
    ],
)
def test_other_networks_become_onnx_too(onnx_export: Path, tmp_path: Path, network_of: dict[str, Any]) -> None:
    """Their graphs have what the shared one has not: sums, depthwise convolutions, other activations."""
    from clothes.config import ModelConfig
    from clothes.exporting import formats
    from clothes.models.architectures import build_model
    from clothes.models.backend import keras
    from clothes.models.conversion import served_model

    config = ModelConfig(**network_of, image_size=64)
    rng = np.random.default_rng(0)
    weights = [value + rng.normal(0, 0.02, value.shape) ** 2 for value in build_model(config, 4).get_weights()]
    network = served_model(config, weights, temperature=0.7)
    asked = rng.integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)
    expected = np.asarray(network(asked)["scores"])
    answer = formats.write_onnx(network, tmp_path / "model.onnx", {"classes": ["a", "b", "c", "d"]}, int8=False)
    assert np.abs(answer(asked) - expected).max() < TOLERANCE
    assert keras.backend.backend() == "tensorflow"


# --- what is not declared good ---


def without_weights(source: Path, to: Path) -> Bundle:
    found = read_bundle(source)
    return write_bundle(to, found.info, {name: found.file(name) for name in found.info["files"] if name != WEIGHTS})


@pytest.mark.parametrize("to", ["onnx", "saved-model", "keras"])
def test_a_bundle_without_weights_says_what_is_needed(tmp_path: Path, to: str) -> None:
    with pytest.raises(BundleError, match=r"has no weights.npz, .*`clothes train` wrote has it; .* litert and space"):
        clothes.export(BUNDLED, to=to, out=tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_the_one_in_the_box_goes_to_a_phone(tmp_path: Path) -> None:
    result = clothes.export(BUNDLED, to="litert", out=tmp_path / "new" / "phone")
    assert [item.what for item in result.compared] == ["probes", f"{PICTURES} starter pictures"]
    assert result.compared[1] == type(result.compared[1])(f"{PICTURES} starter pictures", 100, 1.0, 0.0)
    assert (result.path / "model.tflite").read_bytes() == (BUNDLED / "model.tflite").read_bytes()


@pytest.mark.parametrize("by", [0.3, 3.0])
def test_what_answers_otherwise_is_not_kept(bundle: Path, tmp_path: Path, by: float) -> None:
    """A bundle whose weights are not those of its model."""
    found = read_bundle(bundle)
    rng = np.random.default_rng(0)
    others = pack_weights([value + rng.normal(0, by, value.shape).astype("float32") for value in found.weights()])
    files = {name: found.file(name) for name in found.info["files"]} | {WEIGHTS: others}
    write_bundle(tmp_path / "other", found.info, files)
    with pytest.raises(ExportError, match=r"does not answer as its bundle, so it is not kept. probes: .*--photos DIR"):
        clothes.export(tmp_path / "other", to="keras", out=tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["other"]


def test_a_folder_in_use_stays_as_it_is(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    (tmp_path / "empty").mkdir()
    for name in ("mine", "mine/notes.txt"):
        with pytest.raises(ExportError, match="is in use and stays as it is"):
            clothes.export(bundle, to="litert", out=tmp_path / name)
    with pytest.raises(ExportError, match="Nothing can be written"):
        clothes.export(bundle, to="litert", out=tmp_path / "mine" / "notes.txt" / "out")
    clothes.export(bundle, to="litert", out=tmp_path / "empty")
    assert below(tmp_path) == {"mine/notes.txt", "empty/model.tflite", "empty/export.json"}


def test_photos_of_ones_own_to_compare_on(bundle: Path, tmp_path: Path) -> None:
    photos = make_photos(tmp_path / "photos", each=4)
    (photos / "bar" / "torn.png").write_bytes(b"\x89PNG")
    result = clothes.export(bundle, to="litert", out=tmp_path / "out", photos=photos)
    assert (result.compared[1].what, result.compared[1].pictures) == ("12 photos of photos", 12)
    (tmp_path / "none").mkdir()
    with pytest.raises(clothes.PhotosError, match="No photo in"):
        clothes.export(bundle, to="litert", out=tmp_path / "other", photos=tmp_path / "none")


def test_the_test_part_is_not_looked_at(run: clothes.Run, tmp_path: Path) -> None:
    copy = shutil.copytree(run.path.parent, tmp_path / "copy") / "run"
    here = clothes.Run.open(copy)
    for row in here.split.part("test"):
        (here.photos / row.photo).unlink()
    result = clothes.export(copy, to="litert", out=tmp_path / "out")
    assert result.compared[1].what == OF_THE_RUN
    assert here.info["test_part_opened"] == 0


def test_the_command(bundle: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "clothes", "export", bundle, "--format", "litert", "--out"]
    done = subprocess.run([*command, tmp_path / "a b"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert OF_THE_RUN in done.stdout and done.stdout.splitlines()[-1].endswith("a b/export.json")
    again = subprocess.run([*command, tmp_path / "a b"], capture_output=True, text=True)
    assert again.returncode == 1 and "is in use" in again.stderr
    data = json.loads(subprocess.run([*command, tmp_path / "c", "--json"], capture_output=True, text=True).stdout)
    assert data["compared"][1]["agreement"] == 1


# --- in a browser ---

_PAGE = """<script type="module">
import * as ort from "./ort/ort.wasm.min.mjs";
ort.env.wasm.wasmPaths = new URL("./ort/", location).href;
ort.env.wasm.numThreads = 1;
const told = await (await fetch("model/export.json")).json();
const [, size] = told.input.shape;
const bytes = new Uint8Array(await (await fetch("pictures.bin")).arrayBuffer());
const session = await ort.InferenceSession.create("model/model.onnx");
const one = size * size * 3, answers = [];
for (let i = 0; i < bytes.length; i += one) {
  const input = new ort.Tensor("uint8", bytes.slice(i, i + one), [1, size, size, 3]);
  const { scores } = await session.run({ [told.input.name]: input });
  const values = Array.from(scores.data);
  answers.push([told.classes[values.indexOf(Math.max(...values))], values]);
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


class Quiet(SimpleHTTPRequestHandler):
    extensions_map = SimpleHTTPRequestHandler.extensions_map | {".mjs": "text/javascript", ".wasm": "application/wasm"}

    def log_message(self, *_: Any) -> None:
        pass


@pytest.mark.browser
def test_onnx_gives_the_same_labels_in_chromium(
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
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path))) as server:
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
    difference = np.abs(np.array([scores for _, scores in answers]) - answer_onnx(onnx_export, pictures)).max()
    print(f"{len(answers)} pictures in Chromium: labels equal, largest difference of a score {difference:.2g}")
    assert difference < TOLERANCE


# --- a Space ---


@pytest.fixture(scope="module")
def space(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("gradio", reason="a Space needs the extra 'serve'")
    return clothes.export(bundle, to="space", out=tmp_path_factory.mktemp("space") / "out").path


def test_a_space_is_complete_and_names_nothing_of_this_machine(space: Path, bundle: Path) -> None:
    wheel = f"clothes-{clothes.__version__}-py3-none-any.whl"
    files = {"README.md", "app.py", "requirements.txt", wheel, "export.json"}
    assert below(space) == files | {f"bundle/{name}" for name in ("bundle.json", "model.tflite", "probes.npz")}
    assert clothes.verify(space / "bundle").holds
    card = (space / "README.md").read_text()
    assert card.startswith("---\ntitle: ") and "sdk: gradio\n" in card and "app_file: app.py\n" in card
    needed = (space / "requirements.txt").read_text().split("\n")
    assert {line.split(">")[0].split("<")[0] for line in needed} >= {"ai-edge-litert", "gradio", "numpy", "pillow"}
    assert not [line for line in needed if "tensorflow" in line or "keras" in line]
    for name in files - {wheel}:
        assert str(space.parent) not in (space / name).read_text()


def test_its_wheel_is_one(space: Path, tmp_path: Path) -> None:
    (path,) = space.glob("*.whl")
    with zipfile.ZipFile(path) as wheel:
        assert wheel.testzip() is None
        names = wheel.namelist()
        assert len(names) == len(set(names))
    assert {"clothes/py.typed", "clothes/camera.js", "clothes/inference/bundled/model.tflite"} < set(names)
    assert not [name for name in names if "__pycache__" in name]
    command = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--target", tmp_path / "here", path]
    if subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True).returncode:
        command = ["uv", *command[2:]]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    code = "import clothes; print(clothes.__version__, clothes.__file__)"
    told = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path / "here")},
        capture_output=True,
        text=True,
    ).stdout.split()
    assert told == [clothes.__version__, str(tmp_path / "here" / "clothes" / "__init__.py")]


@pytest.fixture(scope="module")
def started_space(space: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the Space, started by the two commands that Spaces runs, in an environment of its own."""
    from clothes.web import server as pages

    place = tmp_path_factory.mktemp("venv")
    subprocess.run([sys.executable, "-m", "venv", place], check=True)
    python = place / "bin" / "python"
    bare = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "GRADIO_TEMP_DIR")}
    done = subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "-r", "requirements.txt"],
        cwd=space,
        env=bare,
        capture_output=True,
        text=True,
    )
    if done.returncode and "No matching distribution" in done.stderr + done.stdout:
        pytest.skip("the package index cannot be reached")
    assert done.returncode == 0, done.stderr
    port = pages.free_port("127.0.0.1", 0)
    own = bare | {"GRADIO_SERVER_PORT": str(port), "GRADIO_TEMP_DIR": str(place / "uploads")}
    running = subprocess.Popen([python, "app.py"], cwd=space, env=own, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        running.kill()
        running.communicate()


def test_a_space_starts_by_two_commands_and_answers(
    started_space: str, classifier: clothes.Classifier, tmp_path: Path
) -> None:
    from gradio_client import Client, handle_file

    draw("bar", 903).save(tmp_path / "bar.png")
    for attempt in range(120):
        try:
            client = Client(started_space, analytics_enabled=False, download_files=False, verbose=False)
            break
        except Exception:
            assert attempt < 119, "the Space did not open its page within a minute"
            time.sleep(0.5)
    answer = client.predict(handle_file(tmp_path / "bar.png"), api_name="/predict")
    expected = classifier.predict(tmp_path / "bar.png")
    assert answer["label"] == expected.label
    assert answer["scores"] == pytest.approx(expected.scores, abs=1e-6)
