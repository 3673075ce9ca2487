"""The pictures: names in any script, of any length, without a warning."""

import warnings
from pathlib import Path

import numpy as np
import pytest

from clothes.report import plots

matplotlib = pytest.importorskip("matplotlib", reason="plots need the extra 'train'")


@pytest.fixture(autouse=True)
def no_warning() -> object:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def names_of(ax: object, axis: str) -> list[str]:
    return [text.get_text() for text in getattr(ax, f"get_{axis}ticklabels")()]


def test_names_in_any_script_are_drawn_or_escaped(tmp_path: Path) -> None:
    names = ["Hüte", "платье", "קמיס", "قميص", "$x_{$", "a\nb\t", "\U000f0000 裙", "👩\u200d👧 कमीज"]
    ax = plots.confusion(names, [[1] * len(names)] * len(names))
    shown = names_of(ax, "x")
    assert shown == names_of(ax, "y")
    assert shown[:6] == ["Hüte", "платье", "קמיס", "قميص", "$x_{$", "a\\nb\\t"]
    assert shown[6].startswith("\\U000f0000 ")  # of private use: no font has it
    for name in ("plot.png", "plot.svg"):
        assert plots.save(ax, tmp_path / name).stat().st_size > 2000


def test_an_installed_font_draws_what_the_usual_one_lacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fontTools.fontBuilder import FontBuilder
    from fontTools.pens.ttGlyphPen import TTGlyphPen
    from matplotlib import font_manager

    pen = TTGlyphPen(None)
    for corner in ((0, 0), (0, 700), (500, 700)):
        (pen.lineTo if corner != (0, 0) else pen.moveTo)(corner)
    pen.closePath()
    font = FontBuilder(1000, isTTF=True)
    font.setupGlyphOrder([".notdef", "mark"])
    font.setupCharacterMap({0xF0001: "mark"})  # of private use, so that no other font has it
    font.setupGlyf({".notdef": pen.glyph(), "mark": pen.glyph()})
    font.setupHorizontalMetrics({".notdef": (600, 0), "mark": (600, 0)})
    font.setupHorizontalHeader(ascent=800, descent=-200)
    font.setupNameTable({"familyName": "Clothes Test", "styleName": "Regular"})
    font.setupOS2(usWeightClass=400)
    font.setupPost()
    font.save(tmp_path / "test.ttf")
    monkeypatch.setattr(font_manager.fontManager, "ttflist", list(font_manager.fontManager.ttflist))
    font_manager.fontManager.addfont(tmp_path / "test.ttf")
    ax = plots.confusion(["hat", "\U000f0001"], [[1, 0], [0, 1]])
    assert names_of(ax, "x") == ["hat", "\U000f0001"]
    assert ax.get_xticklabels()[0].get_fontfamily()[-1] == "Clothes Test"
    plots.save(ax, tmp_path / "plot.png")


def test_long_names_lose_their_middle_and_fit(tmp_path: Path) -> None:
    names = ["A very long name of a class that somebody typed", "hat"]
    ax = plots.confusion(names, [[3, 1], [0, 4]])
    plots.save(ax, tmp_path / "plot.png")
    assert names_of(ax, "y") == ["A very long nam…t somebody typed", "hat"]
    box = ax.get_tightbbox()
    assert box.x0 >= 0 and box.y0 >= 0
    assert ax.get_window_extent().width > 150


@pytest.mark.parametrize("epochs", [1, 2, 30])
def test_a_history_says_which_epoch_was_kept(tmp_path: Path, epochs: int) -> None:
    rows = [
        {"epoch": n, "accuracy": 0.5, "val_accuracy": 0.25 + n / 100, "loss": 1.0, "val_loss": 2.0 - n / 100}
        for n in range(1, epochs + 1)
    ]
    accuracy, loss = plots.history(rows)
    plots.save((accuracy, loss), tmp_path / "history.png")
    assert [text.get_text() for text in accuracy.get_legend().get_texts()] == [
        "accuracy",
        "val_accuracy",
        f"best (epoch {epochs}): {0.25 + epochs / 100:.3f}",
    ]
    assert all(tick == int(tick) for tick in accuracy.get_xticks())


def test_reliability_shows_the_share_of_right_answers_in_bins_of_equally_many() -> None:
    confidence = [0.5] * 20 + [0.9] * 20
    right = [True] * 10 + [False] * 10 + [True] * 18 + [False] * 2
    ax = plots.reliability(confidence, right, bins=2)
    assert ax.containers[0].lines[0].get_xydata() == pytest.approx(np.array([[0.5, 0.5], [0.9, 0.9]]))
