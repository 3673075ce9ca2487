"""Fixtures: a parser that knows garments by their colours."""

from pathlib import Path

import pytest

import clothes
from tests.support.outfits import write_color_bundle


@pytest.fixture(scope="session")
def color_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_color_bundle(tmp_path_factory.mktemp("outfits") / "bundle")


@pytest.fixture(scope="session")
def parser(color_bundle: Path) -> clothes.OutfitParser:
    return clothes.load_outfit(color_bundle)
