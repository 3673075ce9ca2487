"""Pictures for exports, and one ONNX export for all tests that read it."""

from pathlib import Path

import numpy as np
import pytest

import clothes
from clothes.inference.bundle import read_bundle
from clothes.photos import decode
from tests.support.pictures import draw


@pytest.fixture(scope="session")
def pictures(bundle: Path) -> np.ndarray:
    size = read_bundle(bundle).image_size
    return np.array([decode.read_square(draw(("bar", "frame", "square")[i % 3], 700 + i), size) for i in range(30)])


@pytest.fixture(scope="session")
def onnx_export(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    for module in ("onnx", "onnxruntime", "tf2onnx"):
        pytest.importorskip(module, reason="ONNX needs the extra 'export'")
    return clothes.export(bundle, to="onnx", out=tmp_path_factory.mktemp("onnx") / "out").path
