"""Pictures for exports, and one ONNX export for all tests that read it."""

import os
from pathlib import Path

import numpy as np
import pytest

import clothes
from clothes.errors import ExportError
from clothes.exporting.web_runtime import LIBRARY, Runtime, get_runtime
from clothes.inference.bundle import MODEL, PROBES, Bundle, read_bundle, write_bundle
from clothes.inference.litert import LiteModel
from clothes.models.litert_head import add_rejection
from clothes.photos import decode
from clothes.system.arrays import pack_arrays
from tests.support.pictures import draw
from tests.support.quick import OLD


@pytest.fixture(scope="session")
def pictures(bundle: Path) -> np.ndarray:
    size = read_bundle(bundle).image_size
    return np.array([decode.read_square(draw(("bar", "frame", "square")[i % 3], 700 + i), size) for i in range(30)])


@pytest.fixture(scope="session")
def onnx_export(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    for module in ("onnx", "onnxruntime", "tf2onnx"):
        pytest.importorskip(module, reason="ONNX needs the extra 'export'")
    return clothes.export(bundle, to="onnx", out=tmp_path_factory.mktemp("onnx") / "out").path


@pytest.fixture(scope="session")
def runtime_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files of LiteRT.js. Skips without npm, unless CLOTHES_REQUIRE_BROWSER is 1."""
    try:
        runtime: Runtime = get_runtime("local")
    except ExportError as error:
        if os.environ.get("CLOTHES_REQUIRE_BROWSER") == "1":
            raise
        pytest.skip(f"LiteRT.js cannot be had: {error}")
    folder = tmp_path_factory.mktemp("runtime")
    for name, data in runtime.files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(data)
    assert (folder / LIBRARY).is_file()
    return folder


@pytest.fixture(scope="session")
def rejecting(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A bundle that is sure by its similarity, whatever its scores are: of some pictures, not of all."""
    bundle = read_bundle(OLD)
    rng = np.random.default_rng(3)
    features = [LiteModel(bundle.file(MODEL)).run(picture).features for picture in bundle.probes()[0]]
    weights = rng.normal(0, 1, len(features[0]))
    middle = np.median([value @ weights for value in features])
    model = add_rejection(bundle.file(MODEL), np.append(weights, -middle).astype(np.float32))
    pictures, _ = bundle.probes()
    scores = np.array([LiteModel(model).run(picture).scores for picture in pictures])
    similarities = [LiteModel(model).run(picture).similarity for picture in pictures]
    info = {key: value for key, value in bundle.info.items() if key not in ("files", "sha256", "format")}
    changes = {"threshold": float(np.median(similarities)), "name": '</title><b>"Böse" & Co</b>'}
    files = {MODEL: model, PROBES: pack_arrays(pictures=pictures, scores=scores)}
    return write_bundle(tmp_path_factory.mktemp("rejecting") / "bundle", info | changes, files)
