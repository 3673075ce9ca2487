"""The training loop: epochs of steps, each followed by validation; keeps the best weights and writes checkpoints.

One training step is in training_step.py, its batches in batches.py, checkpoints in checkpoints.py.
"""

import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clothes.config import Config
from clothes.errors import DivergenceError, OutOfMemoryError
from clothes.inference.metrics import log_loss
from clothes.models.architectures import build_model, measure_network, predict
from clothes.models.backend import keras
from clothes.models.pretrained import load_imagenet
from clothes.system.progress import Progress
from clothes.training.batches import Batch, balanced_order, batches, make_targets, prefetch, steps_per_epoch
from clothes.training.checkpoints import Arrays, State, read_checkpoints, write_checkpoint
from clothes.training.datasets import Pictures
from clothes.training.training_step import (
    Alone,
    assign,
    choose_precision,
    for_one_device,
    learning_rate,
    make_network,
    training_step,
    values,
)
from clothes.training.workers.group import joined

if TYPE_CHECKING:
    from clothes.training.workers.leader import Leader

_BETWEEN_EPOCHS = 0.15  # seconds, about, for the checkpoint, the history and the start of the batches
_COPIES = 6  # of the weights: themselves, gradients, two of the optimizer, averages, the best
_EXPLODED = 3  # times the loss of guessing
_TIMED_STEPS = 4
_HEAD_PHOTOS = 5000  # at most, to fit the last layer before fine-tuning


class Trainer:
    """A network and its optimizer. `best_weights` are those of the epoch with the best validation accuracy."""

    def __init__(self, config: Config, classes: tuple[str, ...], train: Pictures, validation: Pictures) -> None:
        self.full_config = config
        self.config = config.train
        self.classes = len(classes)
        self.pictures = train
        self.validation = validation
        self.state = State()
        self.steps = steps_per_epoch(len(train), self.config.batch_size)
        self._require_memory()
        self._precision = choose_precision(self.config, config.model)
        self.model = make_network(config, self.classes)
        self.team = self._make_team()
        self._reset_average_and_best()

    def _make_team(self) -> "Alone | Leader":
        """Returns what takes the steps: this process alone, or as worker 0 of several."""
        group = joined()
        if group is None:
            return Alone()
        from clothes.training.workers.leader import Leader  # late: JAX

        config = self.full_config.changed({"train": {"precision": self._precision}})
        batch = min(self.config.batch_size, len(self.pictures))
        return Leader(group, self.model, config, classes=self.classes, batch=batch)

    def _require_memory(self) -> None:
        """Raises OutOfMemoryError before a network is built that this machine cannot hold."""
        weights, largest = measure_network(self.full_config.model, self.classes)
        batch = min(self.config.batch_size, len(self.pictures))
        needed = 4 * (_COPIES * weights + batch * largest)
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else math.inf
        if needed > memory:
            raise OutOfMemoryError(
                f"Out of memory: the network has {weights:,} weights and needs {needed / 1e9:,.0f} GB of memory for a "
                f"batch of {batch}; there are {memory / 1e9:,.0f} GB. Train a smaller one (in a --config file)."
            )

    def _reset_average_and_best(self) -> None:
        self.average: list[Any] = values(self.model.trainable_variables)
        self.best_weights = self.model.get_weights()
        self._best_scores: np.ndarray | None = None  # of the best weights, unless an old checkpoint lacks them

    def begin(self, *, progress: Progress = lambda done, total: None) -> None:
        """Loads ImageNet weights if the config asks for them, and fits the last layer to the features they give."""
        if self.full_config.model.weights != "none":
            load_imagenet(self.model, self.full_config.model)
            self._fit_head(progress)
            self._reset_average_and_best()

    def _fit_head(self, progress: Progress) -> None:
        """Fits the last layer to the features of the pretrained layers, which stay unchanged.

        Fine-tuning then changes the features less than from a random last layer (Kumar et al., 2022, arXiv 2202.10054).
        """
        config = self.config
        order = balanced_order(self.pictures.labels, config.balance, np.random.default_rng(config.seed))
        chosen = np.sort(order[:_HEAD_PHOTOS])
        backbone = keras.Model(self.model.inputs, self.model.get_layer("features").output)
        features = predict(backbone, self.pictures.pixels, chosen, progress=progress)
        head = keras.Sequential([keras.Input(features.shape[1:]), keras.layers.Dense(self.classes, "softmax")])
        optimizer = for_one_device(keras.optimizers.AdamW(1e-3, weight_decay=0.01))
        head.compile(optimizer, loss="categorical_crossentropy")
        targets = make_targets(self.pictures, chosen, self.classes, config)
        head.fit(features, targets, batch_size=32, epochs=20, verbose=0)
        self.model.get_layer("logits").set_weights(head.get_weights())

    def epochs(self, *, on_step: Progress) -> Iterator[dict[str, float]]:
        """Yields a row of the history after each epoch, until the last epoch or the early stop.

        An exception raised by `on_step` stops the training between two steps, or while it validates; `save` then keeps
        the finished steps.
        """
        config, state = self.config, self.state
        while state.epoch < config.epochs:
            if config.patience and state.epoch - state.best_epoch >= config.patience:
                return
            began = time.perf_counter() - state.seconds
            self.team.begin(state.epoch, state.step)
            for pictures, targets in prefetch(self._batches(state.epoch, state.step)):
                done, total = self.progress
                loss, accuracy = training_step(
                    self.model, self.average, pictures, targets, config, step=done, steps=total, update=self.team.update
                )
                if not math.isfinite(loss):
                    raise self._diverged("is no number any more")
                state.losses.append(loss)
                state.accuracies.append(accuracy)
                state.step += 1
                state.seconds = time.perf_counter() - began
                on_step(done + 1, total)
            row = self._finish_epoch(began, on_step)
            state.history.append(row)
            yield row

    def _batches(self, epoch: int, step: int = 0) -> Iterator[Batch]:
        share = self.team.share
        return batches(self.pictures, self.config, self.classes, epoch=epoch, step=step, share=share)

    def _finish_epoch(self, began: float, on_step: Progress) -> dict[str, float]:
        """Validates and moves on to the next epoch. Raises DivergenceError if the loss is NaN or has exploded."""
        state, last_step = self.state, (self.state.epoch + 1) * self.steps - 1
        val_loss, val_accuracy = self._validate(lambda *_: on_step(*self.progress))
        row = {
            "epoch": state.epoch + 1,
            "loss": float(np.mean(state.losses)),
            "accuracy": float(np.mean(state.accuracies)),
            "val_loss": val_loss,
            "val_accuracy": val_accuracy,
            "learning_rate": learning_rate(self.config, last_step, self.steps * self.config.epochs),
            "seconds": time.perf_counter() - began,
        }
        if not math.isfinite(val_loss):
            raise self._diverged("is no number any more")
        if min(row["loss"], val_loss) > _EXPLODED * math.log(self.classes):
            raise self._diverged("has exploded")
        state.epoch += 1
        state.step, state.losses, state.accuracies, state.seconds = 0, [], [], 0.0
        return row

    def _validate(self, progress: Progress = lambda done, total: None) -> tuple[float, float]:
        """Returns loss and accuracy of the averaged weights on validation photos of a class; keeps the best weights."""
        labels = self.validation.labels[self.validation.labels >= 0]
        with self._averaged():
            scores = self._validation_scores(self.model, progress)
            loss, accuracy = log_loss(scores, labels), float((scores.argmax(axis=1) == labels).mean())
            if (accuracy, -loss) > self.state.best:
                self.state.best = (accuracy, -loss)
                self.state.best_epoch = self.state.epoch + 1
                self.best_weights, self._best_scores = self.model.get_weights(), scores
        return loss, accuracy

    @contextmanager
    def _averaged(self) -> Iterator[None]:
        """Gives the network the averaged weights for the block."""
        current = values(self.model.trainable_variables)
        try:
            if self.config.ema:
                # Copies: JAX deletes what it predicts with.
                assign(self.model.trainable_variables, values(self.average))
            yield
        finally:
            assign(self.model.trainable_variables, current)

    def _validation_scores(self, model: keras.Model, progress: Progress = lambda done, total: None) -> np.ndarray:
        chosen = np.flatnonzero(self.validation.labels >= 0)
        return predict(model, self.validation.pixels, chosen, progress=progress)

    def best_network(self) -> tuple[keras.Model, np.ndarray]:
        """Returns the network with the best weights, and what it gives for the validation photos of a class.

        It computes in float32; the probabilities are float32 (N, classes). Ends the training, whose network it may be.
        """
        if self._precision == "float32":
            network, scores = self.model, self._best_scores
        else:
            network, scores = build_model(self.full_config.model, self.classes), None
        network.set_weights(self.best_weights)
        return network, self._validation_scores(network) if scores is None else scores

    def _diverged(self, what: str) -> DivergenceError:
        state = self.state
        before = f"; after epoch {state.epoch} it was {state.history[-1]['loss']:.3g}" if state.history else ""
        return DivergenceError(
            f"The loss {what} in epoch {state.epoch + 1}{before}. Train again with a smaller learning_rate than "
            f"{self.config.learning_rate:g} (in a --config file)."
        )

    @property
    def progress(self) -> tuple[int, int]:
        """The steps that are done, and those of all epochs."""
        return self.state.epoch * self.steps + self.state.step, self.steps * self.config.epochs

    def seconds_left(self) -> float:
        """Returns the estimated seconds of the remaining epochs, from a few steps that are undone."""
        before = values(self._variables())
        pictures, targets = next(self._batches(self.state.epoch))
        times = []
        self.team.begin_trial(_TIMED_STEPS)
        for _ in range(_TIMED_STEPS):
            began = time.perf_counter()
            self.team.update(self.model, pictures, targets)
            times.append(time.perf_counter() - began)
        assign(self._variables(), before)
        batch = len(targets) * self.team.share[1]
        validation_steps = len(self.validation) / batch / 3  # a forward pass takes a third of a step
        epoch = min(times) * (self.steps + validation_steps) + _BETWEEN_EPOCHS  # the first step compiles
        return epoch * (self.config.epochs - self.state.epoch)

    def save(self, folder: Path, *, photos: str) -> None:
        """Writes a checkpoint; `photos` is their fingerprint. Raises DivergenceError if the weights are not finite."""
        arrays = self.arrays()
        if not all(np.isfinite(value).all() for value in arrays["variables"]):
            raise self._diverged("will be no number in the next step: the weights contain NaN or infinity")
        write_checkpoint(folder, of=self._identity(photos), state=self.state, arrays=arrays)

    def restore(self, folder: Path, *, photos: str) -> bool:
        """Loads the newest intact checkpoint of these photos and settings. Returns False if the folder has none.

        Raises RunError if it has checkpoints, but none that fits.
        """
        scores = np.empty((np.count_nonzero(self.validation.labels >= 0), self.classes), np.float32)
        like = self.arrays() | {"scores": [scores]}
        for state, arrays in read_checkpoints(folder, of=self._identity(photos), like=like):
            self.state = state
            assign(self._variables(), arrays["variables"])
            self.average, self.best_weights = arrays["average"], arrays["best"]
            self._best_scores = next(iter(arrays.get("scores", [])), None)
            return True
        return False

    def arrays(self) -> Arrays:
        """Returns the arrays of a checkpoint."""
        best = {"best": self.best_weights, "scores": [] if self._best_scores is None else [self._best_scores]}
        return {"variables": values(self._variables()), "average": values(self.average)} | best

    def _identity(self, photos: str) -> dict[str, Any]:
        return {"config": self.full_config.to_dict(), "photos": photos}

    def _variables(self) -> list[keras.Variable]:
        """Returns all variables of the network, its dropout's random state included, and of the optimizer."""
        return [*self.model.variables, *self.model.optimizer.variables]
