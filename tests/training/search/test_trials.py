"""The order of the trials, and what a failed one means for the search."""

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("optuna", reason="tuning needs the extra 'tune'")

from clothes.errors import DivergenceError, TuningError
from clothes.training.search import trials
from clothes.training.search.results import Trial
from clothes.training.search.tuning import tune
from tests.support.fast_search import TINY


def test_the_order_of_repeated_settings() -> None:
    """The three best settings of the moment and the first settings take turns, the fewest trials first."""
    running = trials.Search.__new__(trials.Search)
    running.own = {"x": 0.0}
    asked: list[tuple[float, int]] = []

    class Recorder:
        def repeat(self, settings: dict[str, Any], again: int) -> None:
            asked.append((settings["x"], again))

    scores = {0.0: 0.1, 1.0: 0.9, 2.0: 0.8, 3.0: 0.7, 4.0: 0.6}
    tried = [Trial(i, "done", score, 2, 1.0, {"x": x}) for i, (x, score) in enumerate(scores.items())]
    tried.append(Trial(5, "pruned", 0.95, 1, 1.0, {"x": 5.0}))
    for score in (0.2, 0.8, 0.7, 0.1, 0.6, 0.1):
        running._repeat_best(Recorder(), tried)  # type: ignore[arg-type]
        x, again = asked[-1]
        tried.append(Trial(len(tried), "done", score, 2, 1.0, {"x": x}, again=again))
    # The second trial of 1 gives 0.2, so 4 takes its place.
    assert asked == [(1.0, 1), (2.0, 1), (3.0, 1), (4.0, 1), (0.0, 1), (2.0, 2)]


def test_a_failed_trial_is_recorded_and_the_search_continues(
    photos: Path, tmp_path: Path, fast: list[Exception | None]
) -> None:
    fast += [MemoryError("cannot allocate 9 GB"), ValueError("Negative dimension"), MemoryError(), None]
    result = tune(photos, out=tmp_path / "search", trials=4, epochs=1, config=TINY)
    assert [trial.state for trial in result.trials] == ["failed", "failed", "failed", "done"]
    assert [trial.reason for trial in result.trials[:3]] == ["cannot allocate 9 GB", "Negative dimension", "no memory"]
    assert result.default is None and result.gain is None
    assert "cannot allocate 9 GB" in (result.path / "trials.csv").read_text()


def test_three_equal_failures_end_the_search_with_advice(
    photos: Path, tmp_path: Path, fast: list[Exception | None]
) -> None:
    nan = DivergenceError("The loss is no number any more after epoch 1.")
    fast += [MemoryError(), nan, nan, nan]
    with pytest.raises(TuningError, match=r"last 3 trials failed alike.*no number.*smaller learning_rate"):
        tune(photos, out=tmp_path / "search", trials=9, epochs=1, config=TINY)
    with pytest.raises(TuningError, match="last 3 trials failed alike"):  # again, because nothing has changed
        tune(photos, out=tmp_path / "search", trials=9, epochs=1, config=TINY)


def test_another_error_ends_the_search_and_the_trial_is_repeated(
    photos: Path, tmp_path: Path, fast: list[Exception | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trials, "_SPREAD", 2)
    fast.append(OSError(28, "No space left on device"))
    with pytest.raises(TuningError, match="No space left on device"):
        tune(photos, out=tmp_path / "search", trials=1, epochs=1, config=TINY)
    # The repeated trial is enqueued after the two other first trials.
    result = tune(photos, out=tmp_path / "search", trials=3, epochs=1, config=TINY)
    assert [trial.state for trial in result.trials] == ["lost", "done", "done", "done"]
    assert result.trials[-1].settings == result.trials[0].settings
    assert result.default and result.default.scores == (result.trials[-1].score,)
