"""The learning curve by a linear probe and by retraining, on subsets that keep groups together."""

from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest

import clothes
from clothes.evaluation import learning_curve
from clothes.evaluation.learning_curve import choose_subset, probe_curve, retrained_curve
from clothes.photos.split_file import Row
from clothes.training.callbacks import TrainingCallback
from tests.support.embeddings import clusters


def test_smaller_subset_has_fewer_groups_and_is_part_of_the_larger() -> None:
    rows = [Row(f"{i}.jpg", "ab"[i % 2], "train", f"person {i // 10}", str(i)) for i in range(200)]
    quarter, half = (choose_subset(rows, share, seed=3) for share in (0.25, 0.5))
    assert len(quarter) == 50 and len(half) == 100 and set(quarter) < set(half)
    assert sum(rows[i].label == "a" for i in quarter) == 25
    assert len({rows[i].group for i in quarter}) == 5
    assert choose_subset(rows, 0.25, seed=4) != quarter
    assert len(choose_subset(rows[:1], 0.25, seed=0)) == 1


def test_probe_curve_rises() -> None:
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


@pytest.mark.slow
def test_retrained_curve_trains_each_share_once(copy: clothes.Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning_curve, "SHARES", (0.5, 1.0))
    for row in copy.split.part("test"):
        (copy.photos / row.photo).unlink()  # not needed
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


def test_retraining_has_the_teacher_of_the_run(copy: clothes.Run, monkeypatch: pytest.MonkeyPatch) -> None:
    given = []

    def train(*_: object, **options: object) -> clothes.Run:
        given.append((options.get("teacher"), "trunk" in options))
        return copy

    copy.note(asked={"teacher": "bundled", "seed": 3})
    monkeypatch.setattr("clothes.training.train.train", train)
    monkeypatch.setattr(learning_curve, "SHARES", (0.5, 1.0))
    retrained_curve(copy, watching=lambda: nullcontext(TrainingCallback()))
    assert given == [("bundled", False)]
