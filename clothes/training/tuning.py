"""`tune`: photos -> a config that does better on validation photos. Sees the train and validation parts only.

The search space is `search_space.SEARCHED`, around the config that the search begins with.
"""

import csv
import gc
import hashlib
import io
import json
import math
import os
import statistics
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from clothes.config import Config
from clothes.errors import ConfigError, DivergenceError, TuningError
from clothes.models.backend import keras
from clothes.photos.splits import Split
from clothes.system.files import write_text
from clothes.training.callbacks import SearchCallback
from clothes.training.datasets import decode
from clothes.training.memory import is_out_of_memory
from clothes.training.optuna_study import OneTry, Space, Span, Study, Trial, TrialError
from clothes.training.plan import check_split, choose_config, find_split
from clothes.training.search_space import MATTER_MOST, SEARCHED, Between
from clothes.training.trainer import Trainer

TRIALS = 40
_UNPRUNED = 0.15  # of the epochs, before a trial may be ended for being behind
_SPREAD = 7  # trials after the first that vary what matters most, and nothing else
_REPEATED = 1 / 3  # of the trials, or of the time: the best settings again, with other seeds
_RIVALS = 3  # settings that are tried again, beside those that the search began with
_IN_A_ROW = 3  # failures of one kind that end the search

_ADVICE = {
    "no memory": "Begin with less: --config FILE with a smaller image_size, batch_size or network",
    "no number": "Begin with a smaller learning_rate: --config FILE",
    "impossible": "Begin with a network that fits: --config FILE with larger pictures, smaller kernels or strides",
}


@dataclass(frozen=True)
class Tried:
    """Settings, and the validation accuracy of each training with them to its end, which differ in their seed."""

    settings: dict[str, Any]
    scores: tuple[float, ...]

    @property
    def score(self) -> float:
        """The mean of the scores."""
        return statistics.mean(self.scores)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for programs."""
        return asdict(self) | {"score": self.score}


@dataclass(frozen=True)
class Tuning:
    """What a search has found: its folder, the best config (in full size), how that did, and all trials.

    `default` is how the config did that the search began with. The scores are validation accuracies; those of the best
    of many flatter. `importance` is each setting's share in them, empty where too few trials are done to say.
    """

    path: Path
    config: Config
    best: Tried
    default: Tried | None
    trials: tuple[Trial, ...]
    importance: dict[str, float]

    @property
    def gain(self) -> float | None:
        """How much better the best config is than the default one, of 1."""
        return None if self.default is None else self.best.score - self.default.score

    def to_dict(self) -> dict[str, Any]:
        """Plain values for programs."""
        return {
            "path": str(self.path),
            "config": self.config.to_dict(),
            "best": self.best.to_dict(),
            "default": self.default and self.default.to_dict(),
            "gain": self.gain,
            "importance": self.importance,
            "trials": [asdict(trial) for trial in self.trials],
        }


def tune(
    photos: str | os.PathLike[str],
    *,
    out: str | os.PathLike[str] | None = None,
    trials: int | None = None,
    minutes: float | None = None,
    config: Config | None = None,
    changes: Mapping[str, Mapping[str, Any]] | None = None,
    split: str | os.PathLike[str] | Split | None = None,
    epochs: int | None = None,
    scale: float = 1,
    storage: str | None = None,
    sampler: Literal["tpe", "random"] = "tpe",
    prune: bool = True,
    beat: int = 15,
    callback: SearchCallback | None = None,
) -> Tuning:
    """A config that does better on the validation photos than the one it begins with.

    By default a trial is a whole training, unless it is ended early for being behind. Fewer `epochs` favour what learns
    fast, as too little augmentation does (benchmarks/results.md); with pictures of `scale` times the size, which the
    config found has in full, more trials fit into the time. The last third are the best settings again with other
    seeds, for the best of many trials was lucky, too.

    It ends with so many `trials` of the whole study (40 where no minutes are given), or after the `minutes` of this
    call. The folder `out` keeps every trial (study.db), config.json and trials.csv; the same call goes on with what is
    there. `storage` is the URL of a database in which any number of processes work on the study that bears the folder's
    name; one that was silent for four times `beat` seconds is given up, and its trial tried again. Raises TuningError
    for a study of other photos, another split or another search space.
    """
    began = time.perf_counter()
    callback = callback or SearchCallback()
    if trials is not None and trials < 1:
        raise TuningError(f"--trials must be 1 or more; got {trials}.")
    if minutes is not None and not minutes > 0:
        raise TuningError(f"--minutes must be above 0; got {minutes:g}.")
    if not 0 < scale <= 1:
        raise TuningError(f"--scale must be above 0 and at most 1; got {scale:g}.")
    photos = Path(photos)
    whole = find_split(photos, split, progress=lambda *at: callback.on_progress("look", *at))
    visible = replace(whole, rows=tuple(row for row in whole.rows if row.part != "test"))
    check_split(visible)
    config = choose_config(config, changes or {}, visible)
    most = trials or (TRIALS if minutes is None else None)
    search = _Search(visible, config, callback, epochs=epochs, scale=scale, most=most, began=began, minutes=minutes)
    folder = Path(out) if out is not None else Path("tunings") / f"{photos.resolve().name}-{_hash(search.marks)[:8]}"
    try:
        if storage is None:
            folder.mkdir(parents=True, exist_ok=True)
        study = Study.open(
            storage or f"sqlite:///{folder.resolve() / 'study.db'}",
            folder.resolve().name,
            marks=search.marks,
            first=search.first(_SPREAD if sampler == "tpe" else 0),
            beat=beat,
        )
        folder.mkdir(parents=True, exist_ok=True)
        whole.write(folder / "split.csv", overwrite=True)
        study.configure(
            sampler=sampler,
            startup=_SPREAD + 1,
            # Processes that share a study must not choose alike; one that goes on must not begin again.
            seed=None if storage else config.train.seed + len(study.trials()),
            shortest=shortest(search.epochs) if prune else None,
        )
        callback.on_start(folder, search.reduced(config), visible, most=most)
        search.run(study, repeat=sampler == "tpe")
        return _result(folder, config, study, search)
    except OSError as error:
        raise TuningError(f"The search cannot be kept in {folder}: {error.strerror}. Give another --out.") from None


class _TimeUpError(Exception):
    """The minutes are over in the middle of a trial."""


class _Search:
    """The trials of one process."""

    def __init__(
        self,
        split: Split,
        config: Config,
        callback: SearchCallback,
        *,
        epochs: int | None,
        scale: float,
        most: int | None,
        began: float,
        minutes: float | None,
    ) -> None:
        self.split, self.config, self.callback = split, config, callback
        self.epochs, self.scale, self.most = epochs or config.train.epochs, scale, most
        seconds = math.inf if minutes is None else minutes * 60
        self.deadline = began + seconds
        self.late = began + (1 - _REPEATED) * seconds
        self.space = space(config)
        self.own = {name: _value(config, name) for name in self.space}

    def reduced(self, config: Config) -> Config:
        """The config as trials train it."""
        size = max(16, round(self.scale * config.model.image_size))
        return config.changed({"model": {"image_size": size}, "train": {"epochs": self.epochs}})

    @property
    def marks(self) -> dict[str, str]:
        """What a study is of: the trials of another one say nothing about this."""
        photos = sorted(f"{row.label}|{row.sha256}" for row in self.split.rows)
        searched = {name: repr(options) for name, options in self.space.items()}
        return {
            "set of photos": _hash(photos),
            "split": self.split.fingerprint,
            "search space": _hash([searched, self.config.to_dict(), self.epochs, self.scale]),
        }

    def first(self, spread: int) -> list[dict[str, Any]]:
        """Settings to begin with: the config's own, then some that vary what matters most, evenly spread."""
        rng = np.random.default_rng(self.config.train.seed)
        columns = {name: _spread(self.space[name], spread, rng) for name in MATTER_MOST if name in self.space}
        return [self.own, *(self.own | {name: column[i] for name, column in columns.items()} for i in range(spread))]

    def run(self, study: Study, *, repeat: bool) -> None:
        """Trials until the study has enough, or the time is up."""
        while time.perf_counter() < self.deadline:
            trials = study.trials()
            self.callback.on_trials(trials)
            counted = [trial for trial in trials if trial.state != "lost"]
            ended = [trial for trial in counted if trial.state != "running"]
            _stop_if_hopeless(ended)
            if self.most is not None and len(ended) >= self.most:
                return
            if self.most is not None and len(counted) >= self.most:
                # Others are at the last ones. Should one of them have died, its trial is ours.
                study.give_up_silent()
                time.sleep(1)
                continue
            if repeat and self._is_late(len(counted)):
                self._repeat(study, counted)
            try:
                study.run(lambda trial: self._try(study, trial))
            except _TimeUpError:
                return

    def _is_late(self, counted: int) -> bool:
        by_trials = self.most is not None and counted >= (1 - _REPEATED) * self.most
        return by_trials or time.perf_counter() > self.late

    def _repeat(self, study: Study, counted: list[Trial]) -> None:
        """The next trial is of the best settings so far, or of those that the search began with, in turn."""
        tried = _tried(counted)
        rivals = [one for place, one in enumerate(tried) if place < _RIVALS or one.settings == self.own]
        if rivals and not study.waits():
            times = [sum(trial.settings == one.settings for trial in counted) for one in rivals]
            study.repeat(rivals[times.index(min(times))].settings, min(times))

    def _try(self, study: Study, trial: OneTry) -> float:
        try:
            return self._train(study, trial)
        except Exception as error:
            kind = _kind(error)
            if kind is None:
                raise
            raise TrialError(kind, (str(error).strip().splitlines() or [kind])[0][:300]) from error
        finally:
            keras.backend.clear_session()
            gc.collect()

    def _train(self, study: Study, trial: OneTry) -> float:
        config = self.reduced(changed(self.config, trial.settings(self.space)))
        config = config.changed({"train": {"seed": config.train.seed + trial.again}})
        self.callback.on_trials(study.trials())
        parts = decode(
            self.split,
            config.model.image_size,
            ("train", "validation"),
            progress=lambda *at: self.callback.on_progress("decode", *at),
        )
        trainer = Trainer(config, self.split.classes, parts["train"], parts["validation"])
        trainer.begin()
        for row in trainer.epochs(on_step=self._on_step):
            trial.report(int(row["epoch"]), row["val_accuracy"], last=row["epoch"] == self.epochs)
            self.callback.on_trials(study.trials())
        return trainer.state.best[0]

    def _on_step(self, done: int, total: int) -> None:
        self.callback.on_progress("train", done, total)
        if time.perf_counter() > self.deadline:
            raise _TimeUpError


def space(config: Config) -> Space:
    """What `search_space.SEARCHED` comes to around a config."""
    found: dict[str, Span | tuple[Any, ...]] = {}
    described = config.to_dict()
    for name, options in SEARCHED.items():
        part, setting = name.split(".")[:2]
        if setting not in described[part]:
            continue  # of another network
        value = _value(config, name)
        if isinstance(options, tuple):
            if value in options:
                found[name] = options
        elif isinstance(options, Between):
            if options.low <= value <= options.high:
                found[name] = Span(options.low, options.high)
        elif value > 0:
            low, high, whole = value / options.factor, value * options.factor, isinstance(value, int)
            found[name] = Span(max(1, round(low)) if whole else low, round(high) if whole else high, True, whole)
    return found


def changed(config: Config, settings: Mapping[str, Any]) -> Config:
    """The config with these settings, named as in `search_space.SEARCHED`."""
    changes: dict[str, dict[str, Any]] = {"model": {}, "train": {}}
    for name, value in settings.items():
        part, setting, *place = name.split(".")
        old = changes[part].get(setting, getattr(getattr(config, part), setting))
        if name == "train.augmentation":
            value = old.times(value)
        elif place:
            value = [value if i == int(place[0]) else other for i, other in enumerate(old)]
        changes[part][setting] = value
    return config.changed(changes)


def _value(config: Config, name: str) -> Any:
    part, setting, *place = name.split(".")
    if name == "train.augmentation":
        return 1.0
    value = getattr(getattr(config, part), setting)
    return value[int(place[0])] if place else value


def shortest(epochs: int) -> int:
    """The epochs that every trial gets before it may be ended for being behind."""
    return math.ceil(epochs * _UNPRUNED)


def _spread(options: Span | tuple[Any, ...], count: int, rng: np.random.Generator) -> list[Any]:
    """So many values in random order, one from each of equal shares of what a setting may be (a Latin hypercube)."""
    order = rng.permutation(count)
    if isinstance(options, tuple):
        return [options[i % len(options)] for i in order]
    low, high = (math.log(options.low), math.log(options.high)) if options.log else (options.low, options.high)
    values = [low + (high - low) * (i + 0.5) / count for i in order.tolist()]
    return [math.exp(value) for value in values] if options.log else values


def _kind(error: Exception) -> str | None:
    """What a trial failed of; None where its settings are not to blame, and the search has to end."""
    if is_out_of_memory(error):
        return "no memory"
    if isinstance(error, DivergenceError):
        return "no number"
    if isinstance(error, ConfigError | ValueError) or "invalidargument" in type(error).__name__.lower():
        return "impossible"
    return None


def _stop_if_hopeless(ended: list[Trial]) -> None:
    last = ended[-_IN_A_ROW:]
    kinds = {trial.kind for trial in last}
    if len(last) == _IN_A_ROW and len(kinds) == 1 and (kind := kinds.pop()):
        raise TuningError(
            f"The last {_IN_A_ROW} trials failed alike, so the search has ended: {last[-1].reason} {_ADVICE[kind]}, "
            "and another --out."
        )


def _result(folder: Path, config: Config, study: Study, search: _Search) -> Tuning:
    trials = study.trials()
    tried = _tried(trials)
    if not tried:
        raise TuningError(
            "The time was over before one trial was done. Give more --minutes; what was tried is kept, and the same "
            "command goes on."
        )
    best = next((one for one in tried if len(one.scores) > 1), tried[0])
    default = next((one for one in tried if one.settings == search.own), None)
    found = changed(config, best.settings)
    write_text(folder / "config.json", found.to_json())
    write_text(folder / "trials.csv", _to_csv(trials, list(search.space)))
    return Tuning(folder, found, best, default, trials, study.importance())


def _tried(trials: Iterable[Trial]) -> list[Tried]:
    """All settings that were trained to the end, the best first."""
    alike: dict[frozenset[tuple[str, Any]], list[Trial]] = {}
    for trial in trials:
        if trial.state == "done":
            alike.setdefault(frozenset(trial.settings.items()), []).append(trial)
    tried = [Tried(found[0].settings, tuple(trial.score for trial in found)) for found in alike.values()]
    return sorted(tried, key=lambda one: -one.score)


def _to_csv(trials: tuple[Trial, ...], names: list[str]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["trial", "state", "val_accuracy", "epochs", "seconds", "again", *names, "reason"])
    for trial in trials:
        settings = [trial.settings.get(name, "") for name in names]
        told = (trial.number, trial.state, trial.score, trial.epochs, trial.seconds, trial.again)
        writer.writerow([*told, *settings, trial.reason])
    return text.getvalue()


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
