"""`train`: photos -> run folder with its bundle. Sees the train and validation parts only."""

import os

# Before TensorFlow is imported: the same seed gives the same weights to the bit, and no chatter.
os.environ.setdefault("TF_DETERMINISTIC_OPS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import math
import platform
import re
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from clothes.errors import BundleError, ConfigError, PhotoError, PhotosError, RunError, SplitError, TrainingError
from clothes.quiet import quiet

_BACKENDS = ("tensorflow", "jax", "torch")
_backend = os.environ.get("KERAS_BACKEND") or "tensorflow"
if _backend not in _BACKENDS:
    raise ConfigError(f"KERAS_BACKEND is {_backend!r}. Set it to one of {', '.join(_BACKENDS)}.")
if _backend != "tensorflow" and find_spec(_backend) is None:
    raise ConfigError(
        f"KERAS_BACKEND is {_backend!r}, but {_backend} is not installed. Install it with: pip install {_backend}"
    )
with quiet():
    import keras

    keras.ops.zeros(1)  # the rest of a backend's start-up lines come with its first array
import numpy as np

import clothes
from clothes import images
from clothes.bundles import MODEL, PROBES, WEIGHTS, make_probes, pack_probes, pack_weights, write_bundle
from clothes.config import Config, TrainConfig
from clothes.converting import to_litert
from clothes.datasets import Pictures, batches, decode, one_hot, prefetch, steps_per_epoch
from clothes.folders import list_class_folders
from clothes.metrics import apply_temperature, calibrate_temperature, log_loss, wilson_interval
from clothes.models import build_model
from clothes.runs import Run, now
from clothes.runtime import LiteModel
from clothes.splits import Split
from clothes.splits import split as make_split

_KEEP_CHECKPOINTS = 3
_AVERAGE_EVERY = 4  # steps: averaging weights after each one would cost time and change nothing


class Watcher:
    """Sees a training as it happens. Override what you want to see."""

    def on_progress(self, stage: str, done: int, total: int) -> None:
        """Photos looked at ("look") or decoded ("decode"), or steps of the training done ("train")."""

    def on_start(self, run: Run, config: Config, split: Split) -> None:
        """The photos are split and decoded, and the run folder is made. `split.notes` say what was noticed."""

    def on_epoch(self, row: dict[str, float]) -> None:
        """An epoch is over: its row of history.csv."""


def train(
    photos: str | os.PathLike[str],
    *,
    out: str | os.PathLike[str] | None = None,
    config: Config | None = None,
    changes: Mapping[str, Mapping[str, Any]] | None = None,
    split: str | os.PathLike[str] | Split | None = None,
    resume: bool = False,
    overwrite: bool = False,
    watcher: Watcher | None = None,
) -> Run:
    """A run folder with the trained bundle, made from a folder of class folders.

    The split is the one given, else PHOTOS/split.csv, else made as `clothes.split` makes it. Without a config the
    defaults for photos of this size are used; `changes`, such as {"train": {"epochs": 5}}, go on top. `resume` goes on
    with an interrupted run in `out`, with its split and settings, to the bit as if it had not been interrupted; a
    finished one is returned as it is.
    """
    watcher = watcher or Watcher()
    photos = Path(photos)
    if resume:
        given = {"config": config, "split": split, "overwrite": overwrite or None}
        given |= {name: value for settings in (changes or {}).values() for name, value in settings.items()}
        run = _run_to_resume(out, photos, [name for name, value in given.items() if value is not None])
        config, parts_of = run.config, run.split
        if run.info["finished"]:
            return run
    else:
        folder = Run.free_folder(out, overwrite=overwrite)
        parts_of = find_split(photos, split, progress=lambda *at: watcher.on_progress("look", *at))
        check_parts(parts_of)
        config = (config or Config.for_photos(typical_side(parts_of))).changed(changes or {})
    parts = decode(
        parts_of,
        config.model.image_size,
        ("train", "validation"),
        progress=lambda *at: watcher.on_progress("decode", *at),
    )
    if not resume:  # only now, so that photos which cannot be used leave no folder in the way
        run = Run.new(folder, config, parts_of, overwrite=overwrite)
    watcher.on_start(run, config, parts_of)
    trainer = Trainer(config, parts_of.classes, parts["train"], parts["validation"])
    if resume:
        trainer.restore(run.path / "checkpoints")
    started = time.perf_counter()
    for row in trainer.epochs(on_step=lambda *at: watcher.on_progress("train", *at)):
        trainer.save(run.path / "checkpoints")
        run.write_history(trainer.state.history)
        watcher.on_epoch(row)
    finish(run, trainer, config, parts_of, seconds=time.perf_counter() - started)
    return run


def _run_to_resume(out: str | os.PathLike[str] | None, photos: Path, given: list[str]) -> Run:
    """The run in `out`. Raises RunError when it is none, of other photos, or settings are given beside it."""
    if out is None:
        raise RunError("--resume needs the run to go on with: give it by --out runs/NAME.")
    if given:
        raise RunError(
            f"--resume goes on with the split and the settings that {out} began with, so {', '.join(given)} cannot be "
            "given too. Leave that out, or train anew into another --out."
        )
    run = Run.open(out)
    if not run.is_of(photos):
        raise RunError(f"{out} was trained on {run.photos}, not on {photos}. Name that folder to go on with it.")
    if not os.path.isdir(photos):  # noqa: PTH112 - Path's own raises where it may not look
        raise PhotosError(f"There is no folder {photos} any more. Put the photos back to go on with {out}.")
    return run


def find_split(
    photos: Path,
    given: str | os.PathLike[str] | Split | None,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Split:
    """The split given, else PHOTOS/split.csv, else a new one of these photos (which is not written to PHOTOS).

    Its notes say what a new split noticed, or that photos are not in an older one.
    """
    if isinstance(given, Split):
        found, update = given, "clothes.split(photos, previous=split)"
    elif given is not None:
        found, update = Split.read(given, photos), f"clothes split {photos} --out {given}"
    elif os.path.isfile(photos / "split.csv"):  # noqa: PTH113 - Path's own raises where it may not look
        found, update = Split.read(photos / "split.csv", photos), f"clothes split {photos}"
    else:
        return make_split(photos, progress=progress)
    return replace(found, notes=(*found.notes, *_say_left_out(found, update)))


def _say_left_out(split: Split, update: str) -> list[str]:
    try:
        listing = list_class_folders(split.root)
    except PhotosError:
        return []  # the split's photos lie in another order of folders
    named = {row.photo for row in split.rows}
    left = [photo.path for photo in listing.photos if photo.path not in named]
    if not left:
        return []
    what = "1 photo is" if len(left) == 1 else f"{len(left):,} photos are"
    return [f"{what} not in the split and so not used, such as {left[0]}. Take new ones in with: {update}"]


def check_parts(split: Split) -> None:
    """Raises SplitError unless there are two classes, each with a photo to train on, and photos to validate on."""
    if len(split.classes) < 2:
        raise SplitError(
            f"A recogniser needs at least two classes; {split.root} has {len(split.classes)} "
            f"({', '.join(split.classes) or 'none'}). Put the photos of each kind into a folder of its own."
        )
    counts = split.counts()
    untrained = [name for name in split.classes if not counts["train"].get(name)]
    if untrained:
        raise SplitError(
            f"No train photo of {', '.join(untrained)}: nothing can be learnt of it. Add photos and split again."
        )
    if not split.part("validation"):
        raise SplitError("The validation part is empty, so no epoch can be chosen. Add photos and split again.")


def typical_side(split: Split) -> int:
    """The median longer side of the first train photos, in pixels up to 64."""
    rows = split.part("train")
    sides = []
    for row in rows[:: max(1, len(rows) // 50)]:
        try:
            sides.append(max(images.thumbnail(split.root / row.photo, 64).size))
        except PhotoError as error:
            raise SplitError(f"{row.photo} is in the split but cannot be used: {error.reason}. Split again.") from None
    return int(np.median(sides))


def learning_rate(config: TrainConfig, step: int, steps: int) -> float:
    """The learning rate of a step: a linear warm-up, then the schedule's way to (nearly) zero."""
    warmup = round(config.warmup * steps)
    if step < warmup:
        return config.learning_rate * (step + 1) / warmup
    if config.schedule == "constant":
        return config.learning_rate
    left = 1 - (step - warmup) / max(1, steps - warmup)
    return config.learning_rate * (left if config.schedule == "linear" else (1 - math.cos(math.pi * left)) / 2)


def choose_precision(config: TrainConfig) -> str:
    """The Keras dtype policy: "auto" is bfloat16 where the processor computes with it."""
    if config.precision != "auto":
        return config.precision
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return "float32"
    return "mixed_bfloat16" if "avx512_bf16" in flags or "amx_bf16" in flags else "float32"


@dataclass
class State:
    """What changes from epoch to epoch, beside the weights."""

    epoch: int = 0
    best_epoch: int = 0
    best: tuple[float, float] = (-1.0, 0.0)  # validation accuracy, then minus the loss
    history: list[dict[str, float]] = field(default_factory=list)


class Trainer:
    """A network and its optimiser, trained epoch by epoch; `best_weights` are those of the best epoch."""

    def __init__(self, config: Config, classes: tuple[str, ...], train: Pictures, validation: Pictures) -> None:
        self.config = config.train
        self.model_config = config.model
        self.classes = len(classes)
        self.pictures = train
        self.validation = validation
        self.state = State()
        keras.utils.set_random_seed(self.config.seed)
        self.model = build_model(config.model, self.classes, precision=choose_precision(self.config))
        self.model.compile(
            optimizer=_optimizer(self.config), loss="categorical_crossentropy", metrics=["accuracy"], jit_compile="auto"
        )
        self.model.optimizer.build(self.model.trainable_variables)
        self.average = _values(self.model.trainable_variables)
        self.best_weights = self.model.get_weights()
        self._targets = one_hot(validation.labels, self.classes)

    def epochs(self, *, on_step: Callable[[int, int], None]) -> Iterator[dict[str, float]]:
        """Trains on, yielding the history's row of each epoch, until the last one or the early stop."""
        config, state = self.config, self.state
        steps = steps_per_epoch(len(self.pictures), config.batch_size)
        while state.epoch < config.epochs:
            if config.patience and state.epoch - state.best_epoch >= config.patience:
                return
            started = time.perf_counter()
            losses, accuracies = [], []
            feed = prefetch(
                batches(
                    self.pictures,
                    classes=self.classes,
                    size=config.batch_size,
                    epoch=state.epoch,
                    seed=config.seed,
                    augmentation=config.augmentation,
                    smoothing=config.label_smoothing,
                )
            )
            for i, (pictures, targets) in enumerate(feed):
                step = state.epoch * steps + i
                rate = learning_rate(config, step, steps * config.epochs)
                self.model.optimizer.learning_rate = rate
                loss, accuracy = self.model.train_on_batch(pictures, targets)
                losses.append(float(loss))
                accuracies.append(float(accuracy))
                if config.ema and step % _AVERAGE_EVERY == 0:
                    self._take_average(step)
                on_step(step + 1, steps * config.epochs)
            val_loss, val_accuracy = self._validate()
            if not np.isfinite([*losses, val_loss]).all():
                raise TrainingError(
                    f"The loss is no number any more after epoch {state.epoch + 1}. Train again with a smaller "
                    f"learning_rate than {config.learning_rate:g} (in a --config file)."
                )
            state.epoch += 1
            row = {
                "epoch": state.epoch,
                "loss": float(np.mean(losses)),
                "accuracy": float(np.mean(accuracies)),
                "val_loss": val_loss,
                "val_accuracy": val_accuracy,
                "learning_rate": rate,
                "seconds": time.perf_counter() - started,
            }
            state.history.append(row)
            yield row

    def _take_average(self, step: int) -> None:
        """Exponential moving average of the weights, with a short memory at first."""
        taken = step // _AVERAGE_EVERY
        momentum = min(self.config.ema**_AVERAGE_EVERY, (1 + taken) / (10 + taken))
        for mean, variable in zip(self.average, self.model.trainable_variables, strict=True):
            mean += (1 - momentum) * (keras.ops.convert_to_numpy(variable) - mean)

    def _validate(self) -> tuple[float, float]:
        """Loss and accuracy of the (averaged) weights on the validation part; keeps them if they are the best yet."""
        current = _values(self.model.trainable_variables)
        if self.config.ema:
            _assign(self.model.trainable_variables, self.average)
        scores = predict(self.model, self.validation.pixels)
        loss = log_loss(scores, self.validation.labels)
        accuracy = float((scores.argmax(axis=1) == self.validation.labels).mean())
        if (accuracy, -loss) > self.state.best:
            self.state.best = (accuracy, -loss)
            self.state.best_epoch = self.state.epoch + 1
            self.best_weights = self.model.get_weights()
        _assign(self.model.trainable_variables, current)
        return loss, accuracy

    def save(self, folder: Path) -> None:
        """Writes a checkpoint of everything the training goes on from; the last three are kept."""
        folder.mkdir(exist_ok=True)
        arrays = {
            **_numbered("variable", _values(self._variables())),
            **_numbered("average", self.average),
            **_numbered("best", self.best_weights),
            "epoch": np.array([self.state.epoch, self.state.best_epoch]),
            "best_score": np.array(self.state.best),
            "history": np.array([list(row.values()) for row in self.state.history]),
            "history_columns": np.array(list(self.state.history[0])),
        }
        making = folder / ".making.npz"
        try:
            with making.open("wb") as file:
                np.savez(file, allow_pickle=False, **arrays)
                file.flush()
                os.fsync(file.fileno())
            making.replace(folder / f"epoch-{self.state.epoch:04d}.npz")
        finally:
            making.unlink(missing_ok=True)
        for old in sorted(folder.glob("epoch-*.npz"))[:-_KEEP_CHECKPOINTS]:
            old.unlink()

    def restore(self, folder: Path) -> None:
        """Goes back to the newest checkpoint that can be read; to the start when there is none yet."""
        found = sorted(folder.glob("epoch-*.npz"), reverse=True)
        for path in found:
            try:
                with np.load(path, allow_pickle=False) as file:
                    arrays = dict(file)
                self._load(arrays)
                return
            except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
                continue
        if found:
            raise RunError(
                f"None of the {len(found)} checkpoints in {folder} can be read. Start anew with --overwrite."
            )

    def _load(self, arrays: dict[str, np.ndarray]) -> None:
        variables, average, best = (_collect(name, arrays) for name in ("variable", "average", "best"))
        history = [
            dict(zip(arrays["history_columns"].tolist(), row, strict=True)) for row in arrays["history"].tolist()
        ]
        _assign(self._variables(), variables)
        self.average, self.best_weights = average, best
        epoch, best_epoch = arrays["epoch"].tolist()
        accuracy, loss = arrays["best_score"].tolist()
        self.state = State(epoch, best_epoch, (accuracy, loss), history)

    def _variables(self) -> list[keras.Variable]:
        """All of the network (its dropout's random state too) and of the optimiser."""
        return [*self.model.variables, *self.model.optimizer.variables]


def predict(model: keras.Model, pixels: np.ndarray, *, batch: int = 128) -> np.ndarray:
    """Scores float32 (N, classes), a batch in memory at a time."""
    return np.concatenate(
        [np.asarray(model.predict_on_batch(np.asarray(pixels[i : i + batch]))) for i in range(0, len(pixels), batch)]
    )


def finish(run: Run, trainer: Trainer, config: Config, split: Split, *, seconds: float) -> None:
    """Writes the bundle of the best epoch, calibrated and measured on the validation part."""
    labels = trainer.validation.labels
    model = build_model(config.model, trainer.classes)
    model.set_weights(trainer.best_weights)
    expected = predict(model, trainer.validation.pixels)
    temperature = calibrate_temperature(expected, labels)
    data = to_litert(config.model, trainer.best_weights, temperature=temperature)
    lite = LiteModel(data)
    scores = np.stack([lite.run(picture)[0] for picture in trainer.validation.pixels])
    difference = np.abs(scores - apply_temperature(expected, temperature)).mean()
    if not difference < 0.02:  # NaN too
        raise BundleError(
            f"The converted model answers differently from the trained one (by {difference:.3f} on average), so no "
            f"bundle was written. The training itself is kept in {run.path / 'checkpoints'}."
        )
    right = int((scores.argmax(axis=1) == labels).sum())
    probes = make_probes(config.model.image_size)
    counts = split.counts()
    info = {
        "name": run.path.resolve().name,
        "created": now(),
        "classes": list(split.classes),
        "image_size": config.model.image_size,
        "fit": "letterbox",
        "config": config.to_dict(),
        "seed": config.train.seed,
        "temperature": temperature,
        "epochs": {"trained": trainer.state.epoch, "best": trainer.state.best_epoch, "seconds": round(seconds, 1)},
        "photos": {part: sum(counts[part].values()) for part in counts},
        "fingerprint": split.fingerprint,
        "metrics": {
            "validation": {
                "photos": len(labels),
                "accuracy": right / len(labels),
                "interval": list(wilson_interval(right, len(labels))),
                "loss": log_loss(scores, labels),
            }
        },
        "versions": {
            "clothes": clothes.__version__,
            "keras": keras.__version__,
            "backend": keras.backend.backend(),
            "tensorflow": version("tensorflow"),
            "python": platform.python_version(),
        },
    }
    files = {
        MODEL: data,
        PROBES: pack_probes(probes, np.stack([lite.run(picture)[0] for picture in probes])),
        WEIGHTS: pack_weights(trainer.best_weights),
    }
    write_bundle(run.path / "bundle", info, files)
    run.note(finished=now())


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


def _numbered(name: str, values: list[np.ndarray]) -> dict[str, np.ndarray]:
    return {f"{name}_{i}": value for i, value in enumerate(values)}


def _collect(name: str, arrays: dict[str, np.ndarray]) -> list[np.ndarray]:
    numbers = sorted(int(key.removeprefix(f"{name}_")) for key in arrays if re.fullmatch(rf"{name}_\d+", key))
    return [arrays[f"{name}_{i}"] for i in numbers]
