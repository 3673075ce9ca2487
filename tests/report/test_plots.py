"""The plots show their data, with names in any script and of any length, without warnings."""

import io
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from clothes.errors import ClothesError
from clothes.evaluation import results
from clothes.report import plots
from clothes.report.run_plots import draw_confusion

matplotlib = pytest.importorskip("matplotlib", reason="plots need the extra 'train'")


@pytest.fixture(autouse=True)
def no_warning() -> object:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ResourceWarning)  # of other tests' objects, which may be collected now
        yield


def names_of(ax: object, axis: str) -> list[str]:
    return [text.get_text() for text in getattr(ax, f"get_{axis}ticklabels")()]


def test_names_are_drawn_or_escaped(tmp_path: Path) -> None:
    names = ["Hüte", "платье", "קמיס", "قميص", "$x_{$", "a\nb\t", "\U000f0000 裙", "👩\u200d👧 कमीज"]
    ax = plots.confusion(names, [[1] * len(names)] * len(names))
    shown = names_of(ax, "x")
    assert shown == names_of(ax, "y")
    assert shown[:6] == ["Hüte", "платье", "קמיס", "قميص", "$x_{$", "a\\nb\\t"]
    assert shown[6].startswith("\\U000f0000 ")  # private use: no font has it
    for name in ("plot.png", "plot.svg"):
        assert plots.save(ax, tmp_path / name).stat().st_size > 2000


def test_installed_font_draws_what_the_default_font_lacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fontTools.fontBuilder import FontBuilder
    from fontTools.pens.ttGlyphPen import TTGlyphPen
    from matplotlib import font_manager

    pen = TTGlyphPen(None)
    for corner in ((0, 0), (0, 700), (500, 700)):
        (pen.lineTo if corner != (0, 0) else pen.moveTo)(corner)
    pen.closePath()
    font = FontBuilder(1000, isTTF=True)
    font.setupGlyphOrder([".notdef", "mark"])
    font.setupCharacterMap({0xF0001: "mark"})  # private use: no other font has it
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


def test_long_names_are_shortened_and_fit(tmp_path: Path) -> None:
    names = ["A very long name of a class that somebody typed", "hat"]
    ax = plots.confusion(names, [[3, 1], [0, 4]])
    plots.save(ax, tmp_path / "plot.png")
    assert names_of(ax, "y") == ["A very long nam…t somebody typed", "hat"]
    box = ax.get_tightbbox()
    assert box.x0 >= 0 and box.y0 >= 0
    assert ax.get_window_extent().width > 150


MANY = [f"Autumn and winter {i:02} collection of the shop" for i in range(60)]


@pytest.mark.parametrize(
    "names",
    [
        MANY,
        [name.replace("collection", "a" * 40) for name in MANY],  # all of the middle does not fit
        [name[:-15] + "x" * i for i, name in enumerate(MANY)],
        [f"{'same start of each name '}{c}{'a' * 30}{d}{' and the same end'}" for c in "xyz" for d in "xyz"],
        [
            "shirt",
            "shirt of a very long and unusual name",
            "shirt of a very long and unusual n\u00e4me",
            "n" * 90,
            "n" * 91,
        ],
        ["a\u200db" * 20, "ab" * 20, "a\u200d\u200db" * 20],
    ],
)
def test_names_that_differ_in_the_middle_stay_different(names: list[str]) -> None:
    shown = names_of(plots.confusion(names, np.eye(len(names), dtype=int).tolist()), "y")
    assert len(set(shown)) == len(names) and max(map(len, shown)) <= 36
    if names is MANY:
        assert shown[17] == "Autumn…17…e shop"


def test_one_photo_is_not_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    label = plots.reliability([0.5, 0.75], [True, False]).get_legend().get_texts()[-1].get_text()
    assert label == "bins of 1 photo, 95 % intervals"
    result = {"accuracy": 1.0, "photos": 1, "classes": ["bar", "hat"], "confusion": [[1, 0], [0, 0]]}
    monkeypatch.setattr(results, "read_evaluation", lambda folder: result)
    drawn: list[str] = []
    monkeypatch.setattr(plots, "save", lambda ax, path: drawn.append(ax.get_title()))
    draw_confusion(tmp_path, "png")
    assert drawn == ["Accuracy 100 % on 1 test photo"]


@pytest.mark.parametrize("epochs", [1, 2, 30])
def test_history_marks_the_best_epoch(tmp_path: Path, epochs: int) -> None:
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


def test_reliability_shows_accuracy_in_bins_of_equal_size() -> None:
    confidence = [0.5] * 20 + [0.9] * 20
    right = [True] * 10 + [False] * 10 + [True] * 18 + [False] * 2
    ax = plots.reliability(confidence, right, bins=2)
    assert ax.containers[0].lines[0].get_xydata() == pytest.approx(np.array([[0.5, 0.5], [0.9, 0.9]]))


@pytest.mark.slow
def test_a_matrix_of_many_classes_is_a_picture_of_limited_size() -> None:
    ax = plots.confusion([f"{i}" for i in range(100)], np.eye(100, dtype=int).tolist())
    assert 2000 < max(Image.open(io.BytesIO(plots.render(ax, "png"))).size) <= 4000


def test_history_and_confusion_matrix_show_their_data(tmp_path: Path) -> None:
    rows = [
        {"epoch": n, "accuracy": n / 9, "val_accuracy": n / 10, "loss": 3 - n / 9, "val_loss": 3 - n / 10}
        for n in range(1, 4)
    ]
    accuracy, loss = plots.history(rows)
    assert list(accuracy.get_lines()[1].get_ydata()) == [row["val_accuracy"] for row in rows]
    assert [line.get_label() for line in loss.get_lines()][:2] == ["loss", "val_loss"]
    assert loss.get_title() == "Loss"
    ax = plots.confusion(["bar", "frame"], [[7, 0], [2, 5]])
    assert [text.get_text() for text in ax.texts] == ["7", "2", "5"]
    for name in ("plot.png", "plot.svg"):
        assert plots.save(ax, tmp_path / name).stat().st_size > 2000
    with pytest.raises(ClothesError, match="png or svg"):
        plots.save(ax, tmp_path / "plot.pdf")


def test_learning_curve_shows_its_points() -> None:
    ax = plots.learning_curve([(100, 0.5, 0.4, 0.6), (200, 0.7, 0.6, 0.8)])
    assert ax.containers[0].lines[0].get_xydata().tolist() == [[100, 0.5], [200, 0.7]]
    assert names_of(ax, "x") == ["100", "200"]


def test_search_shows_trials_and_importance() -> None:
    scores = [(0, 0.5, "completed"), (1, 0.2, "pruned"), (2, 0.7, "completed"), (3, 0.6, "repeated")]
    trials, importance = plots.search(scores, {"train.learning_rate": 0.8, "model.units.0": 0.2}, default=0.5)
    labels = [text.get_text() for text in trials.get_legend().get_texts()]
    assert labels == ["pruned", "completed", "repeated", "best so far", "starting settings: 0.500"]
    assert names_of(importance, "y") == ["units.0", "learning_rate"]
    empty = plots.search(scores, {})[1]
    assert empty.get_title() == "Hyperparameter importance: too few trials"


def test_the_plot_of_a_search(tmp_path: Path) -> None:
    scores = [(0, 0.5, "completed"), (1, 0.2, "pruned"), (2, 0.7, "completed"), (3, 0.6, "completed")]
    scores.append((4, 0.9, "repeated"))
    left, right = plots.search(scores, {"train.learning_rate": 0.8, "model.units.0": 0.2}, default=0.5)
    best = next(line for line in left.get_lines() if line.get_label() == "best so far")
    assert best.get_ydata().tolist() == [0.5, 0.7, 0.7]
    assert [bar.get_width() for bar in right.patches] == [0.2, 0.8]
    assert plots.save((left, right), tmp_path / "search.png").stat().st_size > 1000
