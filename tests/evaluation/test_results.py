"""evaluation.json and predictions.csv are read back; damaged files are refused."""

import codecs
import csv
from pathlib import Path

import pytest

import clothes
from clothes.errors import RunError
from clothes.evaluation.results import Evaluation, read_evaluation, read_predictions, write_evaluation
from clothes.inference.confidence import Prediction


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


@pytest.mark.parametrize("name", ["=1+1", "+a", "-a", "@a", "\tx", "'=1", "hat, red", 'say "hi"', "裙子", "a;b"])
def test_names_in_predictions_are_no_formulas_and_come_back(name: str, tmp_path: Path) -> None:
    predictions = [(name, Prediction(name, 0.75, {name: 0.75, "bar": 0.25}, True, f"{name}.png"))]
    write_evaluation(tmp_path, Evaluation.from_predictions((name, "bar"), predictions))
    data = (tmp_path / "predictions.csv").read_bytes()
    assert data.startswith(codecs.BOM_UTF8) is not name.isascii()
    cells = [cell for row in csv.reader(data.decode("utf-8-sig").splitlines()) for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t"))]
    assert read_predictions(tmp_path) == tuple(predictions)
