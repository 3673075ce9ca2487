"""What is evaluated is the saved bundle, on photos it never saw; only `evaluate` opens the test part."""

import csv
import json
import shutil
from pathlib import Path

import pytest

import clothes
from clothes import plots
from clothes.errors import ClothesError, PhotosError, RunError
from tests.conftest import make_photos


@pytest.fixture
def copy(run: clothes.Run, tmp_path: Path) -> clothes.Run:
    """A copy of the trained run with its photos beside it: it was not evaluated yet."""
    shutil.copytree(run.path.parent, tmp_path / "copy")
    return clothes.Run.open(tmp_path / "copy" / "run")


def test_the_numbers_agree_with_the_predictions_they_are_made_of(copy: clothes.Run) -> None:
    result = clothes.evaluate(copy.path)
    classifier = clothes.load(copy.path)
    rows = copy.split.part("test")
    assert result.photos == len(rows) == 24
    answers = [classifier.predict(copy.photos / row.photo) for row in rows]
    right = [answer.label == row.label for answer, row in zip(answers, rows, strict=True)]
    assert result.accuracy == pytest.approx(sum(right) / 24)
    assert result.interval[0] < result.accuracy < result.interval[1] or result.accuracy in (0, 1)
    assert sum(map(sum, result.confusion)) == 24
    for i, name in enumerate(result.classes):
        figures = result.per_class[name]
        assert figures["photos"] == 8
        assert figures["recall"] == pytest.approx(result.confusion[i][i] / 8)
    assert [(truth, p.label, p.photo) for truth, p in result.predictions] == [
        (row.label, answer.label, row.photo) for row, answer in zip(rows, answers, strict=True)
    ]


def test_what_is_written(copy: clothes.Run) -> None:
    result = clothes.evaluate(copy.path)
    data = json.loads((copy.path / "evaluation.json").read_text())
    assert set(data) >= {"photos", "classes", "accuracy", "interval", "loss", "per_class", "confusion", "ece"}
    assert data["test_part_opened"] == copy.info["test_part_opened"] == 1
    with (copy.path / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["photo", "truth", "label", "confidence", "bar", "frame", "square"]
    assert sum(row["truth"] == row["label"] for row in rows) / len(rows) == pytest.approx(result.accuracy)
    assert clothes.load(copy.path).info["metrics"]["test"]["accuracy"] == result.accuracy
    clothes.evaluate(copy.path / "bundle")
    assert copy.info["test_part_opened"] == 2


def test_any_labelled_folder(copy: clothes.Run, tmp_path: Path) -> None:
    photos = make_photos(tmp_path / "other", each=5, shapes=("bar", "square"))
    (photos / "hat").mkdir()
    shutil.copy(photos / "bar" / "000.png", photos / "hat" / "000.png")
    (photos / "bar" / "bad.jpg").write_bytes(b"")
    result = clothes.evaluate(copy.path / "bundle", photos=photos)
    assert result.photos == 10
    assert {item.path: item.reason for item in result.skipped} == {
        "hat/000.png": "the bundle knows no class 'hat'",
        "bar/bad.jpg": "the file is empty",
    }
    assert result.per_class["frame"]["recall"] is None
    assert copy.info["test_part_opened"] == 0
    assert not (copy.path / "evaluation.json").exists()
    with pytest.raises(PhotosError, match="is of a class the bundle knows"):
        clothes.evaluate(copy.path, photos=make_photos(tmp_path / "none", each=1, shapes=("circle",)))


def test_a_bundle_alone_needs_photos(bundle: Path, tmp_path: Path) -> None:
    shutil.copytree(bundle, tmp_path / "alone")
    with pytest.raises(RunError, match="Name photos to evaluate on"):
        clothes.evaluate(tmp_path / "alone")


def test_photos_that_went_away(copy: clothes.Run) -> None:
    shutil.rmtree(copy.photos)
    with pytest.raises(PhotosError, match="None of the 24 test photos can be read"):
        clothes.evaluate(copy.path)


def test_plots_show_what_they_are_given(copy: clothes.Run, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="plots need the extra 'train'")
    accuracy, loss = plots.history(copy.history)
    assert [line.get_label() for line in accuracy.get_lines()][:2] == ["accuracy", "val_accuracy"]
    assert list(accuracy.get_lines()[1].get_ydata()) == [row["val_accuracy"] for row in copy.history]
    assert loss.get_title() == "Loss"
    result = clothes.evaluate(copy.path)
    ax = plots.confusion(result.classes, result.confusion)
    assert {text.get_text() for text in ax.texts} == {str(n) for row in result.confusion for n in row if n}
    for name in ("plot.png", "plot.svg"):
        assert plots.save(ax, tmp_path / name).stat().st_size > 2000
    with pytest.raises(ClothesError, match="png or svg"):
        plots.save(ax, tmp_path / "plot.pdf")
