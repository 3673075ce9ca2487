"""What the layers see is what the network computes, and each stage is explained."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import clothes
from clothes.config import ModelConfig
from clothes.evaluation.activations import Stage, _visible_layers
from clothes.models.architectures import build_model
from clothes.photos import decode
from clothes.report.activations_page import draw_maps, write_look
from tests.support.pictures import draw


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    draw("frame", 960).save(tmp_path / "<b>frame.png")
    return tmp_path / "<b>frame.png"


def test_each_convolution_and_pooling_is_shown_and_explained(run: clothes.Run, photo: Path) -> None:
    seen = clothes.look(photo, model=run.path)
    assert [stage.name for stage in seen.stages] == ["conv1", "pool1", "conv2", "pool2", "conv3", "pool3"]
    assert [stage.maps.shape for stage in seen.stages][:3] == [(8, 28, 28), (8, 14, 14), (8, 14, 14)]
    assert (seen.picture == decode.read_square(photo, 28)).all()
    weights = run.bundle.weights()[0]  # of conv1: the map of a filter is the photo, scaled, under it
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


def test_of_a_deep_network_the_last_layer_of_each_size_is_shown() -> None:
    layers = _visible_layers(build_model(ModelConfig("efficientnet-lite0", image_size=64), 3))
    assert [layer.output.shape[1] for layer in layers] == [32, 16, 8, 4, 2, 1280]
    assert layers[-1].name == "features"


def test_a_bundle_without_weights_says_what_is_needed(photo: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "clothes", "look", photo.name], cwd=photo.parent, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "the bundle box has none" in done.stderr and "clothes train PHOTOS" in done.stderr
    assert list(photo.parent.iterdir()) == [photo]


def test_the_page_is_written_once_and_escapes(run: clothes.Run, photo: Path, tmp_path: Path) -> None:
    write_look(photo, model=run.path, out=tmp_path / "layers.html")
    page = (tmp_path / "layers.html").read_text()
    assert page.count('<div class="stage">') == 6 and "<b>" not in page and "&lt;b&gt;frame.png" in page
    (tmp_path / "mine.html").write_text("mine")
    with pytest.raises(clothes.ClothesError, match="exists and is not replaced"):
        write_look(photo, model=run.path, out=tmp_path / "mine.html")
    assert (tmp_path / "mine.html").read_text() == "mine"
    assert len(list(tmp_path.iterdir())) == 3


def test_maps_of_one_value_can_be_drawn() -> None:
    for shape in ((3, 5, 5), (1, 36, 36), (9, 1, 1)):
        assert draw_maps(Stage("flat", np.zeros(shape, np.float32), "")).startswith("data:image/jpeg")


@pytest.mark.browser
def test_it_fits_a_phone(browser: Any, run: clothes.Run, photo: Path, tmp_path: Path) -> None:
    write_look(photo, model=run.path, out=tmp_path / "layers.html")
    opened = browser.new_page(viewport={"width": 390, "height": 844})
    opened.goto((tmp_path / "layers.html").as_uri())
    assert opened.evaluate("document.documentElement.scrollWidth") <= 390
    assert opened.evaluate("[...document.images].every((i) => i.complete && i.naturalWidth > 0)")
    assert opened.locator(".stage").count() == 6
    opened.close()
