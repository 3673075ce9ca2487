"""A classifier gives the same answer for a photo in any form, on any machine, without TensorFlow."""

import copy
import io
import json
import multiprocessing
import os
import pickle
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import clothes
from clothes.errors import BundleError, PhotoError
from clothes.inference.bundle import make_probes, read_bundle
from clothes.inference.litert import Outputs
from tests.support.pictures import ROOT, draw


def test_path_bytes_pil_and_array_give_equal_scores(classifier: clothes.Classifier, tmp_path: Path) -> None:
    path = tmp_path / "turned.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    draw("bar", 800, size=(300, 200)).save(path, exif=exif)
    expected = classifier.predict(path)
    for same in (str(path), path.read_bytes(), Image.open(path), clothes.photos.decode.read(path)):
        assert classifier.predict(same).scores == expected.scores


def test_open_files_are_read_from_their_start_and_stay_open(classifier: clothes.Classifier, tmp_path: Path) -> None:
    path, buffer = tmp_path / "bar.png", io.BytesIO()
    draw("bar", 803).save(path)
    draw("bar", 803).save(buffer, "PNG")
    expected = classifier.predict(path).scores
    with path.open("rb") as file, path.open("rb", buffering=0) as raw, tempfile.SpooledTemporaryFile() as spooled:
        spooled.write(path.read_bytes())
        for opened in (buffer, file, file, raw, spooled):
            assert classifier.predict(opened).scores == expected
            assert not opened.closed
    read, write = os.pipe()
    with os.fdopen(read, "rb") as pipe:
        os.write(write, path.read_bytes())
        os.close(write)
        assert classifier.predict(pipe).scores == expected


def test_open_files_without_a_photo_are_refused(classifier: clothes.Classifier, tmp_path: Path) -> None:
    path = tmp_path / "no.txt"
    path.write_text("no photo")
    with path.open() as text, path.open("rb") as closed:
        closed.close()
        for file, reason in ((text, "open it as 'rb'"), (closed, "closed file"), (io.BytesIO(), "is empty")):
            with pytest.raises(PhotoError, match=reason):
                classifier.predict(file)  # type: ignore[arg-type]


def test_a_pickled_classifier_predicts_the_same_in_another_process(bundle: Path, tmp_path: Path) -> None:
    """The process starts anew (spawn) and the bundle is gone."""
    shutil.copytree(bundle, tmp_path / "copy")
    classifier = clothes.load(tmp_path / "copy")
    shutil.rmtree(tmp_path / "copy")
    pictures = [np.asarray(draw("bar", seed)) for seed in (804, 805)]
    expected = list(map(classifier.predict, pictures))
    assert pickle.loads(pickle.dumps(classifier)).predict(pictures[0]) == expected[0]
    assert copy.deepcopy(classifier).predict(pictures[0]) == expected[0]
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.map(classifier.predict, pictures) == expected


def test_prediction_has_a_score_for_each_class_highest_first(classifier: clothes.Classifier, tmp_path: Path) -> None:
    path = tmp_path / "square.png"
    draw("square", 801).save(path)
    answer = classifier.predict(path)
    assert answer.photo == str(path)
    assert set(answer.scores) == set(classifier.classes) == {"bar", "frame", "square"}
    assert sum(answer.scores.values()) == pytest.approx(1, abs=1e-5)
    assert list(answer.scores.values()) == sorted(answer.scores.values(), reverse=True)
    assert answer.label == next(iter(answer.scores))
    assert answer.confidence == answer.scores[answer.label]


@pytest.mark.parametrize(
    ("scores", "features"),
    [([np.nan, 0, 1], [0]), ([np.inf, 0, 0], [0]), ([-0.1, 0.1, 1], [0]), ([5, 0, 0], [0]), ([0, 0, 1], [np.nan])],
)
def test_answers_that_are_no_probabilities_are_refused(
    bundle: Path, monkeypatch: pytest.MonkeyPatch, scores: list[float], features: list[float]
) -> None:
    """A model may answer its golden samples well and NaN for another photo."""
    classifier = clothes.load(bundle)
    monkeypatch.setattr(classifier.model, "run", lambda picture: Outputs(np.array(scores), np.array(features), None))
    with pytest.raises(BundleError, match="no probabilities"):
        classifier.predict(draw("bar", 806))
    with pytest.raises(BundleError, match="no probabilities"):
        list(classifier.predict_many([draw("bar", 806)]))


def test_many_photos_are_answered_in_order_past_an_unreadable_one(
    classifier: clothes.Classifier, tmp_path: Path
) -> None:
    paths = []
    for i in range(60):
        paths.append(tmp_path / f"{i}.png")
        draw(("bar", "frame", "square")[i % 3], i).save(paths[-1])
    paths.insert(30, tmp_path / "none.png")
    answers = list(classifier.predict_many(paths))
    assert [answer.photo for answer in answers] == [str(path) for path in paths]
    assert isinstance(answers[30], PhotoError) and answers[30].code == "missing"
    for path, answer in zip(paths[:3], answers, strict=False):
        assert answer == classifier.predict(path)
    features = list(classifier.features_many(paths[28:32]))
    assert [getattr(found, "shape", None) for found in features] == [(8,), (8,), None, (8,)]


def test_golden_samples_have_their_recorded_scores(classifier: clothes.Classifier, bundle: Path) -> None:
    pictures, scores = read_bundle(bundle).probes()
    assert np.array_equal(pictures, make_probes(classifier.image_size))
    for picture, expected in zip(pictures, scores, strict=True):
        answer = classifier.predict(picture).scores
        assert [answer[name] for name in classifier.classes] == pytest.approx(expected.tolist(), abs=1e-5)


def test_copied_bundle_predicts_without_photos_and_without_tensorflow(bundle: Path, tmp_path: Path) -> None:
    shutil.copytree(bundle, tmp_path / "copy")
    draw("bar", 802).save(tmp_path / "bar.png")
    code = (
        "import sys, clothes\n"
        "print(clothes.load('copy').predict('bar.png').label)\n"
        "print([name for name in ('tensorflow', 'keras', 'matplotlib', 'cv2', 'gradio') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.splitlines()[1] == "[]", done.stderr
    assert done.stdout.splitlines()[0] in ("bar", "frame", "square")
    assert done.stderr == ""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_three_hundred_predictions_leak_nothing() -> None:
    if not (ROOT / "benchmarks").exists():
        pytest.skip("not in a checkout")
    command = [sys.executable, ROOT / "benchmarks" / "soak.py", "--predictions", "300", "--trainings", "0"]
    done = subprocess.run(
        command, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout)["predictions"]
    before, after = found["after the first"], found["at the end"]
    assert after["memory, MB"] < before["memory, MB"] + 2
    assert all(after[name] == before[name] for name in ("file handles", "threads", "temporary files"))
