"""The discriminant is scikit-learn's, in closed form, from sums over the photos."""

from collections.abc import Iterator

import numpy as np
import pytest

from clothes.errors import PhotosError
from clothes.inference.metrics import log_loss
from clothes.training.quick import linear_head
from clothes.training.quick.linear_head import Blocks, Fit, fit, make_folds, recalibrate

UNITS = 16


def draw_embeddings(classes: int, each: int, *, units: int = UNITS, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings float32 of length 1 around a centre for each class, and their labels, mixed."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(classes), each))
    values = rng.normal(size=(classes, units))[labels] + rng.normal(size=(len(labels), units)) + 1
    return (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32), labels


def in_blocks(values: np.ndarray, size: int) -> Blocks:
    def blocks(positions: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for start in range(0, len(positions), size):
            yield positions[start : start + size], values[positions[start : start + size]]

    return blocks


def fit_to(values: np.ndarray, labels: np.ndarray, *, size: int = 500, **more: object) -> Fit:
    folds = make_folds(labels, [""] * len(labels), 5)
    return fit(in_blocks(values, size), labels, folds, int(labels.max()) + 1, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("each", [3, 20])  # fewer photos than units, and more
@pytest.mark.parametrize("strength", [0.1, 0.9])
def test_it_is_the_one_of_scikit_learn(each: int, strength: float) -> None:
    lda = pytest.importorskip("sklearn.discriminant_analysis", reason="scikit-learn is not installed")
    values, labels = draw_embeddings(4, each)
    head = fit_to(values, labels, strength=strength).head
    expected = lda.LinearDiscriminantAnalysis(solver="lsqr", shrinkage=strength, priors=[0.25] * 4).fit(values, labels)
    new, _ = draw_embeddings(4, 50, seed=1)
    ours, theirs = (
        logits - logits.mean(axis=1, keepdims=True)
        for logits in (new @ head.weights + head.bias, expected.decision_function(new))
    )
    temperature = (ours * theirs).sum() / (ours**2).sum()  # which scikit-learn has none of
    assert ours * temperature == pytest.approx(theirs, abs=1e-3 * np.abs(theirs).max())


def test_the_space_of_few_photos_gives_the_same_as_all_axes(monkeypatch: pytest.MonkeyPatch) -> None:
    values, labels = draw_embeddings(3, 4)
    few = fit_to(values, labels)
    monkeypatch.setattr(linear_head, "_basis", lambda *given: np.eye(UNITS))
    whole = fit_to(values, labels)
    assert few.strength == whole.strength and few.threshold == pytest.approx(whole.threshold, abs=1e-5)
    assert few.scores == pytest.approx(whole.scores, abs=1e-4)
    new, _ = draw_embeddings(3, 30, seed=1)
    for mine, others in zip(few.head.apply(new), whole.head.apply(new), strict=True):
        assert mine == pytest.approx(others, abs=1e-4)


@pytest.mark.parametrize("each", [3, 20])
def test_the_size_of_the_blocks_changes_nothing(each: int) -> None:
    values, labels = draw_embeddings(4, each)
    expected = fit_to(values, labels)
    for size in (1, 7):
        found = fit_to(values, labels, size=size)
        assert found.strength == expected.strength
        assert found.head.weights == pytest.approx(expected.head.weights, rel=1e-4, abs=1e-4)
        assert found.threshold == pytest.approx(expected.threshold, abs=1e-6)


def test_photos_of_a_group_share_a_fold_and_classes_are_spread() -> None:
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.repeat([0, 1, 2], [50, 30, 10]))
    groups = [f"burst {n}" if n < 20 else "" for n in rng.integers(0, 60, len(labels))]
    folds = make_folds(labels, groups, 5)
    for name in set(groups) - {""}:
        assert len({fold for fold, group in zip(folds, groups, strict=True) if group == name}) == 1
    counts = np.array([np.bincount(labels[folds == fold], minlength=3) for fold in range(5)])
    assert (np.ptp(counts, axis=0) <= 3).all() and counts.min() >= 1
    assert set(make_folds(labels, ["one burst"] * len(labels), 5)) == {0}
    assert set(make_folds(np.array([0, 1]), ["", ""], 5)) == {0, 1}


def test_one_photo_a_class_is_fitted_and_nothing_is_claimed() -> None:
    values, labels = draw_embeddings(3, 1)
    found = fit_to(values, labels)
    assert len(found.judged) == 0 and found.threshold == linear_head._USUAL_THRESHOLD
    scores, similarity = found.head.apply(values)
    assert (scores.argmax(axis=1) == labels).all() and similarity == pytest.approx(np.ones(3), abs=1e-5)


def test_a_class_in_a_single_group_is_not_judged_but_known() -> None:
    values, labels = draw_embeddings(3, 8)
    folds = make_folds(labels, ["burst" if label == 2 else "" for label in labels], 4)
    found = fit(in_blocks(values, 5), labels, folds, 3)
    assert set(labels[found.judged]) == {0, 1}
    assert np.isfinite(found.scores).all() and np.isfinite(found.head.bias).all()
    assert (found.head.apply(values[labels == 2])[0].argmax(axis=1) == 2).any()


@pytest.mark.slow
def test_500_classes_are_told_apart() -> None:
    values, labels = draw_embeddings(500, 2, units=128)
    found = fit_to(values, labels)
    scores, _ = found.head.apply(values)
    assert scores.sum(axis=1) == pytest.approx(np.ones(1000), abs=1e-4)
    assert (scores.argmax(axis=1) == labels).mean() > 0.9


def test_other_photos_set_the_temperature_and_the_threshold_alone() -> None:
    values, labels = draw_embeddings(4, 20)
    fitted = fit_to(values, labels)
    new, truth = draw_embeddings(4, 100, seed=0)
    new = (new + np.random.default_rng(2).normal(size=new.shape) / 2).astype(np.float32)
    new /= np.linalg.norm(new, axis=1, keepdims=True)
    found = recalibrate(fitted, new, truth)
    before, after = fitted.head.apply(new)[0], found.head.apply(new)[0]
    assert (before.argmax(axis=1) == after.argmax(axis=1)).all()
    assert log_loss(after, truth) <= log_loss(before, truth) + 1e-6
    assert (found.head.apply(new)[1] >= found.threshold).mean() == pytest.approx(0.95, abs=0.01)


def test_what_is_like_other_things_is_less_similar() -> None:
    values, labels = draw_embeddings(3, 8)
    others, _ = draw_embeddings(1, 20, seed=7)
    plain, away = fit_to(values, labels), fit_to(values, labels, others=others.mean(axis=0))
    margins = [(found.head.apply(others)[1] - found.threshold).mean() for found in (plain, away)]
    assert margins[1] < margins[0] and away.head.weights == pytest.approx(plain.head.weights)


def test_95_percent_are_kept_though_their_similarity_is_below_zero() -> None:
    values, _ = draw_embeddings(60, 1)  # without anything that their classes have in common
    values -= values.mean(axis=0)
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    found = fit_to(values, np.arange(60) % 2)
    assert -1 < found.threshold < 0 and (found.similarity >= found.threshold).mean() == 0.95


@pytest.mark.parametrize("each", [2, 40])
def test_photos_that_all_look_the_same_are_refused(each: int) -> None:
    values, labels = draw_embeddings(2, each)
    with pytest.raises(PhotosError, match="All photos look the same"):
        fit_to(np.repeat(values[:1], len(labels), axis=0), labels)


def test_a_photo_is_not_held_out_where_no_other_class_is_left() -> None:
    values, _ = draw_embeddings(2, 4)
    labels = np.array([0, 0, 0, 0, 0, 0, 0, 1])  # a class with one photo, which one of two folds lacks
    folds = make_folds(labels, [""] * 8, 2)
    found = fit(in_blocks(values, 500), labels, folds, 2)
    assert np.isfinite(found.scores).all() and np.abs(found.head.weights).max() > 0
    assert found.judged.tolist() == [i for i in range(7) if folds[i] != folds[7]]
