"""`evaluate`: a saved bundle on photos with known classes -> Evaluation. The only opener of the test part."""

import csv
import hashlib
import io
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from clothes import metrics
from clothes.errors import PhotoError, PhotosError, RunError
from clothes.inference.classifier import Classifier, load
from clothes.inference.confidence import Prediction
from clothes.inference.run import Run, now
from clothes.photos.decode import read_file
from clothes.photos.folders import OTHER, Skipped, list_class_folders
from clothes.system.files import write_text


@dataclass(frozen=True)
class Evaluation:
    """How a bundle did on photos whose classes are known.

    Photos in a folder `_other` show none of the classes; they count in `others` and `others_known` alone.
    """

    photos: int
    classes: tuple[str, ...]
    accuracy: float
    interval: tuple[float, float]  # 95 %, Wilson
    loss: float  # mean negative log-likelihood, nats
    per_class: dict[str, dict[str, float | int | None]]  # precision, recall, f1, photos
    confusion: tuple[tuple[int, ...], ...]  # row the truth, column the answer, in the order of `classes`
    ece: float  # expected calibration error, 10 bins of equal mass
    known: float  # share of the photos that are answered without "not sure"
    others: int  # photos that show none of the classes
    others_known: float | None  # share of those that are taken for one all the same; None without any
    predictions: tuple[tuple[str, Prediction], ...]  # (truth, prediction); a prediction's `photo` is its path
    skipped: tuple[Skipped, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """What evaluation.json holds: everything but the single predictions."""
        names = [item.name for item in fields(self) if item.name not in ("predictions", "skipped")]
        skipped = [{"photo": item.path, "reason": item.reason} for item in self.skipped]
        return {name: getattr(self, name) for name in names} | {"skipped": skipped}

    def predictions_csv(self) -> str:
        """What predictions.csv holds: photo, truth, label, confidence, known, then one column a class."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["photo", "truth", "label", "confidence", "known", *self.classes])
        for truth, p in self.predictions:
            scores = [f"{p.scores[name]:.6f}" for name in self.classes]
            writer.writerow([p.photo, truth, p.label, f"{p.confidence:.6f}", str(p.known).lower(), *scores])
        return text.getvalue()


def evaluate(
    model: str | os.PathLike[str] | Classifier,
    *,
    photos: str | os.PathLike[str] | None = None,
    out: str | os.PathLike[str] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """How a bundle does: on its run's test part, or on `photos`, any folder of class folders.

    `model` is a run folder, a bundle, or a loaded classifier (the last two need `photos`). On a run's test part the
    numbers are written into the run: evaluation.json, predictions.csv, and the test accuracy into the bundle. On
    `photos` they are written into the folder `out`, if one is given; photos that the run was trained on are left out.
    Raises PhotosError when there is nothing to measure.
    """
    run = None if isinstance(model, Classifier) else _run_of(Path(model))
    classifier = model if isinstance(model, Classifier) else load(model)
    if photos is not None:
        root, truths, skipped = _labelled_folder(Path(photos), classifier, run)
        result = _measure(classifier, root, truths, skipped, progress)
        if result.photos == 0:
            raise PhotosError(
                f"None of the {len(truths)} photos in {root} can be read (the first: "
                f"{result.skipped[len(skipped)].reason}). `clothes check {root}` lists the reasons."
            )
        if out is not None:
            _write(Path(out), result, {})
        return result
    if run is None:
        raise RunError("A bundle outside a run has no test part. Name photos to evaluate on: --photos DIR.")
    split = run.split
    if split.classes != classifier.classes:
        raise RunError(
            f"{run.path}: split.csv and bundle have different classes. One of them was replaced; train again."
        )
    truths = [(row.photo, row.label) for row in split.part("test")]
    if not truths:
        raise RunError(f"{run.path}: the test part of its split is empty. Name photos to evaluate on: --photos DIR.")
    result = _measure(classifier, split.root, truths, [], progress)
    if result.photos == 0:
        raise PhotosError(
            f"None of the {len(truths)} test photos can be read below {split.root} (the first: "
            f"{result.skipped[0].reason}). If they were moved, name their folder by --photos DIR: those that the model "
            "was trained on are left out."
        )
    opened = _count_opening(run)
    _write(run.path, result, {"test_part_opened": opened})
    told = ("photos", "accuracy", "interval", "loss", "ece", "known", "others", "others_known")
    test = {name: getattr(result, name) for name in told}
    bundle = run.bundle
    bundle.update(metrics=bundle.info["metrics"] | {"test": test})
    return result


def _run_of(path: Path) -> Run | None:
    """The run folder a path means: itself, or the one around a bundle."""
    for folder in (path, path.resolve().parent):
        if (folder / "run.json").is_file():
            return Run.open(folder)
    return None


def _count_opening(run: Run) -> int:
    """Writes down that the test part was opened once more, and says how often that was."""
    opened = int(run.info.get("test_part_opened", 0)) + 1
    try:
        run.note(test_part_opened=opened)
    except OSError as error:
        raise RunError(
            f"{run.path} cannot be written to ({error.strerror}), so it cannot record that its test part was opened. "
            "Copy the run to where you may write."
        ) from None
    return opened


def _labelled_folder(
    photos: Path, classifier: Classifier, run: Run | None
) -> tuple[Path, list[tuple[str, str]], list[Skipped]]:
    listing = list_class_folders(photos)
    measured = {*classifier.classes, OTHER}
    known = [photo for photo in listing.photos if photo.label in measured]
    skipped = list(listing.skipped)
    skipped += [
        Skipped(photo.path, f"the bundle knows no class {photo.label!r}")
        for photo in listing.photos
        if photo.label not in measured
    ]
    if not any(photo.label != OTHER for photo in known):
        raise PhotosError(
            f"No photo in {photos} is of a class the bundle knows. Folders there: {', '.join(listing.classes)}. "
            f"The bundle's classes: {', '.join(classifier.classes)}."
        )
    truths = [(photo.path, photo.label) for photo in known]
    if run is not None:
        truths = _without_trained(run, listing.root, truths, skipped)
    return listing.root, truths, skipped


def _without_trained(
    run: Run, root: Path, truths: list[tuple[str, str]], skipped: list[Skipped]
) -> list[tuple[str, str]]:
    """The photos that the run did not learn from, by their content; the others are added to `skipped`."""
    parts = {row.sha256: row.part for row in run.split.rows}
    left, tested = [], False
    for photo, truth in truths:
        try:
            part = parts.get(hashlib.sha256(read_file(root / photo)).hexdigest())
        except PhotoError:
            part = None  # its reason is given where it is measured
        if part in ("train", "validation"):
            skipped.append(Skipped(photo, f"it is one of the model's {part} photos"))
        else:
            left.append((photo, truth))
            tested = tested or part == "test"
    if not left:
        raise PhotosError(f"The model was trained on all {len(truths)} photos in {root}. Name other photos.")
    if tested:
        _count_opening(run)
    return left


def _measure(
    classifier: Classifier,
    root: Path,
    truths: list[tuple[str, str]],
    skipped: list[Skipped],
    progress: Callable[[int, int], None] | None,
) -> Evaluation:
    answers = classifier.predict_many(root / photo for photo, _ in truths)
    predictions: list[tuple[str, Prediction]] = []
    skipped = list(skipped)
    for done, ((photo, truth), answer) in enumerate(zip(truths, answers, strict=True), 1):
        if isinstance(answer, PhotoError):
            skipped.append(Skipped(photo, answer.reason))
        else:
            predictions.append((truth, replace(answer, photo=photo)))
        if progress:
            progress(done, len(truths))
    classes = classifier.classes
    index = {name: i for i, name in enumerate(classes)}
    of_class = [(truth, p) for truth, p in predictions if truth != OTHER]
    others = [p for truth, p in predictions if truth == OTHER]
    labels = np.array([index[truth] for truth, _ in of_class], dtype=int)
    chosen = np.array([index[p.label] for _, p in of_class], dtype=int)
    scores = np.array([[p.scores[name] for name in classes] for _, p in of_class]).reshape(-1, len(classes))
    confidence = np.array([p.confidence for _, p in of_class])
    confusion = metrics.confusion_matrix(labels, chosen, len(classes))
    right, total = int(np.trace(confusion)), len(of_class)
    return Evaluation(
        photos=total,
        classes=classes,
        accuracy=right / total if total else 0.0,
        interval=metrics.wilson_interval(right, total),
        loss=metrics.log_loss(scores, labels) if total else 0.0,
        per_class=dict(zip(classes, metrics.precision_recall_f1(confusion), strict=True)),
        confusion=tuple(tuple(row) for row in confusion.tolist()),
        ece=metrics.expected_calibration_error(confidence, labels == chosen),
        known=sum(p.known for _, p in of_class) / total if total else 0.0,
        others=len(others),
        others_known=sum(p.known for p in others) / len(others) if others else None,
        predictions=tuple(predictions),
        skipped=tuple(skipped),
    )


def _write(folder: Path, result: Evaluation, more: dict[str, Any]) -> None:
    summary = result.to_dict() | more | {"created": now()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_text(folder / "predictions.csv", result.predictions_csv())
        write_text(folder / "evaluation.json", json.dumps(summary, indent=2, ensure_ascii=False) + "\n")
    except OSError as error:
        raise RunError(f"The evaluation cannot be written into {folder}: {error.strerror}.") from None


def read_evaluation(folder: Path) -> dict[str, Any]:
    """evaluation.json of a run or another folder. Raises RunError when there is none yet, or it is damaged."""
    path = folder / "evaluation.json"
    try:
        data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        missing = [item.name for item in fields(Evaluation) if item.name not in (*data, "predictions", "skipped")]
        if missing:
            raise ValueError(f"it has no {missing[0]}")
        return data
    except FileNotFoundError:
        raise RunError(f"{folder} was not evaluated yet. Do it with: clothes evaluate {folder}") from None
    except (OSError, ValueError, TypeError) as error:
        raise RunError(f"{path} cannot be read: {error}.") from None


def read_predictions(folder: Path) -> tuple[tuple[str, Prediction], ...]:
    """predictions.csv of a run or another folder: (truth, prediction) of each photo.

    Raises RunError when there is none yet, or it is damaged.
    """
    path = folder / "predictions.csv"
    try:
        with path.open(encoding="utf-8", newline="") as file:
            head = next(lines := csv.reader(file))
            if head[1:5] != ["truth", "label", "confidence", "known"]:
                raise ValueError("its columns are others")
            return tuple(_from_cells(cells, head[5:]) for cells in lines)
    except (FileNotFoundError, NotADirectoryError):
        raise RunError(f"{folder} was not evaluated yet. Do it with: clothes evaluate {folder}") from None
    except (OSError, ValueError, StopIteration, csv.Error) as error:
        raise RunError(f"{path} cannot be read: {error}. Run clothes evaluate again.") from None


def _from_cells(cells: list[str], classes: list[str]) -> tuple[str, Prediction]:
    photo, truth, label, confidence, known, *numbers = cells
    scores = dict(sorted(zip(classes, map(float, numbers), strict=True), key=lambda item: -item[1]))
    if label not in scores:
        raise ValueError(f"{label!r} is no class")
    return truth, Prediction(label, float(confidence), scores, known == "true", photo)
