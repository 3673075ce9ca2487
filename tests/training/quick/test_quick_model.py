"""A quick model in memory learns as photos are added, and its bundle answers as it does."""

from pathlib import Path

import numpy as np
import pytest

import clothes
from clothes.errors import BundleError, PhotosError
from clothes.models.litert_head import normalize
from clothes.training.quick import linear_head, quick_model
from clothes.training.quick.linear_head import fit, make_folds
from tests.support.pictures import draw

KINDS = ("bar", "frame", "square")


def pictures(kind: str, start: int, count: int) -> list[np.ndarray]:
    return [np.asarray(draw(kind, start + i, size=(120, 120))) for i in range(count)]


@pytest.fixture
def model() -> clothes.QuickModel:
    model = clothes.QuickModel()
    for kind in KINDS:
        assert model.add(kind, pictures(kind, 0, 8)) == []
    return model


def test_it_tells_the_classes_apart_and_its_bundle_answers_the_same(model: clothes.QuickModel, tmp_path: Path) -> None:
    assert model.classes == KINDS and model.counts == dict.fromkeys(KINDS, 8)
    loaded = clothes.load(model.save(tmp_path / "bundle").path)
    assert loaded.classes == KINDS
    right = 0
    for kind in KINDS:
        for photo in pictures(kind, 500, 20):
            mine, saved = model.predict(photo), loaded.predict(photo)
            assert mine.label == saved.label
            assert mine.scores == pytest.approx(saved.scores, abs=1e-5) and mine.known == saved.known
            right += mine.label == kind
    assert right >= 57  # of 60
    assert clothes.verify(tmp_path / "bundle").holds
    assert loaded.info["metrics"]["cross-validation"]["photos"] == 24
    assert "/" not in (tmp_path / "bundle" / "bundle.json").read_text()


def test_the_order_of_photos_changes_nothing(model: clothes.QuickModel) -> None:
    other = clothes.QuickModel()
    for i in range(8):
        for kind in reversed(KINDS):
            other.add(kind, pictures(kind, i, 1))
    photo = pictures("bar", 600, 1)[0]
    other._strength = model.fit().strength  # the folds may differ
    other._chosen_with = 24
    ours, theirs = model.fit().head, other.fit().head
    assert (ours.centres == pytest.approx(theirs.centres, abs=1e-5)) and model.predict(photo).label == "bar"
    assert other.predict(photo).label == "bar"


def test_a_photo_more_refits_and_only_many_choose_the_strength_again(
    model: clothes.QuickModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    real = linear_head.fit

    def watch(*given: object, strength: float | None) -> linear_head.Fit:
        asked.append(strength)
        return real(*given, strength=strength)  # type: ignore[arg-type]

    monkeypatch.setattr(quick_model, "fit", watch)
    chosen = model.fit().strength
    model.fit()
    model.add("bar", pictures("bar", 50, 1))
    model.fit()
    model.add("new kind", pictures("square", 50, 8))
    assert model.fit().head.bias.shape == (4,)
    assert asked == [None, chosen, None]


def test_what_cannot_be_used_is_returned_and_another_spelling_is_the_same_class(model: clothes.QuickModel) -> None:
    (error,) = model.add("Bar", [b"no photo", *pictures("bar", 70, 1)])
    assert error.reason and model.counts["bar"] == 9
    assert model.add("bar", []) == []
    model.remove("frame")
    assert model.classes == ("bar", "square") and len(model.predict(pictures("bar", 71, 1)[0]).scores) == 2
    with pytest.raises(clothes.PhotoError):
        model.predict(b"no photo")


def test_odd_requests_give_a_sentence(model: clothes.QuickModel, tmp_path: Path) -> None:
    with pytest.raises(PhotosError, match="No class can be called"):
        model.add("../x", pictures("bar", 0, 1))
    alone = clothes.QuickModel()
    for photos in ([], pictures("bar", 0, 3)):
        alone.add("bar", photos)
        with pytest.raises(PhotosError, match="photos of two classes"):
            alone.predict(pictures("bar", 0, 1)[0])
    same = clothes.QuickModel()
    for label in ("a", "b"):
        same.add(label, pictures("bar", 0, 1) * 3)
    with pytest.raises(PhotosError, match="All photos look the same"):
        same.fit()
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(BundleError, match="is in use"):
        model.save(tmp_path)


def test_one_photo_of_each_class_is_enough_to_answer(tmp_path: Path) -> None:
    model = clothes.QuickModel()
    for kind in KINDS:
        model.add(kind, pictures(kind, 0, 1))
        if len(model.classes) > 1:
            assert model.predict(pictures(kind, 0, 1)[0]).label == kind
    assert clothes.load(model.save(tmp_path / "bundle").path).predict(pictures("bar", 0, 1)[0]).known


def test_photos_of_other_things_make_their_like_less_similar() -> None:
    rng = np.random.default_rng(0)
    kinds = rng.normal(size=(3, 200)) + 2
    kinds[2] = 0.7 * kinds[0] + 0.3 * kinds[2]  # other things that resemble the first class

    def photos(kind: int, count: int) -> np.ndarray:
        return normalize((kinds[kind] + rng.normal(size=(count, 200))).astype(np.float32))

    values, labels = np.concatenate([photos(0, 100), photos(1, 100)]), np.repeat([0, 1], 100)
    folds = make_folds(labels, [""] * 200, 5)
    accepted = []
    for others in (None, photos(2, 30).mean(axis=0)):
        fitted = fit(lambda at: iter([(at, values[at])]), labels, folds, 2, others=others)
        shares = [(fitted.head.apply(photos(kind, 500))[1] >= fitted.threshold).mean() for kind in range(3)]
        assert np.mean(shares[:2]) > 0.88
        accepted.append(shares[2])
    assert accepted[1] < accepted[0] / 2, accepted
