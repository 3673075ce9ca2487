"""Tells how far a job is, from inside its process: writes progress.json each second, and stops the job when asked."""

import math
import os
import signal
import threading
import time
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from clothes.studio.job_folder import BEGINNING, JobFolder, Problem, Progress
from clothes.studio.time_left import QuickTimeLeft, TimeLeft
from clothes.training.callbacks import SearchCallback, StopTrainingError, TrainingCallback

if TYPE_CHECKING:
    from clothes.config import Config
    from clothes.inference.run import Run
    from clothes.photos.split_file import Split
    from clothes.training.search.results import Trial

_BETWEEN_LOOKS = 0.2  # seconds between two looks for the wish to stop
_LOOKS_PER_WRITE, _WHILE_YOUNG = 5, 2
_YOUNG = 50  # looks: many jobs are done by then
_GRACE = 4.0  # seconds for a stage without progress to end by itself
_KEPT_STAGES = ("train", "save")  # what is lost if the process is ended there
_SAVING, _SAVING_SEQUENTIAL = 5.0, 4.0  # seconds, about, to write the bundle of a network


class Reporter(AbstractContextManager["Reporter"]):
    """Keeps progress.json up to date in a thread of its own, so that the job never waits for the disk."""

    def __init__(self, job: JobFolder) -> None:
        self._job = job
        self._began = time.monotonic()
        self._time_left: TimeLeft = TimeLeft()
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self.stop = threading.Event()  # set by SIGTERM, too
        self._stop_since: float | None = None
        self.keeps = False  # an earlier part of this training reached an epoch, which a stop makes the bundle
        self._now: Progress = BEGINNING | {"pid": os.getpid()}
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> Self:
        self._write()
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ended.set()
        self._thread.join()

    def end(self, state: Any, problem: Problem | None = None) -> None:
        """Tells how the job ended. Nothing is told after that."""
        with self._lock:
            self._ended.set()
            self._now |= {"state": state, "seconds_left": 0.0}
            if problem:
                self._now["problem"] = problem
            self._write()

    def step(self, stage: str, done: int, total: int) -> None:
        """Tells that `done` of `total` things of a stage are done. Raises StopTrainingError if the job is to stop."""
        if self.stop.is_set() and stage != "save":
            raise StopTrainingError
        with self._lock:
            self._now |= {"stage": stage, "done": done, "total": total}
            self._time_left.step(stage, done, total)

    def set_epochs(self, epoch: int, epochs: int, *, likely: float) -> None:
        """Tells that so many epochs are done. At most `epochs` will be, and about `likely`."""
        with self._lock:
            self._now |= {"epoch": epoch, "epochs": epochs}
            self._time_left.share = likely / epochs

    def follow_quick(self, seconds: float) -> None:
        """Estimates a quick training from now on. `seconds` is the time of one photo in its network, on one core."""
        with self._lock:
            self._time_left = QuickTimeLeft(seconds)

    def estimate(self, seconds: float, *, saving: float) -> None:
        """Takes the seconds of the steps of a training and of writing its bundle, and begins to measure them."""
        with self._lock:
            self._now["stage"] = "train"
            self._time_left.begin_training(seconds, saving=saving)

    def _follow(self) -> None:
        looks = 0
        while not self._ended.wait(_BETWEEN_LOOKS):
            looks += 1
            if self.stop.is_set() or self._job.is_asked_to_stop:
                self._hasten()
            if looks % (_WHILE_YOUNG if looks < _YOUNG else _LOOKS_PER_WRITE) == 0:
                with self._lock:
                    if not self._ended.is_set():
                        self._write()

    def _hasten(self) -> None:
        """Ends the process if nothing else ends a stage that can be left at any moment: its files are whole."""
        self.stop.set()
        self._stop_since = self._stop_since or time.monotonic()
        with self._lock:
            may_end = not self.keeps and self._now["stage"] not in _KEPT_STAGES
            if may_end and time.monotonic() - self._stop_since > _GRACE:
                self._now |= {"state": "stopped", "seconds_left": 0.0}
                self._write()
                os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))

    def _write(self) -> None:
        self._now |= {"seconds": time.monotonic() - self._began}
        if self._now["state"] == "running":
            self._now["seconds_left"] = self._time_left.seconds()
        with suppress(OSError):  # the disk is full, or the folder is gone: the work itself will tell
            self._job.write("progress.json", self._now)


class FollowedTraining(TrainingCallback):
    """Tells the progress of a training."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter, self._epochs, self._patience, self._saving = reporter, 0, 0, _SAVING
        self._best, self._best_epoch = (-1.0, 0.0), 0

    def on_progress(self, stage: str, done: int, total: int) -> None:
        self._reporter.step(stage, done, total)

    def on_start(self, run: "Run", config: "Config", split: "Split") -> None:
        self._epochs, self._patience = config.train.epochs, config.train.patience
        self._saving = _SAVING_SEQUENTIAL if config.model.architecture == "sequential" else _SAVING
        if (run.path / "history.csv").exists():
            for row in run.history:
                self.on_epoch(row)
        self._reporter.step("prepare", 0, 1)  # last: it may raise

    def on_estimate(self, seconds: float) -> None:
        self._reporter.estimate(seconds, saving=self._saving)

    def on_epoch(self, row: dict[str, float]) -> None:
        reached = row["val_accuracy"], -row["val_loss"]
        if reached > self._best:
            self._best, self._best_epoch = reached, int(row["epoch"])
        soonest = self._best_epoch + self._patience if self._patience else self._epochs
        # The early stop may come then, or never.
        likely = math.sqrt(min(soonest, self._epochs) * self._epochs)
        self._reporter.set_epochs(int(row["epoch"]), self._epochs, likely=likely)


class FollowedSearch(SearchCallback):
    """Tells the progress of a search by its trials."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter, self._most, self._ended = reporter, 0, 0

    def on_progress(self, stage: str, done: int, total: int) -> None:
        self._reporter.step(*("search", self._ended, self._most) if stage == "train" else (stage, done, total))

    def on_start(self, path: Path, config: "Config", split: "Split", *, most: int | None) -> None:
        self._most = most or 0

    def on_trials(self, trials: tuple["Trial", ...]) -> None:
        self._ended = sum(trial.state != "running" for trial in trials)
        self._reporter.step("search", self._ended, self._most)
