"""A model answers many threads with few interpreters."""

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import clothes
from clothes.inference.litert import LiteModel


def test_many_threads_share_few_interpreters(classifier: clothes.Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    real = LiteModel._open

    def count(model: LiteModel) -> Any:
        opened.append(model)
        return real(model)

    monkeypatch.setattr(LiteModel, "_open", count)
    model = LiteModel(classifier.model.data)
    size = classifier.image_size
    pictures = np.random.default_rng(0).integers(0, 256, (60, size, size, 3), np.uint8)
    with ThreadPoolExecutor(20) as pool:
        found = list(pool.map(model.run, pictures))
    assert 1 <= len(opened) <= (os.cpu_count() or 1)
    for picture, (scores, features, _) in zip(pictures, found, strict=True):
        alone = model.run(picture)
        assert (scores == alone[0]).all() and (features == alone[1]).all()


def test_a_failure_takes_no_turn(classifier: clothes.Classifier) -> None:
    model = LiteModel(classifier.model.data)
    for _ in range(10):
        with pytest.raises((ValueError, RuntimeError)):
            model.run(np.zeros((3, 3, 3), np.uint8))
    size = classifier.image_size
    assert model.run(np.zeros((size, size, 3), np.uint8))[0].sum() == pytest.approx(1, abs=1e-4)
