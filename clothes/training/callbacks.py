"""Callbacks of a training and of a search: override the methods you need."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from clothes.config import Config
from clothes.photos.split_file import Split

if TYPE_CHECKING:
    from clothes.inference.run import Run
    from clothes.training.search.results import Trial


class StopTrainingError(Exception):
    """Raised in `on_progress`, stops a training and makes its best epoch so far the bundle. The run can still go on."""


class TrainingCallback:
    """Follows a training. An exception raised in a method stops the training; its checkpoint is kept."""

    def on_progress(self, stage: str, done: int, total: int) -> None:
        """Counts photos listed ("look"), decoded ("decode"), embedded ("embed"), shown to the teacher ("teach") or
        fitted to ("fit"), training steps ("train"), or the bundle to write ("save")."""

    def on_start(self, run: "Run", config: Config, split: Split) -> None:
        """Called when the photos are decoded and the run folder exists. `split.notes` holds warnings."""

    def on_estimate(self, seconds: float) -> None:
        """Gives the estimated duration of the remaining epochs, without early stopping."""

    def on_epoch(self, row: dict[str, float]) -> None:
        """Called after each epoch with its row of history.csv."""


class PassingCallback(TrainingCallback):
    """Passes on to another callback what it is told."""

    def __init__(self, callback: TrainingCallback) -> None:
        self._callback = callback

    def on_progress(self, stage: str, done: int, total: int) -> None:
        self._pass_on(lambda: self._callback.on_progress(stage, done, total))

    def on_start(self, run: "Run", config: Config, split: Split) -> None:
        self._pass_on(lambda: self._callback.on_start(run, config, split))

    def on_estimate(self, seconds: float) -> None:
        self._pass_on(lambda: self._callback.on_estimate(seconds))

    def on_epoch(self, row: dict[str, float]) -> None:
        self._pass_on(lambda: self._callback.on_epoch(row))

    def _pass_on(self, call: Callable[[], None]) -> None:
        call()


class WaitingCallback(PassingCallback):
    """Passes on what another callback is told. A stop that it wishes waits until there is something to keep."""

    def __init__(self, callback: TrainingCallback) -> None:
        super().__init__(callback)
        self._stop: StopTrainingError | None = None
        self._waits = True

    def wait_no_longer(self) -> None:
        """Raises the stop that was wished so far. Later ones are passed on at once."""
        self._waits = False
        if self._stop:
            raise self._stop

    def _pass_on(self, call: Callable[[], None]) -> None:
        if self._waits and self._stop:
            return
        try:
            call()
        except StopTrainingError as stop:
            if not self._waits:
                raise
            self._stop = stop
            self._callback.on_progress("save", 0, 1)


class SearchCallback:
    """Follows a search. An exception raised in a method stops the search; its finished trials are kept."""

    def on_progress(self, stage: str, done: int, total: int) -> None:
        """Counts photos listed ("look") or decoded ("decode"), or training steps of the current trial ("train")."""

    def on_start(self, path: Path, config: Config, split: Split, *, most: int | None) -> None:
        """Called when the study is open. `config` is that of one trial; `most` is None if time alone is the limit."""

    def on_trials(self, trials: tuple["Trial", ...]) -> None:
        """Called with all trials of the study when a trial has begun, finished an epoch, or ended."""
