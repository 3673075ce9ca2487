"""A new head on a LiteRT model answers as NumPy says, and passes the checks of a foreign model."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import clothes
from clothes.inference.bundle import MODEL, read_bundle
from clothes.inference.classifier import BUNDLED_OUTFIT
from clothes.inference.litert import LiteModel
from clothes.inference.litert_verifier import verify_litert
from clothes.models.litert_head import Head, add_rejection, fix_batch, replace_head
from tests.support.bundle_damage import rename_output

MADE = Path(__file__).parents[1] / "data" / "made-by-0.1.0" / "finished"


def make_head(units: int, classes: int, *, seed: int = 0) -> Head:
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(classes, units))
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    weights, bias = rng.normal(size=(units, classes)), rng.normal(size=classes)
    return Head(*(values.astype(np.float32) for values in (weights, bias, centres)))


def check(model: bytes, size: int, *, classes: int = 5) -> bytes:
    """Compares a new head with NumPy on pictures, one of them black. Returns the model with it."""
    pictures = np.random.default_rng(1).integers(0, 256, (4, size, size, 3), dtype=np.uint8)
    pictures[0] = 0
    features = np.stack([LiteModel(model).run(picture).features for picture in pictures])
    head = make_head(features.shape[1], classes)
    made = replace_head(model, head)
    verify_litert(made)
    answers = [LiteModel(made).run(picture) for picture in pictures]
    units = features / np.sqrt((features**2).sum(axis=1, keepdims=True) + 1e-12)
    scores, similarity = head.apply(units)
    assert np.stack([answer.features for answer in answers]) == pytest.approx(features, abs=1e-6)
    assert np.stack([answer.scores for answer in answers]) == pytest.approx(scores, abs=1e-5)
    assert [answer.similarity for answer in answers] == pytest.approx(list(similarity), abs=1e-5)
    return made


def bundled() -> LiteModel:
    return clothes.load().model


def test_the_bundled_model_gets_a_head_and_another_one_over_that() -> None:
    first = check(bundled().data, 224)
    second = check(first, 224, classes=3)
    assert len(second) < len(first) < len(bundled().data) + 5000  # the old heads are not kept


def test_a_model_of_an_old_bundle_gets_a_head() -> None:
    old = clothes.load(MADE)
    check(old.model.data, old.image_size, classes=500)


@pytest.mark.parametrize("bundle", [None, MADE])
def test_a_similarity_is_the_score_times_the_probability_of_no_other_thing(bundle: Path | None) -> None:
    old = clothes.load(bundle)
    pictures = np.random.default_rng(1).integers(0, 256, (4, old.image_size, old.image_size, 3), dtype=np.uint8)
    before = [old.model.run(picture) for picture in pictures]
    rejection = np.random.default_rng(2).normal(0, 0.1, len(before[0].features) + 1).astype(np.float32)
    made = add_rejection(old.model.data, rejection)
    verify_litert(made)
    for picture, was in zip(pictures, before, strict=True):
        answer = LiteModel(made).run(picture)
        assert answer.scores == pytest.approx(was.scores, abs=1e-6)
        assert answer.features == pytest.approx(was.features, abs=1e-6)
        inside = 1 / (1 + np.exp(-(was.features @ rejection[:-1] + rejection[-1])))
        assert answer.certainty == answer.similarity == pytest.approx(was.scores.max() * inside, abs=1e-5)
        assert was.certainty == (was.scores.max() if bundle else was.similarity)  # the bundled model has one already
    assert LiteModel(replace_head(made, make_head(len(rejection) - 1, 5))).run(pictures[0]).similarity is not None


@pytest.mark.slow
@pytest.mark.parametrize(
    "network",
    [
        {},
        {"activation": "gelu"},
        {"architecture": "keras:MobileNetV3Small"},
    ],
)
def test_every_network_gets_a_head(network: dict[str, Any]) -> None:
    pytest.importorskip("tensorflow", reason="training needs the extra 'train'")
    from clothes.config import ModelConfig
    from clothes.models.architectures import build_model
    from clothes.models.conversion import to_litert

    config = ModelConfig(**network, image_size=32)
    examples = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    check(to_litert(build_model(config, 3), config, examples=examples), 32)


def test_a_model_without_features_and_one_of_another_size_are_refused() -> None:
    model = bundled().data
    with pytest.raises(ValueError, match="it has 1280 features, not 8"):
        replace_head(model, make_head(8, 3))
    with pytest.raises(ValueError, match="it has no features"):
        replace_head(rename_output(model, b"features", b"others"), make_head(1280, 3))


def test_a_model_that_keeps_one_output_has_neither_the_others_nor_their_operators() -> None:
    whole = LiteModel(read_bundle(BUNDLED_OUTFIT).file(MODEL))
    part = LiteModel(fix_batch(whole.data, only=(b"regions",)))
    picture = np.random.default_rng(0).integers(0, 256, (320, 320, 3), np.uint8)
    found = part.run_all(picture)
    assert list(found) == ["regions"]
    assert np.array_equal(found["regions"], whole.run_all(picture)["regions"])
    assert len(part.run_layers(picture)) < len(whole.run_layers(picture))
    assert list(LiteModel(fix_batch(whole.data)).run_all(picture)) == list(whole.run_all(picture))
