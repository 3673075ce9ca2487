"""The records of a search: its trials, the validation accuracy of repeated settings, and the best config."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from clothes.config import Config
from clothes.system.csv_files import csv_text

State = Literal["done", "pruned", "failed", "running", "lost"]


@dataclass(frozen=True)
class Trial:
    """The record of a trial. `score` is its best validation accuracy so far; `seconds` is None while it runs.

    `again` counts the earlier trials of the same settings. A failed trial has a `kind` and a `reason`; a lost one was
    interrupted, or its process died.
    """

    number: int
    state: State
    score: float
    epochs: int
    seconds: float | None
    settings: dict[str, Any]
    again: int = 0
    kind: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Candidate:
    """Settings, and the validation accuracy of each complete training with them. The trainings differ in their seed."""

    settings: dict[str, Any]
    scores: tuple[float, ...]

    @property
    def score(self) -> float:
        return statistics.mean(self.scores)

    def to_dict(self) -> dict[str, Any]:
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
    found = [Candidate(same[0].settings, tuple(trial.score for trial in same)) for same in by_settings.values()]
    return sorted(found, key=lambda candidate: -candidate.score)


def trials_to_csv(trials: Iterable[Trial], settings: Sequence[str]) -> str:
    """Returns the table of the trials, one column for each of these settings."""
    rows: list[list[object]] = [["trial", "state", "val_accuracy", "epochs", "seconds", "again", *settings, "reason"]]
    for trial in trials:
        values = [trial.settings.get(name, "") for name in settings]
        row = (trial.number, trial.state, trial.score, trial.epochs, trial.seconds, trial.again)
        rows.append([*row, *values, trial.reason])
    return csv_text(rows)
