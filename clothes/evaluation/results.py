"""The result of an evaluation, and its files: evaluation.json and predictions.csv."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self, TypedDict

import numpy as np

from clothes import metrics
from clothes.errors import RunError
from clothes.inference.confidence import Prediction
from clothes.inference.run import now
from clothes.photos.folders import OTHER, Skipped
from clothes.system.files import write_bytes, write_text
from clothes.system.text import quote
from clothes.system.user_text import csv_text, read_csv, with_mark
from clothes.system.validation import parse_float, read_json, stays_below

_COLUMNS = ["photo", "truth", "label", "confidence", "known"]
_NOT_IN_JSON = ("predictions", "skipped")


class ClassMetrics(TypedDict):
    """The entry of a class in evaluation.json; None where there is nothing to divide by."""

    precision: float | None
    recall: float | None
    f1: float | None
    photos: int


class EvaluationInfo(TypedDict):
    """The content of evaluation.json: the fields of Evaluation, but for the single predictions."""

    photos: int
    classes: list[str]
    accuracy: float
    interval: tuple[float, float]
    loss: float
    per_class: dict[str, ClassMetrics]
    confusion: list[list[int]]
    ece: float
    known: float
    others: int
    others_known: float | None


@dataclass(frozen=True)
class Evaluation:
    """The metrics of a bundle on photos with known classes.

    Photos in a folder `_other` show none of the classes. They count in `others` and `others_known` only.
    """

    photos: int
    classes: tuple[str, ...]
    accuracy: float
    interval: tuple[float, float]  # 95 %, Wilson
    loss: float  # mean negative log-likelihood, nats
    per_class: dict[str, dict[str, float | int | None]]  # precision, recall, f1, photos
    confusion: tuple[tuple[int, ...], ...]  # a row for each true class, a column for each predicted one
    ece: float  # expected calibration error, 10 bins of equal mass
    known: float  # share of the photos whose prediction is accepted (coverage)
    others: int  # photos that show none of the classes
    others_known: float | None  # share of those whose prediction is accepted; None without any
    predictions: tuple[tuple[str, Prediction], ...]  # (true class, prediction); `photo` is the path
    skipped: tuple[Skipped, ...] = ()

    @classmethod
    def from_predictions(
        cls, classes: tuple[str, ...], predictions: Sequence[tuple[str, Prediction]], skipped: Sequence[Skipped] = ()
    ) -> Self:
        """The metrics of these (true class, prediction)."""
        index = {name: i for i, name in enumerate(classes)}
        judged = [(truth, p) for truth, p in predictions if truth != OTHER]
        others = [p for truth, p in predictions if truth == OTHER]
        labels = np.array([index[truth] for truth, _ in judged], dtype=int)
        answers = np.array([index[p.label] for _, p in judged], dtype=int)
        scores = np.array([[p.scores[name] for name in classes] for _, p in judged]).reshape(-1, len(classes))
        confidence = np.array([p.confidence for _, p in judged])
        confusion = metrics.confusion_matrix(labels, answers, len(classes))
        right, total = int(np.trace(confusion)), len(judged)
        return cls(
            photos=total,
            classes=classes,
            accuracy=right / total if total else 0.0,
            interval=metrics.wilson_interval(right, total),
            loss=metrics.log_loss(scores, labels) if total else 0.0,
            per_class=dict(zip(classes, metrics.precision_recall_f1(confusion), strict=True)),
            confusion=tuple(tuple(row) for row in confusion.tolist()),
            ece=metrics.expected_calibration_error(confidence, labels == answers),
            known=sum(p.known for _, p in judged) / total if total else 0.0,
            others=len(others),
            others_known=sum(p.known for p in others) / len(others) if others else None,
            predictions=tuple(predictions),
            skipped=tuple(skipped),
        )

    def to_dict(self) -> dict[str, Any]:
        """The content of evaluation.json: all but the single predictions."""
        names = [item.name for item in fields(self) if item.name not in _NOT_IN_JSON]
        skipped = [{"photo": item.path, "reason": item.reason} for item in self.skipped]
        return {name: getattr(self, name) for name in names} | {"skipped": skipped}

    def predictions_csv(self) -> str:
        """The content of predictions.csv: photo, truth, label, confidence, known, then the score of each class."""
        rows: list[list[object]] = [[*_COLUMNS, *self.classes]]
        for truth, p in self.predictions:
            scores = [f"{p.scores[name]:.6f}" for name in self.classes]
            rows.append([p.photo, truth, p.label, f"{p.confidence:.6f}", str(p.known).lower(), *scores])
        return csv_text(rows)


def write_evaluation(folder: Path, result: Evaluation, **more: Any) -> None:
    """Writes predictions.csv and evaluation.json, the latter with `more` entries. Raises RunError if it cannot."""
    summary = result.to_dict() | more | {"created": now()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_bytes(folder / "predictions.csv", with_mark(result.predictions_csv()))
        write_text(folder / "evaluation.json", json.dumps(summary, indent=2, ensure_ascii=False) + "\n")
    except OSError as error:
        raise RunError(f"The evaluation cannot be written into {folder}: {error.strerror}.") from None


def read_evaluation(folder: Path) -> dict[str, Any]:
    """The content of evaluation.json in a run or another folder. Raises RunError if it is missing or damaged."""
    path = folder / "evaluation.json"
    try:
        data: dict[str, Any] = read_json(path, EvaluationInfo)
        sizes = {len(data["confusion"]), *map(len, data["confusion"])}
        if sizes != {len(data["classes"])} or data["per_class"].keys() != set(data["classes"]):
            raise ValueError("its tables do not have one row and one column for each class")
        return data
    except FileNotFoundError:
        raise _not_evaluated(folder) from None
    except (OSError, ValueError) as error:
        raise RunError(f"{path} cannot be read: {error}. Run `clothes evaluate {quote(folder)}` again.") from None


def read_predictions(folder: Path) -> tuple[tuple[str, Prediction], ...]:
    """(true class, prediction) of each photo, from predictions.csv in a run or another folder.

    Raises RunError if it is missing or damaged.
    """
    path = folder / "predictions.csv"
    try:
        (_, header), *lines = read_csv(path.read_bytes()) or [(0, [])]
        if header[1:5] != _COLUMNS[1:]:
            raise ValueError(f"its columns are not {', '.join(_COLUMNS)}")
        return tuple(_parse_row(cells, header[5:]) for _, cells in lines)
    except (FileNotFoundError, NotADirectoryError):
        raise _not_evaluated(folder) from None
    except (OSError, ValueError) as error:
        raise RunError(f"{path} cannot be read: {error}. Run `clothes evaluate {quote(folder)}` again.") from None


def _not_evaluated(folder: Path) -> RunError:
    return RunError(f"{folder} has not been evaluated yet. Evaluate it first: clothes evaluate {quote(folder)}")


def _parse_row(cells: list[str], classes: list[str]) -> tuple[str, Prediction]:
    photo, truth, label, confidence, known, *numbers = cells
    scores = dict(sorted(zip(classes, map(parse_float, numbers), strict=True), key=lambda item: -item[1]))
    if label not in scores or truth not in (*classes, OTHER):
        raise ValueError(f"{truth!r} or {label!r} is not one of its classes")
    if not stays_below(photo):
        raise ValueError(f"{photo!r} does not lie among the photos")
    return truth, Prediction(label, parse_float(confidence), scores, known == "true", photo)
