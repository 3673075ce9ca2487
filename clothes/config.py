"""The settings of a split, a network and a training, with their defaults: frozen, validated, to and from JSON.

The defaults did best on clothing-dataset-small (see recipes/ and benchmarks/results.md). `Config.for_photos` uses other
presets for photos as small as those of Fashion-MNIST, and for networks with ImageNet weights.
"""

import dataclasses
import json
import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

from clothes.errors import ConfigError
from clothes.system.validation import build, check_fields, read_json, require, require_between

MIN_STEPS = 1000  # of a training from scratch; fewer change the network too little
MIN_FINE_TUNING_STEPS, MAX_FINE_TUNING_STEPS = 300, 4000
MIN_EPOCHS = 3
SMALL_PHOTO = 48  # pixels; photos with a longer side up to this get the small preset
QUICK = "quick"  # the architecture that is a new last layer on a trained network
LITE_SIZES = {"efficientnet-lite0": 224, "efficientnet-lite1": 240, "efficientnet-lite2": 260}  # pixels


@dataclass(frozen=True)
class SplitConfig:
    """The percentages of train, test and validation photos, and the seed of the split."""

    train: float = 70
    test: float = 20
    validation: float = 10
    seed: int = 0

    def __post_init__(self) -> None:
        check_fields(self)
        total = self.train + self.test + self.validation
        require(min(self.train, self.test, self.validation) > 0, "ratios", self.ratios, "three numbers above 0")
        require(abs(total - 100) < 1e-6, "ratios", self.ratios, "three numbers that add up to 100")
        require(self.seed >= 0, "seed", self.seed, "0 or more")

    @property
    def ratios(self) -> str:
        return f"{self.train:g}/{self.test:g}/{self.validation:g}"

    @classmethod
    def from_ratios(cls, ratios: str, *, seed: int = 0) -> Self:
        """Returns the config of a text such as "70/20/10": train, test, validation."""
        try:
            train, test, validation = (float(part) for part in ratios.split("/"))
        except ValueError:
            raise ConfigError(f"--ratios must look like 70/20/10 (train, test, validation); got {ratios!r}.") from None
        return cls(train=train, test=test, validation=validation, seed=seed)


@dataclass(frozen=True)
class ModelConfig:
    """The network: "sequential" is a CNN of three convolutions with pooling and three hidden dense layers.

    Other architectures are published networks with a new last layer: "efficientnet-lite0", -lite1 and -lite2, and
    "keras:NAME" for a network of keras.applications, such as "keras:MobileNetV2". `weights` are those they start from.
    "quick" is a new last layer on a trained network, fitted in seconds; it has no other setting.
    """

    architecture: str = "sequential"
    image_size: int = 96  # pixels, square
    weights: Literal["imagenet", "none"] = "none"
    features_dropout: float = 0.2  # before the last layer; not in the sequential network
    # Only in the sequential network:
    filters: tuple[int, int, int] = (48, 96, 192)
    kernels: tuple[int, int, int] = (7, 5, 3)
    strides: tuple[int, int, int] = (2, 1, 1)
    normalization: Literal["batch", "none"] = "batch"
    activation: Literal["relu", "gelu", "silu"] = "relu"
    convolution_dropout: float = 0.0
    units: tuple[int, int, int] = (256, 128, 64)
    dropout: tuple[float, float, float] = (0.3, 0.2, 0.1)  # before each hidden layer

    def __post_init__(self) -> None:
        check_fields(self)
        known = self.architecture in ("sequential", QUICK, *LITE_SIZES) or re.fullmatch(r"keras:\w+", self.architecture)
        options = f"sequential, {QUICK}, {', '.join(LITE_SIZES)} or keras:NAME"
        require(bool(known), "architecture", self.architecture, options)
        if self.architecture == "sequential":
            require(self.weights == "none", "weights", self.weights, "'none' for the sequential network")
        require_between(self, 16, 1024, "image_size")
        require(0 <= self.features_dropout < 1, "features_dropout", self.features_dropout, "in [0, 1)")
        for name, low, high in (("filters", 1, 4096), ("kernels", 1, 31), ("strides", 1, 8), ("units", 1, 65536)):
            values = getattr(self, name)
            require(all(low <= v <= high for v in values), name, values, f"each between {low} and {high}")
        require(all(0 <= v < 1 for v in self.dropout), "dropout", self.dropout, "each at least 0 and under 1")
        require(0 <= self.convolution_dropout < 1, "convolution_dropout", self.convolution_dropout, "in [0, 1)")


_SEQUENTIAL_ONLY = (
    "filters", "kernels", "strides", "normalization", "activation", "convolution_dropout", "units", "dropout",
)  # fmt: skip
_NOT_SEQUENTIAL = ("weights", "features_dropout")
_STRENGTHS = ("turn", "stretch", "shear", "shift", "color", "gray", "erase", "degrade", "background")


@dataclass(frozen=True)
class Augmentation:
    """Random changes of each training photo. Zero, or (1, 1) for zoom, switches a change off."""

    flip: bool = True  # left to right
    rotation: float = 15.0  # degrees, either way
    turn: float = 0.0  # probability of a turn by 90, 180 or 270 degrees
    zoom: tuple[float, float] = (0.7, 1.15)  # visible share of the photo's side; below 1 enlarges
    stretch: float = 0.1  # log of the change of width to height
    shear: float = 0.1
    shift: float = 0.1  # as a share of the side
    color: float = 0.2  # brightness, contrast, gamma and tint
    gray: float = 0.1  # probability
    erase: float = 0.3  # probability of one random rectangle
    border: Literal["edge", "any"] = "edge"  # around the photo: its edge repeated; or at random also other borders
    degrade: float = 0.0  # probability of lower resolution, blur or JPEG noise
    background: float = 0.0  # probability of another background behind a garment on a plain one
    warmup: float = 0.15  # share of the epochs in which the changes grow from none to their full strength

    def __post_init__(self) -> None:
        check_fields(self)
        require_between(self, 0, 180, "rotation")
        require_between(self, 0, 1, "warmup", *_STRENGTHS)
        low, high = self.zoom
        require(0.1 <= low <= high <= 10, "zoom", self.zoom, "a pair from 0.1 to 10, lowest first")

    def after(self, progress: float) -> Self:
        """Returns the changes after this share of the epochs: weak ones at first, so that the network learns faster."""
        return self if progress >= self.warmup else self.times(progress / self.warmup)

    def times(self, strength: float) -> Self:
        """Returns all changes scaled by `strength`; 0 leaves the photos unchanged."""
        scaled = {name: min(1.0, getattr(self, name) * strength) for name in _STRENGTHS}
        return dataclasses.replace(
            self,
            rotation=min(180.0, self.rotation * strength),
            zoom=(max(0.1, 1 - (1 - self.zoom[0]) * strength), 1 + (self.zoom[1] - 1) * strength),
            **scaled,
        )


@dataclass(frozen=True)
class TrainConfig:
    """The optimizer, its schedule, regularization and augmentation."""

    epochs: int = 80
    batch_size: int = 64
    optimizer: Literal["adamw", "adam", "sgd"] = "adamw"
    learning_rate: float = 4e-3
    weight_decay: float = 0.05
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    warmup: float = 0.05  # as a share of all steps
    label_smoothing: float = 0.1
    teacher_weight: float = 0.5  # share of the teacher in the targets, if there is one; the labels have the rest
    teacher_temperature: float = 2.0  # of its probabilities; above 1 they say more about the classes it did not choose
    balance: float = 0.0  # 0: each photo once an epoch; 0.5: square-root class sampling; 1: equal classes
    ema: float = 0.995  # momentum of the moving average of the weights; 0 switches it off
    patience: int = 20  # epochs without a better validation accuracy until early stopping; 0 switches it off
    precision: Literal["auto", "float32", "mixed_bfloat16"] = "auto"
    seed: int = 0
    augmentation: Augmentation = field(default_factory=Augmentation)

    def __post_init__(self) -> None:
        if isinstance(self.augmentation, dict):
            object.__setattr__(self, "augmentation", build(Augmentation, self.augmentation))
        check_fields(self)
        require_between(self, 1, 100_000, "epochs", "batch_size")
        require_between(self, 0, 100_000, "patience")
        require(0 < self.learning_rate <= 10, "learning_rate", self.learning_rate, "above 0 and at most 10")
        require_between(self, 0, 10, "weight_decay")
        require_between(self, 0, 0.9, "warmup", "label_smoothing")
        require_between(self, 0, 1, "balance", "teacher_weight")
        require_between(self, 0.1, 100, "teacher_temperature")
        require(0 <= self.ema < 1, "ema", self.ema, "at least 0 and under 1")
        require_between(self, 0, 2**31 - 1, "seed")


@dataclass(frozen=True)
class Config:
    """A network and its training, as read by `clothes train --config` and kept in every run folder."""

    model: ModelConfig = field(default_factory=ModelConfig)
    train: TrainConfig = field(default_factory=TrainConfig)

    @classmethod
    def for_photos(
        cls,
        longer_side: int,
        *,
        count: int | None = None,
        architecture: str = "sequential",
        weights: str | None = None,
    ) -> Self:
        """Returns the defaults for photos of this size: the small preset up to 48 pixels, else the standard one.

        If `count`, the number of train photos, is small, batches are smaller and epochs more. Architectures other than
        the sequential one are fine-tuned from ImageNet weights, unless `weights` is "none".
        """
        if architecture == "sequential":
            preset = cls() if longer_side > SMALL_PHOTO else cls._small()
            preset = preset.changed({"model": {"weights": weights}})
        elif weights == "none":
            preset = cls._from_scratch(architecture)
        else:
            preset = cls._fine_tuning(architecture)
        return preset if count is None else preset._with_steps(count)

    def _with_steps(self, photos: int) -> Self:
        """Returns a copy with the batch size and the epochs that give this number of photos enough steps."""
        fine_tuning = self.model.weights != "none"
        batch = self.train.batch_size
        while batch > 16 and photos < 10 * batch:
            batch //= 2
        steps = max(1, photos // batch)
        epochs = max(self.train.epochs, math.ceil((MIN_FINE_TUNING_STEPS if fine_tuning else MIN_STEPS) / steps))
        if fine_tuning:
            epochs = min(epochs, max(MIN_EPOCHS, math.ceil(MAX_FINE_TUNING_STEPS / steps)))
        patience = max(self.train.patience, epochs // 4) if self.train.patience else 0
        return self.changed({"train": {"batch_size": batch, "epochs": epochs, "patience": patience}})

    @classmethod
    def _fine_tuning(cls, architecture: str) -> Self:
        return cls(
            model=ModelConfig(architecture, image_size=LITE_SIZES.get(architecture, 224), weights="imagenet"),
            train=TrainConfig(
                epochs=10,
                batch_size=32,
                learning_rate=3e-4,
                warmup=0.1,
                balance=0.5,
                patience=0,
                augmentation=Augmentation(zoom=(0.6, 1.4), border="any", degrade=0.3, warmup=0),
            ),
        )

    @classmethod
    def _from_scratch(cls, architecture: str) -> Self:
        return cls(
            model=ModelConfig(architecture, image_size=LITE_SIZES.get(architecture, 224)),
            train=TrainConfig(batch_size=32, learning_rate=2e-3, balance=0.5),
        )

    @classmethod
    def _small(cls) -> Self:
        return cls(
            model=ModelConfig(
                image_size=28, filters=(32, 64, 128), kernels=(3, 3, 3), strides=(1, 1, 1), activation="gelu"
            ),
            train=TrainConfig(
                epochs=30,
                precision="float32",
                augmentation=Augmentation(
                    rotation=0, zoom=(1, 1), stretch=0, shear=0, shift=0.04, color=0, gray=0, erase=0.1
                ),
            ),
        )

    def changed(self, changes: Mapping[str, Mapping[str, Any]]) -> Self:
        """Returns a copy with settings of `model` and `train` replaced. None keeps a setting."""
        data = dataclasses.asdict(self)
        for part, settings in changes.items():
            data[part] = data[part] | {name: value for name, value in settings.items() if value is not None}
        return self.from_dict(data)

    def to_dict(self) -> dict[str, Any]:
        """Returns plain values for JSON, without the settings that the architecture does not use."""
        data = dataclasses.asdict(self)
        if self.model.architecture == QUICK:
            return {"model": {name: data["model"][name] for name in ("architecture", "image_size")}, "train": {}}
        foreign = _NOT_SEQUENTIAL if self.model.architecture == "sequential" else _SEQUENTIAL_ONLY
        data["model"] = {name: value for name, value in data["model"].items() if name not in foreign}
        return data

    def to_json(self) -> str:
        return json.dumps(self.to_dict(), indent=2) + "\n"

    @classmethod
    def from_dict(cls, data: object, *, where: str = "config") -> Self:
        """Returns the config in `data`. Missing settings keep their default; unknown ones raise ConfigError."""
        if not isinstance(data, dict):
            raise ConfigError(f"{where}: expected an object with 'model' and 'train'; got {type(data).__name__}.")
        try:
            kinds = {"model": ModelConfig, "train": TrainConfig}
            return build(cls, {**data, **{name: build(kind, data.get(name, {})) for name, kind in kinds.items()}})
        except ConfigError as error:
            raise ConfigError(f"{where}: {error}") from None

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """Returns the config in a JSON file, such as config.json of a run folder or recipes/*.json."""
        try:
            data = read_json(Path(os.path.realpath(path)))
        except OSError as error:
            raise ConfigError(f"Cannot read the config {path}: {error.strerror}.") from None
        except ValueError as error:
            raise ConfigError(f"The config {path} is not JSON with settings: {error}. Mend it.") from None
        return cls.from_dict(data, where=str(path))
