"""A study gives up the trials of dead processes, and does not count trials that were given up."""

from pathlib import Path

import pytest

pytest.importorskip("optuna", reason="tuning needs the extra 'tune'")

from optuna.trial import TrialState

from clothes.training.search.space import Span
from clothes.training.search.study import RunningTrial, Study, TrialError
from tests.support.waiting import wait_for


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    """A study with one setting; the first trial has x = 0.5."""
    monkeypatch.setattr("clothes.training.search.study.HEARTBEAT", 1)
    url = f"sqlite:///{tmp_path / 'study.db'}"
    return Study(url, "search", {"x": Span(0, 1)}, identity={}, first=[{"x": 0.5}], epochs=2, seed=0)


@pytest.mark.slow
def test_a_process_that_died_before_its_first_heartbeat_is_given_up(study: Study) -> None:
    study._study.ask()  # then the process dies

    def lost() -> bool:
        study.give_up_silent()
        return study.trials()[0].state == "lost"

    wait_for(lost)
    study.run(lambda trial: trial.settings["x"])
    assert [(trial.state, trial.settings) for trial in study.trials()] == [("lost", {}), ("done", {"x": 0.5})]


@pytest.mark.parametrize("ends", ["complete", "reporting", "failing", "interrupted"])
def test_a_trial_that_another_process_gave_up_does_not_count(study: Study, ends: str) -> None:
    def train(trial: RunningTrial) -> float:
        x: float = trial.settings["x"]
        study._storage.set_trial_state_values(trial._trial._trial_id, TrialState.FAIL)
        if ends == "reporting":
            trial.report(1, x, last=False)
        if ends == "failing":
            raise TrialError("no memory", "too large")
        if ends == "interrupted":
            raise KeyboardInterrupt
        return x

    if ends == "interrupted":
        with pytest.raises(KeyboardInterrupt):
            study.run(train)
    else:
        study.run(train)
    assert [trial.state for trial in study.trials()] == ["lost"]  # the other process enqueues it
