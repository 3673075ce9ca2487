"""evaluation.json and predictions.csv are read back; damaged files are refused."""

import codecs
import csv
import re
import shlex
import tracemalloc
from pathlib import Path

import pytest

import clothes
from clothes.errors import RunError
from clothes.evaluation.results import Evaluation, read_evaluation, read_predictions, write_evaluation
from clothes.inference.confidence import Prediction
from tests.support.commands import run_command


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"photos": 1}'])
def test_missing_or_damaged_evaluation_is_refused(copy: clothes.Run, text: str) -> None:
    with pytest.raises(RunError, match="has not been evaluated yet"):
        read_evaluation(copy.path)
    (copy.path / "evaluation.json").write_text(text)
    with pytest.raises(RunError, match="cannot be read"):
        read_evaluation(copy.path)


def test_predictions_are_read_back(copy: clothes.Run, tmp_path: Path) -> None:
    result = clothes.evaluate(copy.path)
    read = read_predictions(copy.path)
    assert [(t, p.photo, p.label, p.known) for t, p in read] == [
        (t, p.photo, p.label, p.known) for t, p in result.predictions
    ]
    assert read[0][1].scores == pytest.approx(result.predictions[0][1].scores, abs=1e-6)
    for text in ("", "a,b\n", "photo,truth,label,confidence,known,bar\nx,bar,hat,0.5,true,0.5\n"):
        (tmp_path / "predictions.csv").write_text(text)
        with pytest.raises(RunError, match="cannot be read"):
            read_predictions(tmp_path)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("a.png,bar,bar,1.5,true,0.9,0.1", "1.5 does not lie between 0 and 1"),
        ("a.png,bar,bar,0.9,true,-0.1,0.1", "-0.1 does not lie between 0 and 1"),
        ("a.png,bar,bar,0.9,maybe,0.9,0.1", "'maybe' is not true or false"),
        ("a.png,hat,bar,0.9,true,0.9,0.1", "'hat' or 'bar' is not one of its classes"),
        ("a.png,bar,_other,0.9,true,0.9,0.1", "'bar' or '_other' is not one of its classes"),
        ("a.png,bar,bar,0.9,true,0.9", "it has 6 cells, not 7"),
        ("a.png,bar,bar", "it has 3 cells, not 7"),
        ("b.png,hoodie,bar,0.9,true,0.9,0.1", "b.png is listed twice"),
    ],
)
def test_error_in_predictions_names_the_line(tmp_path: Path, row: str, reason: str) -> None:
    lines = ["photo,truth,label,confidence,known,bar,hoodie", "b.png,bar,bar,0.9,true,0.9,0.1", row]
    (tmp_path / "predictions.csv").write_text("\n".join(lines) + "\n")
    with pytest.raises(RunError, match=f"line 3: .*{reason}") as error:
        read_predictions(tmp_path)
    assert str(error.value).endswith(f"Run `clothes evaluate RUN --photos DIR --out {tmp_path}` again.")


def test_hints_name_commands_that_mend_an_evaluation(copy: clothes.Run, tmp_path: Path) -> None:
    """A run is evaluated on its test part, another folder on photos that must be named."""
    away = tmp_path / "on other photos"
    away.mkdir()
    for folder, photos in ((copy.path, ""), (away, str(copy.photos))):
        for damage in (None, "{"):
            if damage:
                (folder / "evaluation.json").write_text(damage)
            with pytest.raises(RunError) as error:
                read_evaluation(folder)
            command = re.findall(r"clothes (evaluate [^`]*)", str(error.value))[0]
            command = command.replace("RUN --photos DIR", f"{copy.path}/bundle --photos {photos}")
            for row in copy.split.rows:  # the model was trained on these: others are needed
                if photos and row.part != "test":
                    (copy.photos / row.photo).unlink(missing_ok=True)
            assert run_command(*shlex.split(command)).status == 0
            assert read_evaluation(folder)["photos"] == 24


@pytest.mark.parametrize("name", ["=1+1", "+a", "-a", "@a", "\tx", "'=1", "hat, red", 'say "hi"', "裙子", "a;b"])
def test_names_in_predictions_are_no_formulas_and_come_back(name: str, tmp_path: Path) -> None:
    predictions = [(name, Prediction(name, 0.75, {name: 0.75, "bar": 0.25}, True, f"{name}.png"))]
    write_evaluation(tmp_path, Evaluation.from_predictions((name, "bar"), predictions))
    data = (tmp_path / "predictions.csv").read_bytes()
    assert data.startswith(codecs.BOM_UTF8) is not name.isascii()
    cells = [cell for row in csv.reader(data.decode("utf-8-sig").splitlines()) for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t"))]
    assert read_predictions(tmp_path) == tuple(predictions)


def test_rows_are_not_kept_beside_the_text() -> None:
    classes = tuple(f"class {i}" for i in range(20))
    scores = dict.fromkeys(classes, 0.05)
    predictions = [(classes[0], Prediction(classes[0], 0.05, scores, True, f"{i}.png")) for i in range(2000)]
    result = Evaluation.from_predictions(classes, predictions)
    tracemalloc.start()
    text = result.predictions_csv()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * len(text)  # 2.5 times, and 9 times with all cells at once
