"""The page of feature maps is written once, escapes names and fits a phone."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import clothes
from clothes.evaluation.activations import Stage
from clothes.report.activations_page import draw_maps, write_look
from tests.support.pictures import draw


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    draw("frame", 960).save(tmp_path / "<b>frame.png")
    return tmp_path / "<b>frame.png"


def test_page_escapes_names_and_replaces_no_file(run: clothes.Run, photo: Path, tmp_path: Path) -> None:
    write_look(photo, model=run.path, out=tmp_path / "layers.html")
    page = (tmp_path / "layers.html").read_text()
    assert page.count('<div class="stage">') == 6 and "<b>" not in page and "&lt;b&gt;frame.png" in page
    (tmp_path / "mine.html").write_text("mine")
    with pytest.raises(clothes.ClothesError, match="exists and is not replaced"):
        write_look(photo, model=run.path, out=tmp_path / "mine.html")
    assert (tmp_path / "mine.html").read_text() == "mine"
    assert len(list(tmp_path.iterdir())) == 3


def test_constant_maps_are_drawn() -> None:
    for shape in ((3, 5, 5), (1, 36, 36), (9, 1, 1)):
        assert draw_maps(Stage("flat", np.zeros(shape, np.float32), "")).startswith("data:image/jpeg")


@pytest.mark.slow
@pytest.mark.browser
def test_page_fits_a_phone(browser: Any, run: clothes.Run, photo: Path, tmp_path: Path) -> None:
    write_look(photo, model=run.path, out=tmp_path / "layers.html")
    opened = browser.new_page(viewport={"width": 390, "height": 844})
    opened.goto((tmp_path / "layers.html").as_uri())
    assert opened.evaluate("document.documentElement.scrollWidth") <= 390
    assert opened.evaluate("[...document.images].every((i) => i.complete && i.naturalWidth > 0)")
    assert opened.locator(".stage").count() == 6
    opened.close()
