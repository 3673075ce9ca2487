"""Measures what pruning would have saved: replays the full curves of a random search in the order of its trials.

    uv run python benchmarks/pruning.py TUNING

TUNING is the folder that benchmarks/random_search.py wrote. The curves are replayed in 200 random orders, too. The
first trial, which has the config that the search began with, is always the first.
"""

import statistics
import sys
from pathlib import Path

import numpy as np
import optuna

from clothes.config import Config
from clothes.training.search.study import pruner

Curve = list[float]


def replay(curves: list[Curve], most: int) -> tuple[int, float]:
    """Returns the epochs that trials of up to `most` epochs take with pruning, and the best score of unpruned ones."""
    epochs, best = 0, 0.0
    study = optuna.create_study(direction="maximize", pruner=pruner(most))
    for number, curve in enumerate(curves):
        trial = study.ask()
        for epoch, score in enumerate(curve, 1):
            epochs += 1
            trial.report(score, epoch)
            behind = epoch < len(curve) and trial.should_prune()
            if number and behind:  # the first one is never pruned
                study.tell(trial, state=optuna.trial.TrialState.PRUNED)
                break
        else:
            study.tell(trial, max(curve))
            best = max(best, *curve)
    return epochs, best


def main(folder: Path) -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.load_study(study_name=folder.name, storage=f"sqlite:///{folder.resolve() / 'study.db'}")
    curves = [
        [trial.intermediate_values[epoch] for epoch in sorted(trial.intermediate_values)]
        for trial in study.get_trials(states=[optuna.trial.TrialState.COMPLETE])
    ]
    if not curves:
        sys.exit(f"{folder} has no complete trial. Write one with benchmarks/random_search.py.")
    total, best = sum(map(len, curves)), max(map(max, curves))
    most = Config.read(folder / "config.json").train.epochs  # a curve is shorter if patience ended it
    epochs, kept = replay(curves, most)
    print(f"{len(curves)} trials, {total} epochs, best {best:.4f}; pruned: {epochs} epochs, best {kept:.4f}")
    rng = np.random.default_rng(0)
    orders = [replay([curves[0], *(curves[1 + i] for i in rng.permutation(len(curves) - 1))], most) for _ in range(200)]
    saved = [1 - epochs / total for epochs, _ in orders]
    lost = [best - kept for _, kept in orders]
    print(
        f"200 orders: saves {statistics.mean(saved):.0%} of the epochs ({min(saved):.0%} to {max(saved):.0%}), loses "
        f"{100 * statistics.mean(lost):.2f} points of the best score (at most {100 * max(lost):.2f})"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
