"""`train`: photos -> run folder with its bundle. Reads the train and validation parts only.

Keras takes seconds to import, so the modules that need it are imported after all checks of photos and settings.
"""

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from clothes.config import Config
from clothes.errors import PhotosError, RunError
from clothes.inference.run import Run, run_lock
from clothes.models.requirements import require_training
from clothes.photos.split_file import Split
from clothes.training.callbacks import TrainingCallback
from clothes.training.plan import Changes, check_changes, check_split, choose_config, find_split

if TYPE_CHECKING:
    from clothes.training.datasets import Pictures


def train(
    photos: str | os.PathLike[str],
    *,
    out: str | os.PathLike[str] | None = None,
    config: Config | None = None,
    changes: Changes | None = None,
    split: str | os.PathLike[str] | Split | None = None,
    minutes: float | None = None,
    resume: bool = False,
    overwrite: bool = False,
    callback: TrainingCallback | None = None,
) -> Run:
    """Returns a run folder with the trained bundle, made from a folder of class folders.

    The split is the given one, else PHOTOS/split.csv, else made as by `clothes.split`. Without a config the defaults
    for the size and number of these photos are used. `changes`, such as {"train": {"epochs": 5}} or
    {"model": {"architecture": "efficientnet-lite0"}}, replace settings of either. `minutes` limits the whole call: it
    chooses the image size and the epochs. `resume` continues an interrupted run in `out` with its own split and
    settings; the result is equal to the bit to that of an uninterrupted run. A finished run is returned unchanged.
    """
    began = time.perf_counter()
    require_training("Training")
    photos, changes, callback = Path(photos), changes or {}, callback or TrainingCallback()
    if resume:
        given = {"config": config, "split": split, "minutes": minutes, "overwrite": overwrite or None}
        given |= {name: value for settings in changes.values() for name, value in settings.items()}
        run = _open_to_resume(out, photos, [name for name, value in given.items() if value is not None])
        if not run.info["finished"]:
            used = run.split
            pictures = _decode(used, run.config, callback)
            with run_lock(run.path):
                _fit(run, used, pictures, callback, resume=True)
        return run

    folder = Run.free_folder(out, overwrite=overwrite)
    check_changes(config, changes)
    used = find_split(photos, split, progress=lambda *at: callback.on_progress("look", *at))
    check_split(used)
    config = choose_config(config, changes, used)
    if minutes is not None:
        from clothes.training.time_budget import fit_to_time

        config = fit_to_time(config, used, seconds=minutes * 60, began=began)
    pictures = _decode(used, config, callback)
    with run_lock(folder):
        # Only now: photos that cannot be used leave no folder behind.
        run = Run.new(folder, config, used, overwrite=overwrite)
        _fit(run, used, pictures, callback, resume=False)
    return run


def _open_to_resume(out: str | os.PathLike[str] | None, photos: Path, given: list[str]) -> Run:
    """Returns the run in `out`. Raises RunError if it is of other photos, or if settings are given as well."""
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
    if not os.path.isdir(photos):  # noqa: PTH112 - Path.is_dir raises if access is denied
        raise PhotosError(f"There is no folder {photos} any more. Put the photos back to go on with {out}.")
    return run


def _decode(split: Split, config: Config, callback: TrainingCallback) -> "dict[str, Pictures]":
    from clothes.training.datasets import decode

    progress = lambda *at: callback.on_progress("decode", *at)  # noqa: E731
    return decode(split, config.model.image_size, ("train", "validation"), progress=progress)


def _fit(run: Run, split: Split, pictures: "dict[str, Pictures]", callback: TrainingCallback, *, resume: bool) -> None:
    callback.on_start(run, run.config, split)
    from clothes.training.fit import fit

    fit(run, split, pictures, callback, resume=resume)
