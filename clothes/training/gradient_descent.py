"""The training of a Keras network for epochs: a split -> checkpoints, history and bundle of a run."""

import errno
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from clothes.config import Config
from clothes.errors import RunError, TrainingError, WorkerError
from clothes.inference.metrics import apply_temperature
from clothes.inference.run import Run
from clothes.photos.split_file import Split
from clothes.system.files import megabytes
from clothes.system.terminal_text import quote
from clothes.training import checkpoints
from clothes.training.callbacks import StopTrainingError, TrainingCallback, WaitingCallback
from clothes.training.datasets import Pictures, decode
from clothes.training.split_and_config import Changes, choose_config
from clothes.training.teacher import Teacher
from clothes.training.workers.group import require_even_shares

if TYPE_CHECKING:
    from clothes.training.training_loop import Trainer

_SMALL_FILES = 2_000_000  # bytes, of history, golden samples and pictures


class GradientDescent:
    """Trains a Keras network for epochs, with or without a teacher."""

    def __init__(self, teacher: str | None) -> None:
        self._teacher = None if teacher is None else Teacher(teacher)

    def choose_config(
        self, config: Config | None, changes: Changes, split: Split, callback: TrainingCallback
    ) -> Config:
        config = choose_config(config, changes, split)
        require_even_shares(min(config.train.batch_size, len(split.part("train"))))
        self._ask_teacher(split, callback)  # before the time that is left is counted
        return config

    def _ask_teacher(self, split: Split, callback: TrainingCallback) -> np.ndarray | None:
        if self._teacher is None:
            return None
        return self._teacher.scores(split, lambda *at: callback.on_progress("teach", *at))

    def prepare(self, split: Split, config: Config, callback: TrainingCallback) -> dict[str, Pictures]:
        progress = lambda *at: callback.on_progress("decode", *at)  # noqa: E731
        pictures = decode(split, config.model.image_size, ("train", "validation"), progress=progress)
        scores = self._ask_teacher(split, callback)
        if scores is not None:
            taught = apply_temperature(scores, config.train.teacher_temperature).astype(np.float32)
            pictures["train"] = replace(pictures["train"], taught=taught)
        return pictures

    def fit(
        self, run: Run, split: Split, prepared: Mapping[str, Pictures], callback: TrainingCallback, *, resume: bool
    ) -> None:
        """Trains a run from its newest checkpoint, or from the start, and writes its bundle."""
        if self._teacher and "teacher" not in run.info:
            run.note(teacher=self._teacher.origin)
        callback.on_start(run, run.config, split)
        from clothes.training.bundle_writer import write_run_bundle
        from clothes.training.training_loop import Trainer

        trainer = Trainer(run.config, split.classes, prepared["train"], prepared["validation"])
        with _explained(run, trainer):
            began, stop = time.perf_counter(), None
            trainer.team.show_photos(split, prepared["train"].taught)
            try:
                _run_epochs(run, trainer, split.fingerprint, callback, resume=resume)
                trainer.team.end()
            except StopTrainingError as error:
                if not checkpoints.has_newer_epoch(run):  # the bundle is of the best epoch already, or there is none
                    raise
                stop = error
            callback.on_progress("save", 0, 1)
            write_run_bundle(run, trainer, split, seconds=time.perf_counter() - began)
            if stop:
                raise stop
            run.finish()


def _run_epochs(run: Run, trainer: "Trainer", photos: str, callback: TrainingCallback, *, resume: bool) -> None:
    """Trains to the last epoch or the early stop: a checkpoint after each epoch and at an interruption."""
    folder = run.path / checkpoints.FOLDER
    is_between_steps = False

    def on_step(done: int, total: int) -> None:
        nonlocal is_between_steps
        is_between_steps = True
        callback.on_progress("train", done, total)
        is_between_steps = False

    if resume and trainer.restore(folder, photos=photos):
        run.write_history(trainer.state.history)  # the process may have been killed before it was written
    else:
        trainer.begin(progress=lambda *at: callback.on_progress("fit", *at))
    if isinstance(callback, WaitingCallback):
        callback.wait_no_longer()
    callback.on_progress("train", *trainer.progress)  # to be stopped before the first step, which compiles
    present = sum(path.stat().st_size for path in folder.rglob("*"))
    if shutil.disk_usage(run.path).free < _needed_bytes(trainer) - present:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(run.path))
    callback.on_estimate(trainer.seconds_left())
    try:
        for row in trainer.epochs(on_step=on_step):
            trainer.save(folder, photos=photos)
            run.write_history(trainer.state.history)
            callback.on_epoch(row)
    except BaseException as error:
        # The callback stops the training, or a worker is lost before its step: keep the steps of this epoch.
        if is_between_steps or isinstance(error, WorkerError):
            trainer.save(folder, photos=photos)
        raise


def _needed_bytes(trainer: "Trainer") -> int:
    """Returns the size of the kept checkpoints, one more while it is written, and the bundle."""
    sizes = {part: sum(value.nbytes for value in values) for part, values in trainer.arrays().items()}
    return (checkpoints.KEPT + 1) * sum(sizes.values()) + 2 * sizes["best"] + _SMALL_FILES


@contextmanager
def _explained(run: Run, trainer: "Trainer") -> Iterator[None]:
    """Adds to an error of the disk or of the training which checkpoint is kept and how to continue."""
    go_on = f"clothes train {quote(run.photos)} --out {quote(run.path)} --resume"
    before = f" The run that was there before lies in {run.replaced.path} until then." if run.replaced else ""
    try:
        yield
    except BrokenPipeError:  # raised by a callback that prints: the reader of our output is gone
        raise
    except OSError as error:
        raise RunError(
            f"{run.path} cannot be written to: {error.strerror}. What was learnt up to the last checkpoint is kept. "
            f"Have {megabytes(_needed_bytes(trainer))} free there, and go on with: {go_on}{before}"
        ) from None
    except WorkerError as error:
        raise WorkerError(
            f"{error} What was learnt until then is kept. Go on with: {go_on}, and --workers or the same launcher"
        ) from None
    except TrainingError as error:
        kept = f" The checkpoint of epoch {trainer.state.epoch} is kept in {run.path}." if trainer.state.epoch else ""
        raise type(error)(f"{error}{kept}") from None
