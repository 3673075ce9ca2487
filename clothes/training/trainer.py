"""A network and its optimiser, trained epoch by epoch and kept in checkpoints."""

import dataclasses
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from clothes.config import Config, ModelConfig, TrainConfig
from clothes.errors import DivergenceError, OutOfMemoryError
from clothes.metrics import log_loss
from clothes.models.architectures import build_model
from clothes.models.backend import keras
from clothes.models.pretrained import load_imagenet
from clothes.training.checkpoints import Arrays, read_checkpoints, write_checkpoint
from clothes.training.datasets import Pictures, balanced_order, batches, one_hot, prefetch, steps_per_epoch

_BETWEEN_EPOCHS = 0.15  # seconds, about: checkpoint, history, the thread that makes the batches
_HEAD_PHOTOS = 5000  # that the last layer is fitted to
_AVERAGE_EVERY = 4  # steps: averaging weights after each one would cost time and change nothing
_EXPLODED = 3  # times the loss of guessing


def learning_rate(config: TrainConfig, step: int, steps: int) -> float:
    """The learning rate of a step: a linear warm-up, then the schedule's way to (nearly) zero."""
    warmup = round(config.warmup * steps)
    if step < warmup:
        return config.learning_rate * (step + 1) / warmup
    if config.schedule == "constant":
        return config.learning_rate
    left = 1 - (step - warmup) / max(1, steps - warmup)
    return config.learning_rate * (left if config.schedule == "linear" else (1 - math.cos(math.pi * left)) / 2)


def choose_precision(config: TrainConfig, model: ModelConfig) -> str:
    """The Keras dtype policy: "auto" is bfloat16 where the processor computes with it and the network gets faster.

    The depthwise convolutions of the others do not: EfficientNet-Lite0 trains at half the speed in bfloat16.
    """
    if config.precision != "auto":
        return config.precision
    if model.architecture != "sequential":
        return "float32"
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return "float32"
    return "mixed_bfloat16" if "avx512_bf16" in flags or "amx_bf16" in flags else "float32"


@dataclass
class State:
    """Where a training stands, beside the weights: epochs that are over, and steps of the next one."""

    epoch: int = 0
    step: int = 0
    losses: list[float] = field(default_factory=list)  # of these steps
    accuracies: list[float] = field(default_factory=list)
    seconds: float = 0.0  # they took
    best_epoch: int = 0
    best: tuple[float, float] = (-1.0, 0.0)  # validation accuracy, then minus the loss
    history: list[dict[str, float]] = field(default_factory=list)


class Trainer:
    """A network and its optimiser, trained epoch by epoch; `best_weights` are those of the best epoch."""

    def __init__(self, config: Config, classes: tuple[str, ...], train: Pictures, validation: Pictures) -> None:
        self.config = config.train
        self.model_config = config.model
        self._described = config.to_dict()
        self.classes = len(classes)
        self.pictures = train
        self.validation = validation
        self.state = State()
        keras.utils.set_random_seed(self.config.seed)
        precision = choose_precision(self.config, config.model)
        self.model = build_model(config.model, self.classes, precision=precision)
        self.model.compile(
            optimizer=_optimizer(self.config), loss="categorical_crossentropy", metrics=["accuracy"], jit_compile="auto"
        )
        self.model.optimizer.build(self.model.trainable_variables)
        self._keep()

    def _keep(self) -> None:
        """What averages and best weights begin with."""
        self.average = _values(self.model.trainable_variables)
        self.best_weights = self.model.get_weights()

    def begin(self, *, progress: Callable[[int, int], None] = lambda done, total: None) -> None:
        """Gives a network that knows ImageNet its weights, and a last layer fitted to the features it has so far.

        Fine-tuning from a last layer that fits spoils the features less than from a random one, above all for photos of
        another kind (Kumar et al., 2022, arXiv 2202.10054).
        """
        if self.model_config.weights == "none":
            return
        load_imagenet(self.model, self.model_config)
        rng = np.random.default_rng(self.config.seed)
        chosen = np.sort(balanced_order(self.pictures.labels, self.config.balance, rng)[:_HEAD_PHOTOS])
        backbone = keras.Model(self.model.inputs, self.model.get_layer("features").output)
        features = predict(backbone, self.pictures.pixels, chosen, progress=progress)
        logits = self.model.get_layer("logits")
        head = keras.Sequential([keras.Input(features.shape[1:]), keras.layers.Dense(self.classes, "softmax")])
        head.compile(keras.optimizers.AdamW(1e-3, weight_decay=0.01), loss="categorical_crossentropy")
        targets = one_hot(self.pictures.labels[chosen], self.classes, self.config.label_smoothing)
        head.fit(features, targets, batch_size=32, epochs=20, verbose=0)
        logits.set_weights(head.get_weights())
        self._keep()

    def seconds_left(self) -> float:
        """How long the epochs that are left take on this machine, by a few steps that leave no trace."""
        config, before = self.config, _values(self._variables())
        pictures, targets = next(self._batches(self.state.epoch))
        times = []
        for _ in range(4):
            started = time.perf_counter()
            self._learn(pictures, targets)
            times.append(time.perf_counter() - started)
        _assign(self._variables(), before)
        step = min(times)  # the first one builds the graph
        steps = steps_per_epoch(len(self.pictures), config.batch_size)
        validating = len(self.validation) / len(targets) / 3  # in steps: forward takes a third of one
        return (step * (steps + validating) + _BETWEEN_EPOCHS) * (config.epochs - self.state.epoch)

    def _batches(self, epoch: int, step: int = 0) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        return batches(
            self.pictures,
            classes=self.classes,
            size=self.config.batch_size,
            epoch=epoch,
            step=step,
            seed=self.config.seed,
            augmentation=self.config.augmentation,
            smoothing=self.config.label_smoothing,
            balance=self.config.balance,
        )

    def epochs(self, *, on_step: Callable[[int, int], None]) -> Iterator[dict[str, float]]:
        """Trains on, yielding the history's row of each epoch, until the last one or the early stop.

        What `on_step` raises ends it between two steps: it can be saved as it is, and goes on from there.
        """
        config, state = self.config, self.state
        steps = steps_per_epoch(len(self.pictures), config.batch_size)
        while state.epoch < config.epochs:
            if config.patience and state.epoch - state.best_epoch >= config.patience:
                return
            started = time.perf_counter() - state.seconds
            for pictures, targets in prefetch(self._batches(state.epoch, state.step)):
                step = state.epoch * steps + state.step
                self.model.optimizer.learning_rate = learning_rate(config, step, steps * config.epochs)
                loss, accuracy = self._learn(pictures, targets)
                if not math.isfinite(loss):
                    raise self._diverged("is no number any more")
                if config.ema and step % _AVERAGE_EVERY == 0:
                    self._take_average(step)
                state.losses.append(loss)
                state.accuracies.append(accuracy)
                state.step += 1
                state.seconds = time.perf_counter() - started
                on_step(step + 1, steps * config.epochs)
            val_loss, val_accuracy = self._validate()
            row = {
                "epoch": state.epoch + 1,
                "loss": float(np.mean(state.losses)),
                "accuracy": float(np.mean(state.accuracies)),
                "val_loss": val_loss,
                "val_accuracy": val_accuracy,
                "learning_rate": learning_rate(config, (state.epoch + 1) * steps - 1, steps * config.epochs),
                "seconds": time.perf_counter() - started,
            }
            if not math.isfinite(val_loss):
                raise self._diverged("is no number any more")
            if min(row["loss"], val_loss) > _EXPLODED * math.log(self.classes):
                raise self._diverged("has exploded")
            state.epoch += 1
            state.step, state.losses, state.accuracies, state.seconds = 0, [], [], 0.0
            state.history.append(row)
            yield row

    def _learn(self, pictures: np.ndarray, targets: np.ndarray) -> tuple[float, float]:
        """Loss and accuracy of a batch, which the network learns from. Raises OutOfMemoryError when it is too large."""
        try:
            loss, accuracy = self.model.train_on_batch(pictures, targets)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            raise self._too_large(pictures, targets) from error
        return float(loss), float(accuracy)

    def _too_large(self, pictures: np.ndarray, targets: np.ndarray) -> OutOfMemoryError:
        """Says what does not fit into memory, and what does: half of it is tried, and half of that."""
        size, side = len(pictures), pictures.shape[1]
        problem = f"Out of memory: a batch of {size} photos of {side} x {side} pixels does not fit"
        while size > 1:
            size //= 2
            try:
                self.model.train_on_batch(pictures[:size], targets[:size])
            except Exception as error:
                if is_out_of_memory(error):
                    continue
                raise
            return OutOfMemoryError(
                f'{problem}; one of {size} does. Train with --config FILE that says "batch_size": {size} in "train", '
                "or with a smaller --image-size."
            )
        return OutOfMemoryError(f"{problem}, and not even one of 1 does. Train with a smaller --image-size or network.")

    def _diverged(self, what: str) -> DivergenceError:
        state = self.state
        before = f"; after epoch {state.epoch} it was {state.history[-1]['loss']:.3g}" if state.history else ""
        return DivergenceError(
            f"The loss {what} in epoch {state.epoch + 1}{before}. Train again with a smaller learning_rate than "
            f"{self.config.learning_rate:g} (in a --config file)."
        )

    def _take_average(self, step: int) -> None:
        """Exponential moving average of the weights, with a short memory at first."""
        taken = step // _AVERAGE_EVERY
        momentum = min(self.config.ema**_AVERAGE_EVERY, (1 + taken) / (10 + taken))
        for mean, variable in zip(self.average, self.model.trainable_variables, strict=True):
            mean += (1 - momentum) * (keras.ops.convert_to_numpy(variable) - mean)

    def _validate(self) -> tuple[float, float]:
        """Loss and accuracy of the (averaged) weights on the validation part; keeps them if they are the best yet.

        Photos of no class are left out.
        """
        current = _values(self.model.trainable_variables)
        if self.config.ema:
            _assign(self.model.trainable_variables, self.average)
        chosen = np.flatnonzero(self.validation.labels >= 0)
        labels = self.validation.labels[chosen]
        scores = predict(self.model, self.validation.pixels, chosen)
        loss = log_loss(scores, labels)
        accuracy = float((scores.argmax(axis=1) == labels).mean())
        if (accuracy, -loss) > self.state.best:
            self.state.best = (accuracy, -loss)
            self.state.best_epoch = self.state.epoch + 1
            self.best_weights = self.model.get_weights()
        _assign(self.model.trainable_variables, current)
        return loss, accuracy

    def save(self, folder: Path, *, photos: str) -> None:
        """Writes a checkpoint of everything the training goes on from; `photos` is their fingerprint.

        Raises DivergenceError when the weights are no numbers: the last checkpoint is better.
        """
        arrays = self.arrays()
        if not all(np.isfinite(value).all() for value in arrays["variables"]):
            raise self._diverged("will be no number in the next step: the weights are none")
        name = f"epoch-{self.state.epoch:06d}" + (f"-step-{self.state.step:06d}" if self.state.step else "")
        write_checkpoint(folder, name, of=self._of(photos), state=dataclasses.asdict(self.state), arrays=arrays)

    def restore(self, folder: Path, *, photos: str) -> bool:
        """Goes back to the newest checkpoint that is whole and of these photos and settings; False without any.

        Raises RunError when there are some, and none of them is.
        """
        return any(self._load(*found) for found in read_checkpoints(folder, of=self._of(photos)))

    def arrays(self) -> Arrays:
        """What a checkpoint holds beside the state."""
        return {"variables": _values(self._variables()), "average": self.average, "best": self.best_weights}

    def _of(self, photos: str) -> dict[str, Any]:
        return {"config": self._described, "photos": photos}

    def _load(self, state: dict[str, Any], arrays: Arrays) -> bool:
        """Whether it fits this network, whose it is then."""
        for part, values in self.arrays().items():
            if [value.shape for value in values] != [value.shape for value in arrays[part]]:
                return False
        _assign(self._variables(), arrays["variables"])
        self.average, self.best_weights = arrays["average"], arrays["best"]
        self.state = State(**state | {"best": tuple(state["best"])})
        return True

    def _variables(self) -> list[keras.Variable]:
        """All of the network (its dropout's random state too) and of the optimiser."""
        return [*self.model.variables, *self.model.optimizer.variables]


def predict(
    model: keras.Model,
    pixels: np.ndarray,
    chosen: np.ndarray,
    *,
    batch: int = 64,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> np.ndarray:
    """What the model says of the chosen pictures, float32 (N, ...), a batch in memory at a time."""
    answers = []
    for start in range(0, len(chosen), batch):
        answers.append(np.asarray(model.predict_on_batch(pixels[chosen[start : start + batch]])))
        progress(min(start + batch, len(chosen)), len(chosen))
    return np.concatenate(answers)


def _optimizer(config: TrainConfig) -> keras.optimizers.Optimizer:
    if config.optimizer == "adamw":
        optimizer = keras.optimizers.AdamW(config.learning_rate, weight_decay=config.weight_decay)
    elif config.optimizer == "adam":
        optimizer = keras.optimizers.Adam(config.learning_rate)
    else:
        optimizer = keras.optimizers.SGD(
            config.learning_rate, momentum=0.9, nesterov=True, weight_decay=config.weight_decay
        )
    if config.optimizer != "adam":
        optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


def _values(variables: list[keras.Variable]) -> list[np.ndarray]:
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]


def _assign(variables: list[keras.Variable], values: list[np.ndarray]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def is_out_of_memory(error: Exception) -> bool:
    """Whether a backend, each with an exception of its own, had too little memory."""
    text = f"{type(error).__name__} {error}".lower().replace("_", "")
    return isinstance(error, MemoryError) or any(
        told in text for told in ("resourceexhausted", "out of memory", "outofmemory")
    )
