"""The bundled model: small, complete, loaded without a path, and as its model card says."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import clothes
from clothes.inference.bundle import read_bundle
from clothes.inference.classifier import BUNDLED
from clothes.inference.confidence import percent
from clothes.inference.litert import LiteModel
from tests.support.pictures import ROOT, SHARED

CLASSES = ("dress", "hat", "longsleeve", "outwear", "pants", "shirt", "shoes", "shorts", "skirt", "t-shirt")


@pytest.fixture(scope="module")
def bundled() -> clothes.Classifier:
    return clothes.load()


def test_it_is_loaded_without_a_path(bundled: clothes.Classifier) -> None:
    assert bundled.path == BUNDLED
    assert bundled.classes == CLASSES


def test_it_is_small_and_has_no_weights() -> None:
    assert sorted(path.name for path in BUNDLED.iterdir()) == ["bundle.json", "model.tflite", "probes.npz"]
    assert sum(path.stat().st_size for path in BUNDLED.iterdir()) <= 6_000_000
    assert "/" not in (BUNDLED / "bundle.json").read_text()  # no path of the machine that made it


def test_its_golden_samples_have_their_recorded_scores() -> None:
    bundle = read_bundle(BUNDLED)
    model = LiteModel(bundle.file("model.tflite"))
    for picture, expected in zip(*bundle.probes(), strict=True):
        scores, features, _ = model.run(picture)
        assert scores == pytest.approx(expected, abs=1e-3)
        assert features.shape == (1280,)


def test_predict_needs_no_model_no_network_and_no_tensorflow(tmp_path: Path) -> None:
    from PIL import Image

    Image.fromarray(np.full((400, 300, 3), 200, np.uint8)).save(tmp_path / "wall.jpg")
    code = (
        "import sys, socket\n"
        "socket.socket = None\n"
        "from clothes.cli.main import main\n"
        "sys.argv = ['clothes', 'predict', 'wall.jpg', '--json']\n"
        "try: main()\n"
        "finally: print([m for m in ('tensorflow', 'keras', 'gradio') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    answer, heavy = done.stdout.splitlines()
    assert json.loads(answer)["known"] is False
    assert heavy == "[]"


def test_real_photos_are_recognised_and_other_things_rejected(bundled: clothes.Classifier) -> None:
    """Most were train photos of this model: shows that it works here, and measures nothing."""
    if not SHARED.exists():
        pytest.skip("the shared photos are not here")
    shoes = sorted((SHARED / "street-crops" / "shoes").glob("*.jpg"))[:20]
    assert sum(answer.label == "shoes" for answer in bundled.predict_many(shoes)) >= 18
    things = sorted((SHARED / "not-clothes").glob("*.jpg"))[:60]
    assert sum(not answer.known for answer in bundled.predict_many(things)) >= 50


def test_model_card_has_the_figures_of_the_bundle(bundled: clothes.Classifier) -> None:
    card = ROOT / "docs" / "model-card.md"
    if not card.exists():
        pytest.skip("not in a checkout")
    text = card.read_text(encoding="utf-8")
    test = bundled.info["metrics"]["test"]
    assert percent(test["accuracy"]) in text
    assert f"{bundled.threshold:.3f}" in text
    assert f"{test['ece']:.3f}" in text
