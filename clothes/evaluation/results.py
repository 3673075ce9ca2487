"""The result of an evaluation, and its files: evaluation.json and predictions.csv."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from itertools import chain
from pathlib import Path
from typing import Any, NotRequired, Self, TypedDict

import numpy as np

from clothes.errors import RunError
from clothes.inference import metrics
from clothes.inference.confidence import Prediction
from clothes.inference.run import now
from clothes.photos.folders import OTHER, Skipped
from clothes.system.csv_files import csv_text, read_table, with_mark
from clothes.system.files import write_bytes, write_text
from clothes.system.terminal_text import quote
from clothes.system.validation import Share, parse_float, read_json, stays_below

_COLUMNS = ["photo", "truth", "label", "confidence", "known"]
_NOT_IN_JSON = ("predictions", "skipped")


class SkippedInfo(TypedDict):
    photo: str
    reason: str


class ClassMetrics(TypedDict):
    """The metrics of a class; None where there is nothing to divide by."""

    precision: Share | None
    recall: Share | None
    f1: Share | None
    photos: int


class EvaluationInfo(TypedDict):
    """The content of evaluation.json: the fields of Evaluation without the single predictions."""

    photos: int
    classes: list[str]
    accuracy: Share
    interval: tuple[Share, Share]
    loss: float
    per_class: dict[str, ClassMetrics]
    confusion: list[list[int]]
    ece: Share
    known: Share
    others: int
    others_known: Share | None
    skipped: list[SkippedInfo]
    notes: NotRequired[list[str]]
    created: str


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
    notes: tuple[str, ...] = ()  # remarks for people on the classes

    @classmethod
    def from_predictions(
        cls, classes: tuple[str, ...], predictions: Sequence[tuple[str, Prediction]], skipped: Sequence[Skipped] = ()
    ) -> Self:
        """Returns the metrics of these (true class, prediction)."""
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
        """Returns the content of evaluation.json: all but the single predictions."""
        names = [item.name for item in fields(self) if item.name not in _NOT_IN_JSON]
        skipped = [{"photo": item.path, "reason": item.reason} for item in self.skipped]
        return {name: getattr(self, name) for name in names} | {"skipped": skipped}

    def predictions_csv(self) -> str:
        """Returns the content of predictions.csv: photo, truth, label, confidence, known, then each class's score."""
        rows = (
            [p.photo, truth, p.label, f"{p.confidence:.6f}", str(p.known).lower()]
            + [f"{p.scores[name]:.6f}" for name in self.classes]
            for truth, p in self.predictions
        )
        return csv_text(chain([[*_COLUMNS, *self.classes]], rows))


def write_evaluation(folder: Path, result: Evaluation, **more: Any) -> None:
    """Writes predictions.csv and evaluation.json, the latter with `more` entries. Raises RunError if it cannot."""
    summary = result.to_dict() | more | {"created": now()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_bytes(folder / "predictions.csv", with_mark(result.predictions_csv()))
        write_text(folder / "evaluation.json", json.dumps(summary, indent=2, ensure_ascii=False) + "\n")
    except OSError as error:
        raise RunError(
            f"The evaluation cannot be written into {folder}: {error.strerror}. Make room or make it writable."
        ) from None


def read_evaluation(folder: Path) -> dict[str, Any]:
    """Returns the content of evaluation.json in a run or another folder. Raises RunError if missing or damaged."""
    with _reading(folder, "evaluation.json") as path:
        data: dict[str, Any] = read_json(path, EvaluationInfo)
        classes = data["classes"]
        if list(map(len, data["confusion"])) != [len(classes)] * len(classes) or set(data["per_class"]) != set(classes):
            raise ValueError("its tables do not have one row and one column for each class")
        return data


def read_predictions(folder: Path) -> tuple[tuple[str, Prediction], ...]:
    """Returns (true class, prediction) of each photo, from predictions.csv in a run or another folder.

    Raises RunError if it is missing or damaged.
    """
    with _reading(folder, "predictions.csv") as path:
        (_, header), *lines = read_table(path) or [(0, [])]
        classes = header[len(_COLUMNS) :]
        if header[: len(_COLUMNS)] != _COLUMNS or len(set(classes)) < max(1, len(classes)):
            raise ValueError(f"its columns are not {', '.join(_COLUMNS)} and one for each class")
        rows = {}
        for number, cells in lines:
            truth, prediction = _parse_row(number, cells, classes)
            if prediction.photo in rows:
                raise ValueError(f"line {number}: {prediction.photo} is listed twice")
            rows[prediction.photo] = truth, prediction
        return tuple(rows.values())


@contextmanager
def _reading(folder: Path, name: str) -> Iterator[Path]:
    path = folder / name
    model = quote(folder) if (folder / "run.json").is_file() else f"RUN --photos DIR --out {quote(folder)}"
    try:
        yield path
    except (FileNotFoundError, NotADirectoryError):
        if not folder.is_dir():
            raise RunError(f"There is no folder {folder}. Name a run, or the --out folder of an evaluation.") from None
        raise RunError(f"{folder} has not been evaluated yet. Evaluate it first: clothes evaluate {model}") from None
    except (OSError, ValueError) as error:
        raise RunError(f"{path} cannot be read: {error}. Run `clothes evaluate {model}` again.") from None


def _parse_row(line: int, cells: Sequence[str], classes: Sequence[str]) -> tuple[str, Prediction]:
    try:
        if len(cells) != len(_COLUMNS) + len(classes):
            raise ValueError(f"it has {len(cells)} cells, not {len(_COLUMNS) + len(classes)}")
        photo, truth, label, confidence, known, *numbers = cells
        scores = dict(sorted(zip(classes, map(_parse_share, numbers), strict=True), key=lambda item: -item[1]))
        if label not in scores or truth not in (*classes, OTHER):
            raise ValueError(f"{truth!r} or {label!r} is not one of its classes")
        if known not in ("true", "false") or not stays_below(photo):
            raise ValueError(f"{known!r} is not true or false, or {photo!r} does not lie among the photos")
        return truth, Prediction(label, _parse_share(confidence), scores, known == "true", photo)
    except ValueError as error:
        raise ValueError(f"line {line}: {error}") from None


def _parse_share(text: str) -> float:
    share = parse_float(text)
    if not 0 <= share <= 1:
        raise ValueError(f"{text[:20]} does not lie between 0 and 1")
    return share
