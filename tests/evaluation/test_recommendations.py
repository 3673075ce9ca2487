"""The advice names the class whose mistakes more photos would undo, and says how sure that is."""

import shutil
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import clothes
from clothes.evaluation import learning_curve
from clothes.evaluation.learning_curve import Point, choose_subset, probe_curve, retrained_curve
from clothes.evaluation.recommendations import recommend
from clothes.photos.splits import Row
from tests.support.embeddings import clusters

CLASSES = ("hat", "shirt", "longsleeve")


def asked(wrong: dict[tuple[int, int], int], *, train: tuple[int, ...], retrained: bool = True) -> Any:
    """The advice where these validation photos of 100 a class are wrong, and the error halves with twice the photos."""
    truth = np.repeat(np.arange(3), 100)
    answers = truth.copy()
    for (label, answer), count in wrong.items():
        answers[np.flatnonzero((truth == label) & (answers == label))[:count]] = answer
    curve = [Point(n, (np.arange(300) >= 300 * 0.4 * 100 / n).astype(float)) for n in (100, 200, 300, 400)]
    labels = np.repeat(np.arange(3), train)
    return recommend(CLASSES, curve, train=labels, truth=truth, answers=answers, retrained=retrained)


def test_the_class_with_mistakes_and_few_photos_comes_first() -> None:
    found = asked({(1, 2): 20, (2, 1): 20, (0, 1): 1}, train=(200, 50, 400))
    assert [need.label for need in found.needs] == ["shirt", "longsleeve", "hat"]
    best = found.needs[0]
    assert best.more == 110 and best.first > 0.9
    assert best.gain.value == pytest.approx(20 / 300 * (1 - 50 / 160), abs=1e-6)
    assert best.gain.low < best.gain.value < best.gain.high
    assert found.doubling.value == pytest.approx(0.1 * 0.5, abs=1e-6)
    assert [point for point, _ in found.curve] == [100, 200, 300, 400]
    assert found.confusions[0].mistakes == 40 and found.confusions[0].photos == 200
    text = "\n".join(found.lines())
    assert "110 more photos of shirt would help most: about 4.6 points (95 % interval" in text
    assert "shirt and longsleeve are confused (40 of 200" in text
    assert "the collar and buttons of the shirt and the cuffs and neckline of the longsleeve" in text
    assert found.to_dict()["needs"][0]["label"] == "shirt"


def test_it_says_when_it_is_not_certain_or_knows_nothing() -> None:
    close = asked({(0, 1): 3, (1, 2): 3}, train=(100, 100, 100))
    assert close.needs[0].first < 0.7
    assert "the ranking is uncertain" in close.lines()[0]
    none = asked({}, train=(100, 100, 100))
    assert none.lines()[0].startswith("The errors on the 300 validation photos do not show")
    wide = asked({(1, 2): 20}, train=(100, 100, 100), retrained=False).needs[0].gain
    sure = asked({(1, 2): 20}, train=(100, 100, 100)).needs[0].gain
    assert wide.low < sure.low
    assert "--retrain" in asked({}, train=(9, 9, 9), retrained=False).lines()[-1]
    assert "--retrain" not in close.lines()[-1]


def test_fewer_photos_are_of_fewer_groups_and_part_of_the_more() -> None:
    rows = [Row(f"{i}.jpg", "ab"[i % 2], "train", f"person {i // 10}", str(i)) for i in range(200)]
    quarter, half = (choose_subset(rows, share, seed=3) for share in (0.25, 0.5))
    assert len(quarter) == 50 and len(half) == 100 and set(quarter) < set(half)
    assert sum(rows[i].label == "a" for i in quarter) == 25
    assert len({rows[i].group for i in quarter}) == 5
    assert choose_subset(rows, 0.25, seed=4) != quarter
    assert len(choose_subset(rows[:1], 0.25, seed=0)) == 1


def test_the_quick_curve_rises() -> None:
    features = clusters(400)
    noisy = features.values + np.random.default_rng(0).normal(0, 2.5, features.values.shape).astype(np.float32)
    rows = tuple(replace(row, part="validation" if i % 2 else "train") for i, row in enumerate(features.rows))
    labels = np.arange(400) // 2 % 4
    noisy[np.arange(400), labels] += 5
    points = probe_curve(replace(features, values=noisy, rows=rows, labels=labels), 4)
    assert [point.photos for point in points] == [50, 100, 150, 200]
    assert all(len(point.hits) == 200 for point in points)
    means = [point.hits.mean() for point in points]
    assert means[0] < means[-1]


def test_the_true_curve_trains_anew_and_goes_on(
    run: clothes.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from clothes.training.callbacks import TrainingCallback

    monkeypatch.setattr(learning_curve, "SHARES", (0.5, 1.0))
    shutil.copytree(run.path.parent, tmp_path / "copy")
    copy = clothes.Run.open(tmp_path / "copy" / "run")
    for row in copy.split.part("test"):
        (copy.photos / row.photo).unlink()  # they are not needed
    points = retrained_curve(copy, watching=lambda: nullcontext(TrainingCallback()))
    assert [point.photos for point in points] == [42, 84]
    trained = clothes.Run.open(copy.path / "learning-curve" / "50")
    assert trained.config.train.epochs == 2 * copy.config.train.epochs
    assert {row.part for row in trained.split.rows} == {"train", "validation"}
    finished = trained.info["finished"]
    again = retrained_curve(copy, watching=lambda: nullcontext(TrainingCallback()))
    assert trained.info["finished"] == finished
    assert all((a.hits == b.hits).all() for a, b in zip(points, again, strict=True))
    validation = copy.bundle.info["metrics"]["validation"]
    assert points[-1].hits.mean() == pytest.approx(validation["accuracy"])
