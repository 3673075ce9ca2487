"""Worker 0 of a training on several processes: it trains as one alone would, and the others share its batches."""

import json

import numpy as np

from clothes.config import Config
from clothes.models.backend import keras
from clothes.photos.split_file import Split
from clothes.training.workers.group import Group, require_even_shares
from clothes.training.workers.shared_step import SharedStep


class Leader:
    """Tells the followers what comes next. Takes the place of `training_step.Alone`."""

    def __init__(self, group: Group, model: keras.Model, config: Config, *, classes: int, batch: int) -> None:
        require_even_shares(batch)
        self._group = group
        self.share = group.index, group.count
        group.tell("network", config=config.to_dict(), classes=classes, batch=batch)
        group.wait_for_answers()
        self._step = SharedStep(model, group)

    def show_photos(self, split: Split, taught: np.ndarray | None) -> None:
        """Has the followers decode the train photos, and gives them a teacher's answers. Raises WorkerError."""
        rows = [(row.photo, row.label, row.part, row.group, row.sha256) for row in split.part("train")]
        text = np.frombuffer(json.dumps(rows).encode(), np.uint8)
        self._group.tell("photos", length=len(text), is_taught=taught is not None)
        self._group.share([text])
        self._group.wait_for_answers()
        if taught is not None:
            self._group.share([taught])

    def begin(self, epoch: int, step: int) -> None:
        """Comes before the first of consecutive steps, up to the end of an epoch."""
        self._group.tell("epoch", epoch=epoch, step=step)
        self._step.agree()

    def begin_trial(self, steps: int) -> None:
        """Comes before steps that are taken to measure their time."""
        self._group.tell("trial", steps=steps)
        self._step.agree()

    def update(self, model: keras.Model, pictures: np.ndarray, targets: np.ndarray) -> tuple[float, float]:
        """Updates the weights from this process' share of a batch. Returns loss and accuracy of the whole batch."""
        return self._step(pictures, targets)

    def end(self) -> None:
        """Sends the followers away: no step follows."""
        self._group.end()
