"""A worker other than worker 0: does its share of each step, and knows nothing but what worker 0 tells it."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from clothes.config import Config
from clothes.errors import ClothesError
from clothes.models.backend import keras
from clothes.photos.split_file import Row, Split
from clothes.training.batches import batches, prefetch, steps_per_epoch
from clothes.training.datasets import Pictures, decode
from clothes.training.training_step import learning_rate, make_network
from clothes.training.workers.group import Group
from clothes.training.workers.shared_step import SharedStep


def follow(group: Group, photos: Path) -> None:
    """Takes part in the training of worker 0 until its last step. The photos lie in the folder `photos` here.

    Raises WorkerError if another worker ends early, SplitError if a photo is missing or another one.
    """
    follower = Follower(group, photos)
    todo: dict[str, Callable[..., None]] = {
        "network": follower.build,
        "photos": follower.decode,
        "trial": follower.try_steps,
        "epoch": follower.finish_epoch,
    }
    while (message := group.hear())["what"] != "end":
        todo[message.pop("what")](**message)
    group.end()


class Follower:
    """The network and the photos of a worker, as worker 0 describes them."""

    _config: Config
    _network: keras.Model
    _step: SharedStep
    _pictures: Pictures

    def __init__(self, group: Group, photos: Path) -> None:
        self._group, self._photos = group, photos

    def build(self, config: dict[str, Any], classes: int, batch: int) -> None:
        self._config, self._classes, self._batch = Config.from_dict(config), classes, batch
        self._network = make_network(self._config, classes)
        self._group.answer()
        self._step = SharedStep(self._network, self._group)

    def decode(self, length: int, is_taught: bool) -> None:
        (text,) = self._group.share([np.zeros(length, np.uint8)])
        split = Split(self._photos, tuple(Row(*cells) for cells in json.loads(text.tobytes())))
        try:
            self._pictures = decode(split, self._config.model.image_size, ("train",))["train"]
        except ClothesError as error:
            self._group.answer(str(error))
            raise
        self._group.answer()
        if is_taught:
            (taught,) = self._group.share([np.zeros((len(split.rows), self._classes), np.float32)])
            self._pictures = replace(self._pictures, taught=taught)

    def try_steps(self, steps: int) -> None:
        self._step.agree()
        share, side = self._batch // self._group.count, self._config.model.image_size
        for _ in range(steps):
            self._step(np.zeros((share, side, side, 3), np.uint8), np.zeros((share, self._classes), np.float32))

    def finish_epoch(self, epoch: int, step: int) -> None:
        self._step.agree()
        config, steps = self._config.train, steps_per_epoch(len(self._pictures), self._config.train.batch_size)
        share = self._group.index, self._group.count
        shares = batches(self._pictures, config, self._classes, epoch=epoch, step=step, share=share)
        for done, (pictures, targets) in enumerate(prefetch(shares), start=epoch * steps + step):
            self._network.optimizer.learning_rate = learning_rate(config, done, steps * config.epochs)
            self._step(pictures, targets)
