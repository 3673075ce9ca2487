"""The result of a search: the best config, the validation accuracy of its trainings, and the table of all trials."""

import csv
import io
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from clothes.config import Config
from clothes.training.trials import Trial


@dataclass(frozen=True)
class Candidate:
    """Settings, and the validation accuracy of each complete training with them. The trainings differ in their seed."""

    settings: dict[str, Any]
    scores: tuple[float, ...]

    @property
    def score(self) -> float:
        """The mean of the scores."""
        return statistics.mean(self.scores)

    def to_dict(self) -> dict[str, Any]:
        """Returns plain values for programs."""
        return asdict(self) | {"score": self.score}


@dataclass(frozen=True)
class Tuning:
    """The result of a search: its folder, the best config in full size with its scores, and all trials.

    `default` holds the scores of the config that the search began with. Scores are validation accuracies from 0 to 1;
    the score of the best of many is optimistic. `importance` is the share of each setting in the scores, empty if too
    few trials are complete.
    """

    path: Path
    config: Config
    best: Candidate
    default: Candidate | None
    trials: tuple[Trial, ...]
    importance: dict[str, float]

    @property
    def gain(self) -> float | None:
        """The score of the best config minus that of the default."""
        return None if self.default is None else self.best.score - self.default.score

    def to_dict(self) -> dict[str, Any]:
        """Returns plain values for programs."""
        return {
            "path": str(self.path),
            "config": self.config.to_dict(),
            "best": self.best.to_dict(),
            "default": self.default and self.default.to_dict(),
            "gain": self.gain,
            "importance": self.importance,
            "trials": [asdict(trial) for trial in self.trials],
        }


def rank_candidates(trials: Iterable[Trial]) -> list[Candidate]:
    """Returns all settings of complete trials, the highest mean score first."""
    by_settings: dict[frozenset[tuple[str, Any]], list[Trial]] = {}
    for trial in trials:
        if trial.state == "done":
            by_settings.setdefault(frozenset(trial.settings.items()), []).append(trial)
    candidates = [
        Candidate(repeated[0].settings, tuple(trial.score for trial in repeated)) for repeated in by_settings.values()
    ]
    return sorted(candidates, key=lambda candidate: -candidate.score)


def trials_to_csv(trials: Iterable[Trial], settings: Sequence[str]) -> str:
    """Returns the table of the trials, one column for each of these settings."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["trial", "state", "val_accuracy", "epochs", "seconds", "again", *settings, "reason"])
    for trial in trials:
        values = [trial.settings.get(name, "") for name in settings]
        row = (trial.number, trial.state, trial.score, trial.epochs, trial.seconds, trial.again)
        writer.writerow([*row, *values, trial.reason])
    return text.getvalue()
