"""Decides the split and the config of a training. Raises all refusals of photos and settings."""

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from clothes.config import Config
from clothes.errors import ConfigError, PhotoError, PhotosError, SplitError, TrainingError
from clothes.photos import decode
from clothes.photos.class_names import choose_spellings
from clothes.photos.folders import list_class_folders
from clothes.photos.split import split as make_split
from clothes.photos.split_file import Split
from clothes.system.plurals import counted
from clothes.system.progress import Progress
from clothes.system.terminal_text import quote
from clothes.training.datasets import Pictures

Changes = Mapping[str, Mapping[str, Any]]

_SIDES = 50  # photos measured to choose the preset
_LARGEST_SIDE = 64  # pixels, enough to tell small photos from others
_SMALLER = (224, 192, 160, 128, 96, 64, 48, 32)  # pixels, for trainings in little time
_RESERVE = 0.25  # of the time: decoding, fitting the last layer, checkpoints, converting the network


def find_split(
    photos: Path, given: str | os.PathLike[str] | Split | None, *, progress: Progress | None = None
) -> Split:
    """Returns the given split, else PHOTOS/split.csv, else a new split of these photos, which `keep_split` writes.

    Photos of an existing split that are gone are left out. Its notes name these and the photos that it does not list,
    or what was noticed while making a new one.
    """
    if isinstance(given, Split):
        found, update = given, "clothes.split(photos, previous=split)"
    elif given is not None:
        found, update = Split.read(given, photos), f"clothes split {quote(photos)} --out {quote(given)}"
    elif os.path.isfile(photos / "split.csv"):  # noqa: PTH113 - Path.is_file raises if access is denied
        found, update = Split.read(photos / "split.csv", photos), f"clothes split {quote(photos)}"
    else:
        return make_split(photos, progress=progress)
    there = {row: os.path.lexists(found.root / row.photo) for row in found.rows}
    left = tuple(row for row in found.rows if there[row]) or found.rows  # all gone: refused when they are decoded
    gone = [row.photo for row in found.rows if not there[row]] if left != found.rows else []
    lost = [f"{_photos_are(gone)} gone and left out{_such_as(gone)}."] if gone else []
    return replace(found, rows=left, notes=(*found.notes, *lost, *_note_unused(found, update)))


def _photos_are(photos: Sequence[str]) -> str:
    return f"{counted(len(photos), 'photo')} {'is' if len(photos) == 1 else 'are'}"


def _such_as(photos: Sequence[str]) -> str:
    return f": {photos[0]}" if len(photos) == 1 else f", such as {photos[0]}"


def _note_unused(split: Split, update: str) -> list[str]:
    try:
        listing = list_class_folders(split.root)
    except PhotosError:
        return []  # the split lists photos outside class folders
    used = {row.photo for row in split.rows}
    unused = [photo.path for photo in listing.photos if photo.path not in used]
    return unused and [
        f"{_photos_are(unused)} not in the split and so not used{_such_as(unused)}. Take new ones in with: {update}"
    ]


def keep_split(split: Split, given: str | os.PathLike[str] | Split | None) -> Split:
    """Writes a new split to PHOTOS/split.csv, so that photos which are added later change no part. Adds a note.

    Part folders need no file. In a folder that cannot be written to, the note says how to keep the parts.
    """
    path, photos = split.root / "split.csv", quote(split.root)
    if given is not None or path.exists() or list_class_folders(split.root).parts:
        return split
    try:
        split.write(path)
        note = f"The parts are kept in {path}. Take in photos that are added later with: clothes split {photos}"
    except SplitError:
        note = (
            f"{split.root} cannot be written to, so photos that are added later may change the parts. Keep the parts "
            f"with: clothes split {photos} --out FILE, and --split FILE"
        )
    return replace(split, notes=(*split.notes, note))


def check_split(split: Split, *, needs_validation: bool = True) -> None:
    """Raises SplitError unless each of at least two classes has a train photo, and a class has a validation photo."""
    if len(split.classes) < 2:
        raise SplitError(
            f"A recogniser needs at least two classes; {split.root} has {len(split.classes)} "
            f"({', '.join(split.classes) or 'none'}). Put the photos of each kind into a folder of its own."
        )
    for name, other in choose_spellings(split.classes, ()).items():
        if name != other:
            raise SplitError(
                f"{other} and {name} are spellings of one class, and the split has both. Split again, or give the "
                "class one name in split.csv."
            )
    counts = split.counts()
    untrained = [name for name in split.classes if not counts["train"].get(name)]
    if untrained:
        raise SplitError(f"No train photo of {', '.join(untrained)}. Add photos of each class and split again.")
    if needs_validation and not counts["validation"].keys() & set(split.classes):
        raise SplitError("The validation part is empty, so no epoch can be chosen. Add photos and split again.")


def check_changes(config: Config | None, changes: Changes) -> str:
    """Returns the architecture that is asked for.

    Raises ConfigError if the changes are wrong, or ask for another network than the given config has.
    """
    asked = changes.get("model", {}).get("architecture")
    if config is not None and asked not in (None, config.model.architecture):
        raise ConfigError(
            f"The config is one for {config.model.architecture}, and {asked} is asked for. Leave out --config or "
            "--model."
        )
    return (config or Config()).changed(changes).model.architecture


def choose_config(config: Config | None, changes: Changes, split: Split) -> Config:
    """Returns the given config, else the defaults for these photos, with the changes applied."""
    if config is None:
        model = changes.get("model", {})
        config = Config.for_photos(
            typical_side(split),
            count=len(split.part("train")),
            architecture=model.get("architecture") or "sequential",
            weights=model.get("weights"),
        )
    return config.changed(changes)


def typical_side(split: Split) -> int:
    """Returns the median longer side of some train photos, in pixels, at most 64."""
    rows = split.part("train")
    sides = []
    for row in rows[:: max(1, len(rows) // _SIDES)]:
        try:
            sides.append(max(decode.thumbnail(split.root / row.photo, _LARGEST_SIDE).size))
        except PhotoError as error:
            raise SplitError(f"{row.photo} is in the split but cannot be used: {error.reason}. Split again.") from None
    return int(np.median(sides))


def fit_to_time(config: Config, split: Split, *, seconds: float, began: float) -> Config:
    """Returns the config with fewer epochs and smaller pictures if needed, so that a training ends in time.

    It has `seconds` from `began`, a time.perf_counter(). Pictures get smaller only if less than half of the epochs fit.
    Raises TrainingError if not even one epoch fits.
    """
    wanted, full_size = config.train.epochs, config.model.image_size
    whole = _estimate_seconds(config, split)
    left = seconds * (1 - _RESERVE) - (time.perf_counter() - began)
    for size in (full_size, *(size for size in _SMALLER if size < full_size)):
        epochs = int(left / (whole * (size / full_size) ** 2) * wanted)
        if epochs >= wanted / 2:
            break
    if epochs < 1:
        raise TrainingError(
            f"Not one epoch of {counted(len(split.part('train')), 'photo')} fits into {seconds / 60:g} min. Give more "
            "--minutes, or fewer photos."
        )
    return config.changed({"model": {"image_size": size}, "train": {"epochs": min(epochs, wanted)}})


def _estimate_seconds(config: Config, split: Split) -> float:
    """Returns the seconds that the epochs of a training take, from a few steps on noise."""
    from clothes.training.training_loop import Trainer  # late: Keras takes seconds to import

    size = config.model.image_size
    noise = np.random.default_rng(0).integers(0, 256, (1, size, size, 3), dtype=np.uint8)
    counts = [len(split.part(name)) for name in ("train", "validation")]
    train, validation = (
        Pictures(np.broadcast_to(noise, (n, size, size, 3)), np.arange(n) % len(split.classes)) for n in counts
    )
    return Trainer(config, split.classes, train, validation).seconds_left()
