"""Photos of other things are told by a network's features, in the bundle and in its exports."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("keras", reason="training needs the extra 'train'")

import clothes
from clothes.errors import BundleError
from clothes.inference.bundle import WEIGHTS, read_bundle, write_bundle
from clothes.inference.litert import LiteModel
from clothes.models.litert_head import add_rejection
from clothes.photos.decode import read_square
from clothes.system.arrays import pack_arrays
from clothes.training.datasets import Pictures
from clothes.training.rejection import _logistic_regression, fit_rejection
from tests.support.pictures import SMALL, draw, make_photos


def pictures(size: int, *, others: int) -> Pictures:
    """Bars and squares, and frames as other things."""
    shapes = ["bar", "square"] * 20 + ["frame"] * others
    pixels = np.stack([read_square(draw(shape, i), size) for i, shape in enumerate(shapes)])
    return Pictures(pixels, np.array([-1 if shape == "frame" else 0 for shape in shapes]))


def test_other_things_lose_their_similarity(classifier: clothes.Classifier) -> None:
    photos = pictures(classifier.image_size, others=30)
    rejection = fit_rejection(classifier.model, photos)
    assert rejection is not None and rejection.dtype == np.float32
    model = LiteModel(add_rejection(classifier.model.data, rejection))
    outputs = [model.run(picture) for picture in photos.pixels]
    inside = np.array([output.certainty / output.scores.max() for output in outputs])
    assert ((inside > 0.5) == (photos.labels >= 0)).mean() > 0.85


def test_a_few_photos_of_other_things_tell_nothing(classifier: clothes.Classifier) -> None:
    assert fit_rejection(classifier.model, pictures(classifier.image_size, others=19)) is None


def test_the_fit_is_that_of_a_logistic_regression() -> None:
    linear = pytest.importorskip("sklearn.linear_model", reason="compares with the extra 'report'")
    rng = np.random.default_rng(0)
    truth = rng.random(300) < 0.8
    features = np.maximum(0, rng.normal(size=(300, 40)) + truth[:, None] * rng.random(40))
    expected = linear.LogisticRegression(class_weight="balanced", tol=1e-8, max_iter=10_000).fit(features, truth)
    fitted = _logistic_regression(features, truth)
    assert fitted[:-1] == pytest.approx(expected.coef_[0], abs=1e-4)
    assert fitted[-1] == pytest.approx(expected.intercept_[0], abs=1e-4)


@pytest.mark.parametrize("seed", range(75, 80))
def test_features_with_outliers_do_not_make_the_fit_overshoot(seed: int) -> None:
    """At seed 79 whole steps end far from the smallest loss."""
    rng = np.random.default_rng(seed)
    photos, units = int(rng.integers(40, 200)), int(rng.integers(1, 20))
    truth = rng.random(photos) < rng.uniform(0.3, 0.95)
    scale, shift = 10 ** rng.uniform(-1, 3), rng.uniform(0, 1)
    features = scale * np.abs(rng.standard_cauchy((photos, units))) * (1 + shift * truth[:, None])
    fitted = _logistic_regression(features, truth)
    x = np.column_stack([features, np.ones(photos)])
    probability = 1 / (1 + np.exp(-np.clip(x @ fitted, -50, 50)))
    share = np.where(truth, truth.sum(), (~truth).sum()) * 2 / photos
    slope = x.T @ ((probability - truth) / share) + np.append(fitted[:-1], 0)
    assert np.abs(slope / x.max(axis=0)).max() < 0.01


@pytest.mark.parametrize("rejection", [np.zeros(5, np.float32), np.zeros((2, 9), np.float32), np.zeros(129, np.int64)])
def test_a_rejection_from_elsewhere_must_fit_the_network(bundle: Path, tmp_path: Path, rejection: np.ndarray) -> None:
    found = read_bundle(bundle)
    files = {name: found.file(name) for name in found.info["files"]}
    files[WEIGHTS] = pack_arrays(*found.weights(), rejection=rejection)
    write_bundle(tmp_path / "bundle", found.info, files)
    with pytest.raises(BundleError, match="rejection does not fit"):
        clothes.export(tmp_path / "bundle", to="keras", out=tmp_path / "out")


@pytest.mark.slow
def test_a_bundle_and_its_export_have_the_same_similarity(tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime", reason="ONNX needs the extra 'export'")
    photos = make_photos(tmp_path / "photos", each=40)
    (photos / "frame").rename(photos / "_other")
    run = clothes.train(photos, out=tmp_path / "run", config=SMALL)
    assert run.bundle.info["rejection"] == {"photos": 28}
    classifier = clothes.load(run.path)
    shown = [draw(shape, 100 + i) for i in range(10) for shape in ("bar", "square", "frame")]
    squares = np.stack([read_square(photo, classifier.image_size) for photo in shown])
    similarity = np.array([classifier.model.run(square).similarity for square in squares])
    answers = [answer.known for answer in classifier.predict_many(shown)]
    assert answers == list(similarity >= classifier.threshold)
    assert run.bundle.info["metrics"]["validation"]["known"] >= 0.95
    clothes.export(run.path, to="onnx", out=tmp_path / "onnx")
    session = onnxruntime.InferenceSession(tmp_path / "onnx" / "model.onnx", providers=["CPUExecutionProvider"])
    (exported,) = session.run(["similarity"], {"pictures": squares})
    assert exported.shape == (30, 2)
    assert exported.max(axis=1) == pytest.approx(similarity, abs=0.05)  # the bundle has 8-bit weights
    described = (tmp_path / "onnx" / "export.json").read_text(encoding="utf-8")
    assert "times that of no other thing; if the largest lies below `threshold`" in described
