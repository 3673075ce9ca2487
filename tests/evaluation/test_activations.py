"""Feature maps are what the network computes, and each stage has an explanation."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import clothes
from clothes.errors import BundleError
from clothes.inference.bundle import MODEL
from clothes.inference.classifier import BUNDLED
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


def test_deep_network_shows_the_last_layer_of_each_size_and_what_it_averages(photo: Path) -> None:
    stages = clothes.look(photo, model=BUNDLED).stages
    assert [stage.maps.shape[1] for stage in stages] == [112, 56, 28, 14, 7, 36]
    assert (stages[-1].name, stages[-2].maps.shape[0]) == ("average", 1280)
    assert "edges" in stages[0].text and "parts" in stages[-2].text and "averaged" in stages[-1].text
    features = next(clothes.load().features_many([photo]))
    averages = stages[-1].maps.ravel()[:1280]
    assert (averages == features).all() and features.max() > 0.1
    of_maps = np.sort(stages[-2].maps.mean(axis=(1, 2)))  # the maps are in another order
    assert np.abs(of_maps - np.sort(averages)).max() < 0.02  # 8 bits


def test_a_damaged_model_is_refused(photo: Path, tmp_path: Path) -> None:
    shutil.copytree(BUNDLED, tmp_path / "bundle")
    (tmp_path / "bundle" / MODEL).write_bytes(b"TFL3")
    with pytest.raises(BundleError, match="damaged"):
        clothes.look(photo, model=tmp_path / "bundle")


def test_it_needs_no_keras(photo: Path) -> None:
    code = "import sys, clothes; clothes.look(sys.argv[1], model=sys.argv[2]); print('keras' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code, photo, BUNDLED], capture_output=True, text=True, check=True, timeout=300
    )
    assert done.stdout.strip() == "False"
