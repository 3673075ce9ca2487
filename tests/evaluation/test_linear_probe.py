"""The linear probe learns from few examples and keeps groups apart; label errors are found with it."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="the linear probe needs the extra 'train'")

from clothes.evaluation.label_errors import find_label_errors
from clothes.evaluation.linear_probe import cross_validate, probe
from tests.support.embeddings import clusters

CLASSES = ("c0", "c1", "c2", "c3")


def test_probe_learns_the_classes_and_ignores_a_class_without_examples() -> None:
    found = clusters(200)
    scores = probe(found.values[:100], found.labels[:100], found.values, 5)
    assert (scores[100:].argmax(axis=1) == found.labels[100:]).mean() > 0.95
    assert np.exp(scores).sum(axis=1) == pytest.approx(1)
    assert np.exp(scores[:, 4]).max() == 0


@pytest.mark.parametrize("count", [4, 8, 20])
def test_probe_learns_from_few_examples(count: int) -> None:
    found = clusters(400)
    scores = probe(found.values[:count], found.labels[:count], found.values[200:], 4)
    assert (scores.argmax(axis=1) == found.labels[200:]).mean() > 0.85


def test_probe_with_one_class_predicts_that_class() -> None:
    found = clusters(40)
    scores = probe(found.values[:3], np.full(3, 2), found.values, 4)
    assert (scores.argmax(axis=1) == 2).all()


def test_cross_validation_keeps_groups_together() -> None:
    noise = np.random.default_rng(0).normal(size=(40, 30)).astype(np.float32)
    twins = np.concatenate([noise, noise])
    labels = np.concatenate([np.arange(40) % 2] * 2)
    names = [str(i) for i in range(40)] * 2
    apart = cross_validate(twins, labels, names, 2)
    leaky = cross_validate(twins, labels, [""] * 80, 2)
    assert (leaky.argmax(axis=1) == labels).mean() > (apart.argmax(axis=1) == labels).mean() + 0.2


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("labels", [[0, 0, 1], [0, 0, 0, 0, 0, 0, 3], [0, 1, 2, 3, 0, 1]])
def test_cross_validation_of_few_photos_gives_probabilities(labels: list[int]) -> None:
    values = clusters(len(labels)).values
    for groups in ([""] * len(labels), ["shop"] * len(labels)):
        scores = cross_validate(values, np.array(labels), groups, 4)
        assert np.isfinite(scores).all() and scores.sum(axis=1) == pytest.approx(1)


def test_planted_label_errors_are_found() -> None:
    good = clusters(400)
    planted = np.random.default_rng(1).choice(400, 20, replace=False)
    labels = good.labels.copy()
    labels[planted] = (labels[planted] + 1) % 4
    found = find_label_errors(replace(good, labels=labels), CLASSES)
    right = {error.photo for error in found} & {f"{i}.jpg" for i in planted}
    assert len(right) >= 14 and len(found) <= len(right) + 2
    assert not [e for e in found if e.suggestion == e.label or e.suggestion_probability <= e.probability]
    assert len(find_label_errors(good, CLASSES)) <= 4


def test_single_photos_of_each_class_have_no_label_errors() -> None:
    assert find_label_errors(clusters(4), CLASSES) == ()


def test_report_without_scikit_learn_names_the_extra() -> None:
    code = "import sys; sys.modules['sklearn'] = None; import clothes; clothes.write_report"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "MissingExtraError: clothes.write_report needs the extra 'report'" in done.stderr
