"""Searches at random, with the space, epochs, size and time of `clothes tune`; trains each trial to its end, once.

uv run python benchmarks/random_search.py PHOTOS SPLIT.csv OUT MINUTES SCALE
"""

import sys
from typing import Any
from unittest import mock

import optuna

from clothes.training.search import study, trials
from clothes.training.search.results import Tuning
from clothes.training.search.tuning import tune


def search_at_random(*photos: Any, **options: Any) -> Tuning:
    """Returns what `clothes.tune` would if it drew all settings at random."""
    with (
        mock.patch.object(study, "sampler", lambda seed, startup: optuna.samplers.RandomSampler(seed)),
        mock.patch.object(study, "pruner", lambda epochs: optuna.pruners.NopPruner()),
        mock.patch.multiple(trials, _SPREAD=0, _REPEATED=0),
    ):
        return tune(*photos, **options)


def main(photos: str, split: str, out: str, minutes: str, scale: str) -> None:
    found = search_at_random(photos, minutes=float(minutes), scale=float(scale), split=split, out=out)
    done = sum(trial.state == "done" for trial in found.trials)
    print(f"{done} trials; best {found.best.score:.4f}; began with {found.trials[0].score:.4f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
