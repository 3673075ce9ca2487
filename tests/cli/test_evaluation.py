"""`clothes evaluate`, `info`, `compare` and `plot` on a trained run."""

import json
from pathlib import Path

import pytest

from clothes.cli.commands import evaluation
from tests.support.commands import run_command


def test_evaluate_then_info_compare_and_plot(place: Path) -> None:
    evaluate = run_command("evaluate", "runs/small")
    assert evaluate.status == 0, evaluate.err
    assert "95 % interval" in evaluate.out
    assert evaluate.out.splitlines()[-1] == "Next, open the web page:  clothes serve --model runs/small"
    assert (place / "runs/small/confusion.png").stat().st_size > 2000
    info = run_command("info", "runs/small").out
    assert "test accuracy" in info and "3: bar, frame, square" in info
    plot = run_command("plot", "runs/small", "--format", "svg")
    assert plot.out.split() == ["runs/small/history.svg", "runs/small/confusion.svg"]
    compare = run_command("compare", "runs/small", "runs/small")
    assert "p = 1. Neither run is better." in compare.out
    assert json.loads(run_command("compare", "runs/small", "runs/small", "--json").out)["p"] == 1


def test_evaluations_of_one_second_have_a_folder_each(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(evaluation, "stamp", lambda: "20260101-120000")
    for _ in range(2):
        assert run_command("evaluate", place / "runs/small", "--photos", place / "photos").status == 0
    assert run_command("evaluate", place / "runs/small", "--photos", place / "empty").status == 1
    names = [path.name for path in sorted(Path("evaluations").iterdir())]
    assert names == ["20260101-120000", "20260101-120000-2"]


def test_evaluate_on_other_photos_leaves_the_run_alone(place: Path) -> None:
    before = sorted(path.name for path in (place / "runs/small").iterdir())
    shown = run_command("evaluate", "runs/small", "--photos", "photos", "--json")
    assert json.loads(shown.out)["photos"] == 24
    (results,) = (place / "evaluations").iterdir()
    assert sorted(path.name for path in results.iterdir()) == ["confusion.png", "evaluation.json", "predictions.csv"]
    assert sorted(path.name for path in (place / "runs/small").iterdir()) == before
