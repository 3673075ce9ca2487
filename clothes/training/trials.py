"""The record of a trial of a search, and the error of one that failed."""

from dataclasses import dataclass
from typing import Any, Literal

State = Literal["done", "pruned", "failed", "running", "lost"]


class TrialError(Exception):
    """A trial failed because of its settings. The search continues."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind, self.reason = kind, reason


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
