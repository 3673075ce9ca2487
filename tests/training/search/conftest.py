"""Fixtures for the tests of the search."""

from pathlib import Path

import pytest

import clothes
from tests.support.fast_search import FastTrainer, use_fast_trainer
from tests.support.pictures import make_photos


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos with a split.csv."""
    folder = make_photos(tmp_path_factory.mktemp("tuning") / "photos", each=20)
    clothes.split(folder).write(folder / "split.csv")
    return folder


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> list[Exception | None]:
    """Replaces the training of trials; returns the errors of the next ones."""
    use_fast_trainer(monkeypatch)
    return FastTrainer.errors
