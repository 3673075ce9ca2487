"""Trains a run to its end: a checkpoint after each epoch or at an interruption, then the bundle."""

import errno
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from clothes.errors import RunError, TrainingError
from clothes.inference.run import Run
from clothes.photos.split_file import Split
from clothes.system.files import megabytes
from clothes.training import checkpoints
from clothes.training.callbacks import TrainingCallback
from clothes.training.datasets import Pictures
from clothes.training.packaging import write_run_bundle
from clothes.training.trainer import Trainer

_SMALL_FILES = 2_000_000  # bytes, of history, golden samples and pictures


def fit(run: Run, split: Split, pictures: Mapping[str, Pictures], callback: TrainingCallback, *, resume: bool) -> None:
    """Trains a run from its newest checkpoint, or from the start, and writes its bundle."""
    trainer = Trainer(run.config, split.classes, pictures["train"], pictures["validation"])
    with _explained(run, trainer):
        seconds = _train(run, trainer, split.fingerprint, callback, resume=resume)
        write_run_bundle(run, trainer, split, seconds=seconds)


def _train(run: Run, trainer: Trainer, fingerprint: str, callback: TrainingCallback, *, resume: bool) -> float:
    """Trains until the last epoch or the early stop. Returns the seconds this took."""
    folder = run.path / "checkpoints"

    def on_step(done: int, total: int) -> None:
        try:
            callback.on_progress("train", done, total)
        except BaseException:  # the callback stops the training between two steps: keep the steps of this epoch
            trainer.save(folder, photos=fingerprint)
            raise

    if resume and trainer.restore(folder, photos=fingerprint):
        run.write_history(trainer.state.history)  # the process may have been killed before it was written
    else:
        trainer.begin(progress=lambda *at: callback.on_progress("fit", *at))
    _check_disk_space(run, trainer)
    callback.on_estimate(trainer.seconds_left())
    began = time.perf_counter()
    for row in trainer.epochs(on_step=on_step):
        trainer.save(folder, photos=fingerprint)
        run.write_history(trainer.state.history)
        callback.on_epoch(row)
    return time.perf_counter() - began


def _check_disk_space(run: Run, trainer: Trainer) -> None:
    """Raises OSError before the training if the disk has no room for its files."""
    present = sum(path.stat().st_size for path in (run.path / "checkpoints").rglob("*"))
    if shutil.disk_usage(run.path).free < _needed_bytes(trainer) - present:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(run.path))


def _needed_bytes(trainer: Trainer) -> int:
    """Returns the size of the kept checkpoints, one more while it is written, and the bundle."""
    sizes = {part: sum(value.nbytes for value in values) for part, values in trainer.arrays().items()}
    return (checkpoints.KEPT + 1) * sum(sizes.values()) + 2 * sizes["best"] + _SMALL_FILES


@contextmanager
def _explained(run: Run, trainer: Trainer) -> Iterator[None]:
    """Adds to an error of the disk or of the training which checkpoint is kept and how to continue."""
    before = f" The run that was there before lies in {run.replaced.path} until then." if run.replaced else ""
    try:
        yield
    except BrokenPipeError:  # raised by a callback that prints: the reader of our output is gone
        raise
    except OSError as error:
        raise RunError(
            f"{run.path} cannot be written to: {error.strerror}. What was learnt up to the last checkpoint is kept. "
            f"Have {megabytes(_needed_bytes(trainer))} free there, and go on with: clothes train {run.photos} --out "
            f"{run.path} --resume{before}"
        ) from None
    except TrainingError as error:
        kept = f" The checkpoint of epoch {trainer.state.epoch} is kept in {run.path}." if trainer.state.epoch else ""
        raise type(error)(f"{error}{kept}") from None
