"""evaluation.json and predictions.csv are read back; damaged files are refused."""

from pathlib import Path

import pytest

import clothes
from clothes.errors import RunError
from clothes.evaluation.results import read_evaluation, read_predictions


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
