"""Predictions as HTML and CSV."""

import csv
import io
from types import SimpleNamespace

from PIL import Image

import clothes
from clothes.inference.confidence import Prediction
from clothes.web import rendering


def test_bars_never_round_up_and_names_are_escaped() -> None:
    scores = {"<script>alert(1)</script>": 0.9996, "b": 0.0003, "c": 0.0001}
    shown = rendering.prediction_html(Prediction("<script>alert(1)</script>", 0.9996, scores, known=True))
    assert "99.9\u00a0%" in shown
    assert "100\u00a0%" not in shown
    assert "<script>" not in shown
    assert "&lt; 0.1\u00a0%" in shown


def test_a_rejected_photo_is_not_sure() -> None:
    answer = Prediction("hat", 0.31, {"hat": 0.31, "b": 0.3}, known=False)
    shown = rendering.prediction_html(answer)
    assert "Not sure" in shown and "Best guess: hat, 31.0\u00a0%." in shown
    assert "not sure (hat?)" in rendering.table_html([("cat.jpg", answer)], [None])


def test_the_csv_of_many_photos_is_safe_in_a_spreadsheet() -> None:
    answer = Prediction("=cmd()", 0.75, {"=cmd()": 0.75, "b": 0.25}, known=True)
    bad = clothes.PhotoError("x.jpg", "empty", "the file is empty")
    text = rendering.answers_csv(("=cmd()", "b"), [("=1+1.jpg", answer), ("x.jpg", bad)])
    head, first, second = csv.reader(io.StringIO(text, newline=""))
    assert head == ["photo", "label", "confidence", "known", "'=cmd()", "b", "problem"]
    assert first == ["'=1+1.jpg", "'=cmd()", "0.750000", "true", "0.750000", "0.250000", ""]
    assert second == ["x.jpg", "", "", "", "", "", "the file is empty"]


def test_a_model_that_was_tested_on_one_photo() -> None:
    info = {"metrics": {"test": {"accuracy": 1.0, "interval": (0.2, 1.0), "photos": 1}}}
    about = rendering.model_html(SimpleNamespace(info=info, classes=("bar", "hat")))  # type: ignore[arg-type]
    assert "of 1 test photo (95" in about


def test_the_model_is_described(classifier: clothes.Classifier) -> None:
    about = rendering.model_html(classifier)
    assert "bar, frame, square" in about
    assert "95\u00a0% interval" in about
    assert str(classifier.info["created"])[:10] in about


def test_the_table_names_each_photo_and_is_escaped() -> None:
    answer = Prediction("<b>", 0.9996, {"<b>": 0.9996, "c": 0.0004}, known=True)
    bad = clothes.PhotoError("x.jpg", "empty", "the file is empty")
    shown = rendering.table_html([("<i>.jpg", answer), ("x.jpg", bad)], [Image.new("RGB", (96, 72)), None])
    assert shown.count("<img") == shown.count('<img src="data:image/jpeg;base64,') == 1
    assert "&lt;i&gt;.jpg</td><td>&lt;b&gt;</td>" in shown
    assert "99.9 %" in shown
    assert "x.jpg</td>" in shown
    assert "the file is empty" in shown
