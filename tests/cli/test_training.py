"""`clothes train` and `clothes tune`."""

from pathlib import Path

import pytest

pytest.importorskip("keras", reason="training needs the extra 'train'")

import clothes
from clothes.cli.commands.training import render_tuning
from tests.support.commands import run_command
from tests.support.pictures import SMALL, make_photos


def test_a_finished_run_is_not_trained_again(place: Path) -> None:
    before = (place / "runs/small/bundle/bundle.json").stat().st_mtime_ns
    shown = run_command("train", "photos", "--out", "runs/small", "--resume")
    assert shown.status == 0, shown.err
    assert "runs/small was finished already, on 20" in shown.err
    assert "Validation accuracy" in shown.out
    assert shown.out.splitlines()[-1] == "Next, measure it on the test part:  clothes evaluate runs/small"
    assert (place / "runs/small/bundle/bundle.json").stat().st_mtime_ns == before


def test_a_taken_run_folder_is_an_error(place: Path) -> None:
    shown = run_command("train", "photos", "--out", "runs/small")
    assert shown.status == 1
    assert shown.err.startswith("Error: runs/small is in use.")


@pytest.mark.slow
def test_train_ends_with_the_accuracy_and_the_next_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make_photos(tmp_path / "photos", each=12)
    (tmp_path / "small.json").write_text(SMALL.to_json())
    shown = run_command("train", "photos", "--config", "small.json", "--out", "runs/a b", "--epochs", 2)
    assert shown.status == 0, shown.err
    assert " 2/2 " in shown.err
    assert "Validation accuracy" in shown.out
    assert shown.out.splitlines()[-1] == "Next, measure it on the test part:  clothes evaluate 'runs/a b'"
    assert (tmp_path / "runs/a b/history.png").stat().st_size > 2000


@pytest.mark.parametrize(("better", "words"), [(True, "25.0 points more than at the start"), (False, "nothing was")])
def test_the_result_of_a_search_compares_with_the_start(
    better: bool, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("optuna", reason="tuning needs the extra 'tune'")
    from clothes.training.search.results import Candidate, Trial

    start = Candidate({"train.learning_rate": 0.004, "train.batch_size": 64}, (0.5,))
    best = Candidate({"train.learning_rate": 0.00123456, "train.batch_size": 32}, (0.7, 0.8)) if better else start
    trials = tuple(Trial(i, "done", 0.5, 4, 1.0, start.settings) for i in range(3))
    result = clothes.Tuning(tmp_path, SMALL, best, start, trials, {})
    render_tuning(result, plot=tmp_path / "search.png")
    shown = capsys.readouterr().out
    assert words in shown
    assert (["train.learning_rate", "0.004", "0.001235"] in [line.split() for line in shown.splitlines()]) is better
