"""Fixtures for the tests of the training."""

from pathlib import Path

import pytest

import clothes
from tests.support.pictures import make_photos


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes of 20 photos."""
    return make_photos(tmp_path_factory.mktemp("training") / "photos", each=20)


@pytest.fixture
def begun(run: clothes.Run, tmp_path: Path) -> clothes.Run:
    """A run that was interrupted before its first epoch was over."""
    return clothes.Run.new(tmp_path / "begun", run.config, run.split)
