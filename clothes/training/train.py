"""`train`: photos -> run folder with its bundle. Reads the train and validation parts only.

A `Method` does the training: gradient_descent.py, or quick/quick_training.py.

Keras takes seconds to import, so the modules that need it are imported after all checks of photos and settings.
"""

import json
import math
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from clothes.config import QUICK, Config
from clothes.errors import ConfigError, PhotosError, RunError
from clothes.inference.run import Run, run_lock
from clothes.models.backend_check import require_training
from clothes.photos.split_file import Split
from clothes.system.dated_folders import claim_folder
from clothes.system.terminal_text import utf8
from clothes.training import checkpoints
from clothes.training.callbacks import TrainingCallback, WaitingCallback
from clothes.training.gradient_descent import GradientDescent
from clothes.training.split_and_config import (
    Changes,
    check_changes,
    check_split,
    find_split,
    fit_to_time,
    keep_split,
)
from clothes.training.teacher import require_same

_OF_QUICK = ("trunk", "folds")  # the settings of the quick model


def train(
    photos: str | os.PathLike[str],
    *,
    out: str | os.PathLike[str] | None = None,
    config: Config | None = None,
    changes: Changes | None = None,
    split: str | os.PathLike[str] | Split | None = None,
    minutes: float | None = None,
    trunk: str | os.PathLike[str] | None = None,
    folds: int | None = None,
    teacher: str | os.PathLike[str] | None = None,
    resume: bool = False,
    overwrite: bool = False,
    callback: TrainingCallback | None = None,
) -> Run:
    """Returns a run folder with the trained bundle, made from a folder of class folders.

    The split is the given one, else PHOTOS/split.csv, which is made if missing. Without a config the defaults for the
    size and number of these photos are used. `changes`, such as {"train": {"epochs": 5}} or {"model": {"architecture":
    "efficientnet-lite0"}}, replace settings of either. `minutes` limits the whole call: it chooses the image size and
    the epochs. `resume` continues an interrupted run in `out` with its own split and settings, which may be given
    again; the result is equal to the bit to that of an uninterrupted run. A finished run is returned unchanged.
    A StopTrainingError of the callback comes out of this call once the best epoch so far, if any, is the bundle.

    The architecture "quick" needs no TensorFlow. `trunk` is the bundle whose features it uses, by default the bundled
    one. With `folds` it is fitted to the validation photos too, and measured by cross-validation with so many folds.

    `teacher` is a bundle or run, or "bundled", that knows all classes: the targets of the other architectures become a
    mixture of the labels and its probabilities for each train photo (see TrainConfig.teacher_weight).
    """
    began = time.perf_counter()
    _check_minutes(minutes)
    photos, changes, callback = Path(photos), changes or {}, callback or TrainingCallback()
    asked = _asked(
        config, changes, minutes=minutes, trunk=trunk and str(trunk), folds=folds, teacher=teacher and str(teacher)
    )
    if resume:
        if overwrite:
            raise RunError("--resume continues a run and --overwrite replaces it. Leave one of them out.")
        run = _open_to_resume(out, photos, asked, split)
        if not run.info["finished"]:
            _go_on(run, asked, callback)
        return run

    folder = Run.free_folder(out, overwrite=overwrite)
    architecture = check_changes(config, changes)
    method = _method(architecture, asked)
    used = find_split(photos, split, progress=lambda *at: callback.on_progress("look", *at))
    check_split(used, needs_validation=architecture != QUICK)
    config = method.choose_config(config, changes, used, callback)
    if minutes is not None:
        config = fit_to_time(config, used, seconds=minutes * 60, began=began)
    prepared = method.prepare(used, config, callback)
    folder = claim_folder(folder) if out is None else folder  # only now: photos that cannot be used leave none behind
    with run_lock(folder):
        used = keep_split(used, split)
        run = Run.new(folder, config, used, overwrite=overwrite)
        run.note(asked=asked)
        method.fit(run, used, prepared, callback, resume=False)
    return run


def _check_minutes(minutes: float | None) -> None:
    if minutes is not None and not 0 < 60 * minutes < math.inf:
        raise ConfigError(f"--minutes must be a number above 0; got {minutes:g}.")


def _go_on(run: Run, asked: Mapping[str, Any], callback: TrainingCallback) -> None:
    if checkpoints.has_newer_epoch(run):  # a stop makes its best one the bundle
        callback = WaitingCallback(callback)
    then = run.info.get("asked", {}) | {name: asked[name] for name in asked.keys() & {"teacher"}}
    used, method = run.split, _method(run.config.model.architecture, then)
    prepared = method.prepare(used, run.config, callback)
    with run_lock(run.path):
        method.fit(run, used, prepared, callback, resume=True)


class Method(Protocol):
    """A way to train: chooses the config, prepares the photos, and fits a run to them."""

    def choose_config(
        self, config: Config | None, changes: Changes, split: Split, callback: TrainingCallback
    ) -> Config: ...

    def prepare(self, split: Split, config: Config, callback: TrainingCallback) -> Any: ...

    def fit(self, run: Run, split: Split, prepared: Any, callback: TrainingCallback, *, resume: bool) -> None: ...


def _method(architecture: str, asked: Mapping[str, Any]) -> Method:
    """Returns how this architecture is trained, with the settings that are asked for.

    Raises ConfigError if one of them is not its own, MissingExtraError if Keras is needed and not installed.
    """
    if architecture == QUICK:
        if other := sorted(asked.keys() - {"architecture", "config", *_OF_QUICK}):
            option = "--" + other[0].replace("_", "-")
            raise ConfigError(f"{option} is not for the quick model, which is fitted at once. Leave it out.")
        from clothes.training.quick.quick_training import QuickTraining

        return QuickTraining(*map(asked.get, _OF_QUICK))
    if given := [name for name in _OF_QUICK if name in asked]:
        raise ConfigError(f"--{given[0]} is for the quick model, and this one is {architecture}. Add --model quick.")
    require_training("Training")
    return GradientDescent(asked.get("teacher"))


def _asked(config: Config | None, changes: Changes, **given: Any) -> dict[str, Any]:
    """Returns the settings that a call asks for by name, as they stand in run.json. Raises ConfigError if none can."""
    for name, value in given.items():
        if isinstance(value, str) and utf8(value) != value:
            raise ConfigError(f"--{name} {value!a} is not UTF-8. Rename that folder.")
    asked: dict[str, Any] = {**given, "config": config and config.to_dict()}
    asked |= {name: value for settings in changes.values() for name, value in settings.items()}
    return json.loads(json.dumps({name: value for name, value in asked.items() if value is not None}))  # type: ignore[no-any-return]


def _open_to_resume(
    out: str | os.PathLike[str] | None,
    photos: Path,
    asked: Mapping[str, Any],
    split: str | os.PathLike[str] | Split | None,
) -> Run:
    """Returns the run in `out`. Raises RunError if it is of other photos or began with other settings or another split.

    A setting may have the value that was asked for when the run began, or the one that was chosen then.
    """
    if out is None:
        raise RunError("--resume needs the run to go on with: give it by --out runs/NAME.")
    run = Run.open(out)
    if not run.is_of(photos):
        raise RunError(f"{out} was trained on {run.photos}, not on {photos}. Name that folder to go on with it.")
    if not os.path.isdir(photos):  # noqa: PTH112 - Path.is_dir raises if access is denied
        raise PhotosError(f"There is no folder {photos} any more. Put the photos back to go on with {out}.")
    chosen, then = run.config, run.info.get("asked", {})
    now = {**vars(chosen.model), **vars(chosen.train), "config": chosen.to_dict()}
    now = json.loads(json.dumps(now, default=vars))
    teacher = asked.get("teacher", then.get("teacher"))
    if teacher and "teacher" in run.info and ("teacher" in asked or not run.info["finished"]):
        require_same(teacher, run)
        now["teacher"] = teacher  # which may lie elsewhere now
    other = [name for name, value in asked.items() if value not in (then.get(name), now.get(name))]
    if split is not None:
        given = split if isinstance(split, Split) else Split.read(split, photos)
        other += [] if set(run.split.rows) <= set(given.rows) else ["split"]  # without photos that were gone then
    if other:
        raise RunError(
            f"{out} began with another split or other settings: {', '.join(other)}. Leave them out with --resume, or "
            "train into another --out."
        )
    return run
