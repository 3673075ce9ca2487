"""The trials of a search in one process: first settings, trainings, repeated settings and the end of the search."""

import math
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from clothes.config import Config
from clothes.errors import ConfigError, DivergenceError, TuningError
from clothes.photos.split_file import Split
from clothes.system.checksums import sha256_json
from clothes.system.files import write_text
from clothes.training.callbacks import SearchCallback
from clothes.training.datasets import decode
from clothes.training.search.results import Trial, Tuning, rank_candidates, trials_to_csv
from clothes.training.search.space import (
    MATTER_MOST,
    SearchConfig,
    apply_settings,
    latin_hypercube,
    read_setting,
    space_around,
)
from clothes.training.search.study import RunningTrial, Study, TrialError

_SPREAD = 7  # trials after the first that vary the settings that matter most
_REPEATED = 1 / 3  # share of the trials, or of the time, for the best settings with other seeds
_RIVALS = 3  # best settings that are repeated, in addition to those of the config
_IN_A_ROW = 3  # failures of one kind that end the search

_ADVICE = {
    "no memory": "Begin with less: --config FILE with a smaller image_size, batch_size or network",
    "no number": "Begin with a smaller learning_rate: --config FILE",
    "impossible": "Begin with a network that fits: --config FILE with larger pictures, smaller kernels or strides",
}


class _TimeUpError(Exception):
    """The time of the search is over during a trial."""


class Search:
    """Runs the trials of one process."""

    def __init__(
        self, split: Split, config: Config, search: SearchConfig, callback: SearchCallback, *, began: float
    ) -> None:
        self.split, self.config, self.search, self.callback = split, config, search, callback
        self.epochs = search.epochs or config.train.epochs
        seconds = math.inf if search.minutes is None else search.minutes * 60
        self.deadline = began + seconds
        self.repeat_from = began + (1 - _REPEATED) * seconds
        self.space = space_around(config)
        self.own = {name: read_setting(config, name) for name in self.space}
        # Fingerprints of photos, split and search space. Trials of a study with others cannot be compared.
        searched = {name: repr(options) for name, options in self.space.items()}
        self.identity = {
            "set of photos": sha256_json(sorted(f"{row.label}|{row.sha256}" for row in split.rows)),
            "split": split.fingerprint,
            "search space": sha256_json([searched, config.to_dict(), self.epochs, search.scale]),
        }
        self.fingerprint = sha256_json(self.identity)

    def reduce(self, config: Config) -> Config:
        """Returns the config with the image size and epochs of a trial."""
        size = max(16, round(self.search.scale * config.model.image_size))
        return config.changed({"model": {"image_size": size}, "train": {"epochs": self.epochs}})

    def open_study(self, url: str, name: str) -> Study:
        # Processes that share a study must draw different settings; a continued search must draw new ones.
        seed = None if self.search.storage else self.config.train.seed
        first = self._first_settings()
        return Study(url, name, self.space, identity=self.identity, first=first, epochs=self.epochs, seed=seed)

    def _first_settings(self) -> list[dict[str, Any]]:
        """Returns the settings of the config, then some that vary what matters most, evenly spread."""
        rng = np.random.default_rng(self.config.train.seed)
        columns = {name: latin_hypercube(self.space[name], _SPREAD, rng) for name in MATTER_MOST if name in self.space}
        return [self.own, *(self.own | {name: columns[name][i] for name in columns} for i in range(_SPREAD))]

    def run(self, study: Study) -> None:
        """Runs trials until the study has enough or the time is over."""
        most = math.inf if self.search.most is None else self.search.most
        while time.perf_counter() < self.deadline:
            trials = study.trials()
            self.callback.on_trials(trials)
            counted = [trial for trial in trials if trial.state != "lost"]
            ended = [trial for trial in counted if trial.state != "running"]
            _stop_if_hopeless(ended)
            if len(ended) >= most:
                return
            if len(counted) >= most:
                # Other processes run the last trials. If one of them dies, this process repeats its trial.
                study.fail_stale_trials()
                time.sleep(1)
                continue
            if time.perf_counter() > self.repeat_from or len(counted) >= (1 - _REPEATED) * most:
                self._repeat_best(study, counted)
            try:
                study.run(partial(self._try, study))
            except _TimeUpError:
                return

    def _repeat_best(self, study: Study, counted: list[Trial]) -> None:
        """Enqueues the best settings or those of the config, whichever were tried the fewest times."""
        ranked = rank_candidates(counted)
        rivals = [one.settings for place, one in enumerate(ranked) if place < _RIVALS or one.settings == self.own]
        if rivals:
            times = [sum(trial.settings == settings for trial in counted) for settings in rivals]
            study.repeat(rivals[times.index(min(times))], min(times))

    def _try(self, study: Study, trial: RunningTrial) -> float:
        from clothes.models.backend import keras

        try:
            return self._train(study, trial)
        except Exception as error:
            kind = _failure_kind(error)
            if kind is None:
                raise
            raise TrialError(kind, (str(error).strip().splitlines() or [kind])[0][:300]) from error
        finally:
            keras.backend.clear_session()  # also collects garbage

    def _train(self, study: Study, trial: RunningTrial) -> float:
        from clothes.training.training_loop import Trainer

        config = self.reduce(apply_settings(self.config, trial.settings))
        config = config.changed({"train": {"seed": config.train.seed + trial.again}})
        self.callback.on_trials(study.trials())
        progress = partial(self.callback.on_progress, "decode")
        parts = decode(self.split, config.model.image_size, ("train", "validation"), progress=progress)
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

    def write_result(self, study: Study, folder: Path) -> Tuning:
        """Writes config.json and trials.csv. Raises TuningError if no trial is complete."""
        trials = study.trials()
        ranked = rank_candidates(trials)
        if not ranked:
            raise TuningError(
                "The time was over before one trial was done. Give more --minutes; what was tried is kept, and the "
                "same command goes on."
            )
        best = next((one for one in ranked if len(one.scores) > 1), ranked[0])
        default = next((one for one in ranked if one.settings == self.own), None)
        config = apply_settings(self.config, best.settings)
        write_text(folder / "config.json", config.to_json())
        write_text(folder / "trials.csv", trials_to_csv(trials, list(self.space)))
        return Tuning(folder, config, best, default, trials, study.importance())


def _failure_kind(error: Exception) -> str | None:
    """Returns the kind of failure that the settings of a trial caused; None for any other error."""
    from clothes.training.training_step import is_out_of_memory

    if is_out_of_memory(error):
        return "no memory"
    if isinstance(error, DivergenceError):
        return "no number"
    if isinstance(error, ConfigError | ValueError) or "invalidargument" in type(error).__name__.lower():
        return "impossible"
    return None


def _stop_if_hopeless(ended: list[Trial]) -> None:
    """Raises TuningError if the last trials all failed for one reason."""
    last = ended[-_IN_A_ROW:]
    kinds = {trial.kind for trial in last}
    if len(last) == _IN_A_ROW and len(kinds) == 1 and (kind := kinds.pop()):
        raise TuningError(
            f"The last {_IN_A_ROW} trials failed alike, so the search has ended. {last[-1].reason} {_ADVICE[kind]}, "
            "and another --out."
        )
