"""`train`: photos -> run folder with its bundle. Sees the train and validation parts only."""

import errno
import os
import platform
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from clothes.config import Config
from clothes.errors import BundleError, ConfigError, PhotoError, PhotosError, RunError, SplitError, TrainingError
from clothes.inference.bundle import MODEL, PROBES, WEIGHTS, make_probes, pack_probes, pack_weights, write_bundle
from clothes.inference.litert import LiteModel
from clothes.inference.run import Run, now, run_lock
from clothes.metrics import apply_temperature, calibrate_temperature, log_loss, lowest_kept, wilson_interval
from clothes.models.architectures import build_model
from clothes.models.backend import keras
from clothes.models.conversion import to_litert
from clothes.photos import decode as images
from clothes.photos.folders import list_class_folders
from clothes.photos.splits import Split
from clothes.photos.splits import split as make_split
from clothes.system.files import megabytes
from clothes.system.version import __version__
from clothes.training.callbacks import TrainingCallback
from clothes.training.checkpoints import KEPT as KEPT_CHECKPOINTS
from clothes.training.datasets import Pictures, decode
from clothes.training.time_budget import fit_to_time
from clothes.training.trainer import Trainer, predict

KEPT = 0.95  # of the validation photos are answered without "not sure"
_SMALL_FILES = 2_000_000  # bytes: history, probes, pictures
_EXAMPLES = 200  # train photos that the ranges of an 8-bit network are taken from


def train(
    photos: str | os.PathLike[str],
    *,
    out: str | os.PathLike[str] | None = None,
    config: Config | None = None,
    changes: Mapping[str, Mapping[str, Any]] | None = None,
    split: str | os.PathLike[str] | Split | None = None,
    minutes: float | None = None,
    resume: bool = False,
    overwrite: bool = False,
    callback: TrainingCallback | None = None,
) -> Run:
    """A run folder with the trained bundle, made from a folder of class folders.

    The split is the one given, else PHOTOS/split.csv, else made as `clothes.split` makes it. Without a config the
    defaults for photos of this size and number are used; `changes`, such as {"train": {"epochs": 5}} or
    {"model": {"architecture": "efficientnet-lite0"}}, go on top. `minutes` picks the image size and the epochs so that
    all of it takes no longer. `resume` goes on with an interrupted run in `out`, with its split and settings, to the
    bit as if it had not been interrupted; a finished one is returned as it is.
    """
    began = time.perf_counter()
    callback = callback or TrainingCallback()
    photos = Path(photos)
    if resume:
        given = {"config": config, "split": split, "minutes": minutes, "overwrite": overwrite or None}
        given |= {name: value for settings in (changes or {}).values() for name, value in settings.items()}
        run = _run_to_resume(out, photos, [name for name, value in given.items() if value is not None])
        config, parts_of = run.config, run.split
        if run.info["finished"]:
            return run
    else:
        folder = Run.free_folder(out, overwrite=overwrite)
        parts_of = find_split(photos, split, progress=lambda *at: callback.on_progress("look", *at))
        check_parts(parts_of)
        config = configured(config, changes or {}, parts_of)
        if minutes is not None:
            config = fit_to_time(config, parts_of, seconds=minutes * 60, began=began)
    parts = decode(
        parts_of,
        config.model.image_size,
        ("train", "validation"),
        progress=lambda *at: callback.on_progress("decode", *at),
    )
    with run_lock(run.path if resume else folder):
        if not resume:  # only now, so that photos which cannot be used leave no folder in the way
            run = Run.new(folder, config, parts_of, overwrite=overwrite)
        callback.on_start(run, config, parts_of)
        trainer = Trainer(config, parts_of.classes, parts["train"], parts["validation"])
        with _said(run, trainer):
            _train(run, trainer, config, parts_of, callback, resume=resume)
    return run


def _train(
    run: Run, trainer: Trainer, config: Config, split: Split, callback: TrainingCallback, *, resume: bool
) -> None:
    """Trains and finishes a run, from where its checkpoints stand."""
    folder, photos = run.path / "checkpoints", split.fingerprint

    def on_step(done: int, total: int) -> None:
        try:
            callback.on_progress("train", done, total)
        except BaseException:  # between two steps: whoever stops it here loses none
            trainer.save(folder, photos=photos)
            raise

    if resume and trainer.restore(folder, photos=photos):
        run.write_history(trainer.state.history)  # a kill may have come between the two
    else:
        trainer.begin(progress=lambda *at: callback.on_progress("fit", *at))
    _check_room(run, trainer)
    callback.on_estimate(trainer.seconds_left())
    started = time.perf_counter()
    for row in trainer.epochs(on_step=on_step):
        trainer.save(folder, photos=photos)
        run.write_history(trainer.state.history)
        callback.on_epoch(row)
    finish(run, trainer, config, split, seconds=time.perf_counter() - started)


def _check_room(run: Run, trainer: Trainer) -> None:
    """Raises OSError where the disk is too full for what a training writes: better now than after an hour."""
    have = sum(path.stat().st_size for path in (run.path / "checkpoints").rglob("*"))
    if shutil.disk_usage(run.path).free < _needed(trainer) - have:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(run.path))


def _needed(trainer: Trainer) -> int:
    """Bytes that checkpoints, one more while it is written, and the bundle take."""
    sizes = {part: sum(value.nbytes for value in values) for part, values in trainer.arrays().items()}
    return (KEPT_CHECKPOINTS + 1) * sum(sizes.values()) + 2 * sizes["best"] + _SMALL_FILES


@contextmanager
def _said(run: Run, trainer: Trainer) -> Iterator[None]:
    """Turns an error of the disk, or a training that cannot go on, into what is kept, and what to do."""
    go_on = f"go on with: clothes train {run.photos} --out {run.path} --resume"
    before = f" The run that was there before lies in {run.replaced.path} until then." if run.replaced else ""
    try:
        yield
    except BrokenPipeError:  # of who reads our output
        raise
    except OSError as error:
        raise RunError(
            f"{run.path} cannot be written to: {error.strerror}. What was learnt up to the last checkpoint is kept. "
            f"Have {megabytes(_needed(trainer))} free there, and {go_on}{before}"
        ) from None
    except TrainingError as error:
        kept = f" The checkpoint of epoch {trainer.state.epoch} is kept in {run.path}." if trainer.state.epoch else ""
        raise type(error)(f"{error}{kept}") from None


def configured(config: Config | None, changes: Mapping[str, Mapping[str, Any]], split: Split) -> Config:
    """The config given, else the defaults for these photos; and the changes on top."""
    model = changes.get("model", {})
    asked = model.get("architecture")
    if config is not None and asked not in (None, config.model.architecture):
        raise ConfigError(
            f"The config is one for {config.model.architecture}, and --model asks for {asked}. Leave one of them out."
        )
    if config is None:
        config = Config.for_photos(
            typical_side(split),
            count=len(split.part("train")),
            architecture=asked or "sequential",
            weights=model.get("weights"),
        )
    return config.changed(changes)


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
    if not counts["validation"].keys() & set(split.classes):
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


def _examples(pictures: Pictures) -> np.ndarray:
    """Some of them, from all classes."""
    return pictures.pixels[np.linspace(0, len(pictures) - 1, min(_EXAMPLES, len(pictures))).astype(int)]


def finish(run: Run, trainer: Trainer, config: Config, split: Split, *, seconds: float) -> None:
    """Writes the bundle of the best epoch, calibrated and measured on the validation part."""
    pixels, of_class = trainer.validation.pixels, trainer.validation.labels >= 0
    labels = trainer.validation.labels[of_class]
    model = build_model(config.model, trainer.classes)
    model.set_weights(trainer.best_weights)
    expected = predict(model, pixels, np.flatnonzero(of_class))
    temperature = calibrate_temperature(expected, labels)
    data = to_litert(config.model, trainer.best_weights, temperature=temperature, examples=_examples(trainer.pictures))
    lite = LiteModel(data)
    answers = np.stack([lite.run(picture)[0] for picture in pixels])
    scores, others = answers[of_class], answers[~of_class]
    difference = np.abs(scores - apply_temperature(expected, temperature)).mean()
    if not difference < 0.03:  # NaN too
        raise BundleError(
            f"The converted model answers differently from the trained one (by {difference:.3f} on average), so no "
            f"bundle was written. The training itself is kept in {run.path / 'checkpoints'}."
        )
    right = int((scores.argmax(axis=1) == labels).sum())
    threshold = lowest_kept(scores.max(axis=1), KEPT)
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
        "threshold": threshold,
        "epochs": {"trained": trainer.state.epoch, "best": trainer.state.best_epoch, "seconds": round(seconds, 1)},
        "photos": {part: sum(counts[part].values()) for part in counts},
        "fingerprint": split.fingerprint,
        "metrics": {
            "validation": {
                "photos": len(labels),
                "accuracy": right / len(labels),
                "interval": list(wilson_interval(right, len(labels))),
                "loss": log_loss(scores, labels),
                "known": float((scores.max(axis=1) >= threshold).mean()),
                **({"others_known": float((others.max(axis=1) >= threshold).mean())} if len(others) else {}),
            }
        },
        "versions": {
            "clothes": __version__,
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
    run.finish()
