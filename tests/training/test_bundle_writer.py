"""Bundles of other networks and backends, and of photos of no class."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("keras", reason="training needs the extra 'train'")

import clothes
from clothes.errors import BundleError, MissingExtraError
from clothes.models.pretrained import weights_file
from clothes.training import bundle_writer
from clothes.training.train import train
from tests.support.commands import run_command
from tests.support.pictures import SMALL, draw, make_photos


@pytest.mark.slow
def test_a_fine_tuned_network(photos: Path, tmp_path: Path) -> None:
    try:
        weights_file("efficientnet-lite0")
    except MissingExtraError:
        pytest.skip("the extra 'weights' is not installed")
    changes = {"model": {"architecture": "efficientnet-lite0", "image_size": 32}, "train": {"epochs": 1}}
    run = train(photos, out=tmp_path / "run", changes=changes)
    assert run.config.model.weights == "imagenet"
    scores, features, _ = clothes.load(run.path).model.run(np.zeros((32, 32, 3), np.uint8))
    assert (scores.shape, features.shape) == ((3,), (1280,))
    size = (run.path / "bundle" / "model.tflite").stat().st_size
    assert size < 5_600_000  # 3.4 million weights of 8 bits


@pytest.mark.slow
@pytest.mark.parametrize("is_float_right", [True, False])
def test_a_network_that_8_bits_change_too_much_computes_in_float32(
    is_float_right: bool, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    convert, in_8_bits = bundle_writer.to_litert, []

    def convert_badly(*given: Any, temperature: float, examples: np.ndarray | None) -> bytes:
        in_8_bits.append(examples is not None)
        is_right = examples is None and is_float_right
        return convert(*given, temperature=temperature if is_right else 100 * temperature, examples=examples)

    monkeypatch.setattr(bundle_writer, "to_litert", convert_badly)
    if is_float_right:
        run = train(photos, out=tmp_path / "run", config=SMALL)
        assert clothes.verify(run.path).holds
    else:
        with pytest.raises(BundleError, match="answers differently"):
            train(photos, out=tmp_path / "run", config=SMALL)
    assert in_8_bits == [True, False]


@pytest.mark.slow
def test_a_network_of_keras(photos: Path, tmp_path: Path) -> None:
    changes = {
        "model": {"architecture": "keras:MobileNet", "image_size": 32, "weights": "none"},
        "train": {"epochs": 1},
    }
    run = train(photos, out=tmp_path / "run", changes=changes)
    assert clothes.load(run.path).predict(draw("bar", 1)).label in ("bar", "frame", "square")


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_other_backends_train_too(backend: str, photos: Path, tmp_path: Path) -> None:
    pytest.importorskip(backend, reason=f"{backend} is not installed")
    code = (
        "import json, sys, clothes\n"
        "config = clothes.Config.from_dict(json.loads(sys.argv[1]))\n"
        "run = clothes.train(sys.argv[2], out=sys.argv[3], config=config)\n"
        "print(run.bundle.info['versions']['backend'], len(run.history))"
    )
    config = json.dumps(SMALL.changed({"train": {"epochs": 1}}).to_dict())
    done = subprocess.run(
        [sys.executable, "-c", code, config, str(photos), str(tmp_path / "run")],
        env=os.environ | {"KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == [backend, "1"], done.stderr
    assert clothes.load(tmp_path / "run").predict(draw("bar", 1)).label in ("bar", "frame", "square")


@pytest.mark.slow
def test_photos_of_no_class_are_trained_on_and_counted_apart(tmp_path: Path) -> None:
    photos = make_photos(tmp_path / "photos", each=20)
    (photos / "frame").rename(photos / "_other")
    report = clothes.check(photos)
    assert report.classes == ("bar", "square")
    assert "_other" in str(report)
    alone = make_photos(tmp_path / "alone", each=3, shapes=("bar",))
    (alone / "bar").rename(alone / "_other")
    assert "There are no classes beside _other" in str(clothes.check(alone))
    assert "_other" in run_command("split", photos).out
    run = train(photos, out=tmp_path / "run", config=SMALL)
    assert run.split.classes == ("bar", "square")
    assert run.split.counts()["train"] == {"_other": 14, "bar": 14, "square": 14}
    validation = run.bundle.info["metrics"]["validation"]
    assert validation["photos"] == 4
    assert validation["known"] >= 0.95
    assert 0 <= validation["others_known"] <= 1
    classifier = clothes.load(run.path)
    assert classifier.classes == ("bar", "square")
    assert 0 < classifier.threshold < 1
    assert "rejection" not in run.bundle.info  # 14 photos are too few
    result = clothes.evaluate(run.path)
    assert (result.photos, result.others) == (8, 4)
