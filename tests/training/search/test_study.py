"""A study gives up the trials of dead processes, and does not count trials that were given up."""

import contextlib
import sqlite3
from pathlib import Path

import pytest

pytest.importorskip("optuna", reason="tuning needs the extra 'tune'")

from optuna.trial import TrialState

from clothes.errors import TuningError
from clothes.training.search.space import Span
from clothes.training.search.study import RunningTrial, Study, TrialError, database_errors
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
        study.fail_stale_trials()
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


def open_study(folder: Path) -> Study:
    url = f"sqlite:///{folder / 'study.db'}"
    with database_errors(url):
        return Study(url, "search", {"x": Span(0, 1)}, identity={}, first=[{"x": 0.5}], epochs=2, seed=0)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE trial_user_attributes SET value_json = '{'",
        "UPDATE trial_user_attributes SET value_json = '\"x\"'",
        "UPDATE trial_user_attributes SET value_json = '[1]'",
        "UPDATE trial_system_attributes SET value_json = '['",
        "UPDATE study_user_attributes SET value_json = '{'",
        "UPDATE trial_params SET distribution_json = '{}'",
        "UPDATE trial_params SET distribution_json = 'null'",
        "UPDATE trial_params SET distribution_json = '" + "[" * 100_000 + "'",
        """UPDATE trial_params SET distribution_json =
           '{"name": "CategoricalDistribution", "attributes": {"choices": [[1], [2]]}}'""",
        "UPDATE trial_params SET param_value = 'x'",
        "UPDATE trial_intermediate_values SET intermediate_value = 'x'",
        "UPDATE trial_intermediate_values SET intermediate_value = 1e308",
        "UPDATE trial_intermediate_values SET intermediate_value_type = 'INF_POS'",
        "UPDATE trials SET number = 'x'",
        "UPDATE trials SET state = 'X'",
        "DELETE FROM study_directions",
        "UPDATE version_info SET schema_version = 1",
        "UPDATE studies SET study_name = 'other'",
        "DROP TABLE trial_params",
    ],
    ids=lambda statement: statement[:70],
)
def test_a_damaged_database_gives_a_message(study: Study, tmp_path: Path, statement: str) -> None:
    def train(trial: RunningTrial) -> float:
        trial.report(1, 0.5, last=False)
        trial.report(2, 0.6, last=True)
        return 0.6

    for settings in ({"x": 0.5}, {"x": 0.25}):
        study.repeat(settings, 1)
        study.run(train)
    with contextlib.closing(sqlite3.connect(tmp_path / "study.db")) as database, database:
        database.execute(statement)
    with contextlib.suppress(TuningError), database_errors(f"sqlite:///{tmp_path / 'study.db'}"):
        damaged = open_study(tmp_path)
        damaged.run(train)
        damaged.importance()


@pytest.mark.parametrize("data", [b"x" * 5000, b"SQLite format 3\0" + bytes(5000)])
def test_a_file_that_is_no_database_gives_a_message(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "study.db").write_bytes(data)
    with pytest.raises(TuningError, match="cannot be used"):
        open_study(tmp_path)
