"""`clothes train` and `clothes tune`."""

from pathlib import Path

import pytest

pytest.importorskip("keras", reason="training needs the extra 'train'")

import clothes
from clothes.cli.commands.training import render_tuning
from tests.support.commands import run_command
from tests.support.pictures import SMALL, make_photos


def test_train_ends_with_the_accuracy_and_the_next_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make_photos(tmp_path / "photos", each=12)
    (tmp_path / "small.json").write_text(SMALL.to_json())
    settings = ("photos", "--config", "small.json", "--out", "runs/a b")
    shown = run_command("train", *settings, "--epochs", 2)
    assert shown.status == 0, shown.err
    assert " 2/2 " in shown.err
    assert "Validation accuracy" in shown.out
    assert shown.out.splitlines()[-1] == "Next, measure it on the test part:  clothes evaluate 'runs/a b'"
    assert (tmp_path / "runs/a b/history.png").stat().st_size > 2000
    again = run_command("train", *settings)
    assert again.status == 1
    assert again.err.startswith("Error: runs/a b is in use.")


@pytest.mark.parametrize(("better", "words"), [(True, "25.0 points more than at the start"), (False, "nothing was")])
def test_the_result_of_a_search_compares_with_the_start(
    better: bool, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("optuna", reason="tuning needs the extra 'tune'")
    from clothes.training.optuna_study import Trial
    from clothes.training.tuning import Tried

    start = Tried({"train.learning_rate": 0.004, "train.batch_size": 64}, (0.5,))
    best = Tried({"train.learning_rate": 0.00123456, "train.batch_size": 32}, (0.7, 0.8)) if better else start
    trials = tuple(Trial(i, "done", 0.5, 4, 1.0, start.settings) for i in range(3))
    result = clothes.Tuning(tmp_path, SMALL, best, start, trials, {})
    render_tuning(result, plot=tmp_path / "search.png")
    shown = capsys.readouterr().out
    assert words in shown
    assert (["train.learning_rate", "0.004", "0.001235"] in [line.split() for line in shown.splitlines()]) is better
