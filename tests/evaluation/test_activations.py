"""Feature maps are what the network computes, and each stage has an explanation."""

import re
from pathlib import Path

import numpy as np
import pytest

import clothes
from clothes.config import ModelConfig
from clothes.errors import BundleError, MissingExtraError
from clothes.evaluation.activations import _visible_layers
from clothes.inference.classifier import BUNDLED
from clothes.models import backend_check
from clothes.models.architectures import build_model
from clothes.photos import decode
from tests.support.pictures import draw


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    draw("frame", 960).save(tmp_path / "<b>frame.png")
    return tmp_path / "<b>frame.png"


def test_each_convolution_and_pooling_has_maps_and_an_explanation(run: clothes.Run, photo: Path) -> None:
    seen = clothes.look(photo, model=run.path)
    assert [stage.name for stage in seen.stages] == ["conv1", "pool1", "conv2", "pool2", "conv3", "pool3"]
    assert [stage.maps.shape for stage in seen.stages][:3] == [(8, 28, 28), (8, 14, 14), (8, 14, 14)]
    assert (seen.picture == decode.read_square(photo, 28)).all()
    weights = run.bundle.weights()[0]  # of conv1
    padded = np.pad(seen.picture / 127.5 - 1, ((1, 1), (1, 1), (0, 0)))
    by_hand = np.stack(
        [(padded[y : y + 3, x : x + 3, :, None] * weights).sum(axis=(0, 1, 2)) for y in range(28) for x in range(28)]
    ).reshape(28, 28, 8)
    order = np.argsort(-by_hand.std(axis=(0, 1)))
    assert np.abs(seen.stages[0].maps - by_hand[..., order].transpose(2, 0, 1)).max() < 1e-3
    texts = [stage.text for stage in seen.stages]
    assert all(len(re.findall(r"[.](?: |$)", text)) == 2 for text in texts)
    assert "edges" in texts[0] and "patterns of patterns" in texts[2] and "parts" in texts[4]
    assert "14 x 14" in texts[1]


@pytest.mark.slow
def test_deep_network_shows_the_last_layer_of_each_size() -> None:
    layers = _visible_layers(build_model(ModelConfig("efficientnet-lite0", image_size=64), 3))
    assert [layer.output.shape[1] for layer in layers] == [32, 16, 8, 4, 2, 1280]
    assert layers[-1].name == "features"


def test_bundle_without_weights_is_refused(photo: Path) -> None:
    with pytest.raises(BundleError, match=r"the bundle box has none.*clothes train PHOTOS"):
        clothes.look(photo, model=BUNDLED)


def test_look_without_keras_names_the_extra(monkeypatch: pytest.MonkeyPatch, photo: Path, run: clothes.Run) -> None:
    monkeypatch.setattr(backend_check, "find_spec", lambda name: None if name == "keras" else object())
    with pytest.raises(MissingExtraError, match="Looking at layers needs the extra 'train'"):
        clothes.look(photo, model=run.path)
