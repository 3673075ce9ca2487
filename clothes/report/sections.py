"""The sections of the report that show photos: confusion matrix, mistakes, label errors and others."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from clothes.errors import BundleError, PhotoError
from clothes.evaluation.activations import look
from clothes.evaluation.embeddings import Embeddings
from clothes.evaluation.label_errors import find_label_errors
from clothes.evaluation.recommendations import Confusion
from clothes.inference.classifier import Classifier
from clothes.inference.confidence import Prediction, percent
from clothes.inference.run import Run
from clothes.photos.folders import OTHER
from clothes.report.activations_page import show_look
from clothes.report.dataset_audit import DuplicateRows
from clothes.report.rendering import LARGE, embed_image, thumbnail
from clothes.system.progress import Progress

_MAX_PER_CELL = 24  # photos of a cell of the confusion matrix
_MAX_MISTAKES = 60
_MAX_LABEL_ERRORS = 60
_MAX_PAIRS = 12
_NEIGHBOURS = 3  # train photos beside an error

Predictions = Sequence[tuple[str, Prediction]]  # (true class, prediction)


@dataclass(frozen=True)
class Figure:
    """A photo on the page: a picture, empty if the photo cannot be read any more, its name and a caption."""

    picture: str
    name: str
    caption: str


@dataclass(frozen=True)
class Mistake:
    """A wrong prediction: the photo, its heatmap for the predicted class, and the nearest train photos."""

    truth: str
    answer: Prediction
    picture: str
    heatmap: str
    neighbours: list[Figure]


def confusion_cells(
    photos: Path, classes: Sequence[str], predictions: Predictions
) -> dict[tuple[int, int], list[Figure]]:
    """Returns photos of each cell of the confusion matrix, by (true, predicted) class index.

    Wrong predictions are sorted by falling confidence, correct ones by rising confidence.
    """
    index = {name: i for i, name in enumerate(classes)}
    cells: dict[tuple[int, int], list[Prediction]] = {}
    for truth, prediction in predictions:
        if truth != OTHER:
            cells.setdefault((index[truth], index[prediction.label]), []).append(prediction)
    for (truth_index, answer_index), found in cells.items():
        found.sort(key=lambda p: p.confidence, reverse=truth_index != answer_index)
    return {
        cell: [_figure(photos, str(p.photo), percent(p.confidence)) for p in found[:_MAX_PER_CELL]]
        for cell, found in sorted(cells.items())
    }


def find_mistakes(predictions: Predictions) -> Predictions:
    """Returns the wrong predictions for photos of the classes, by falling confidence."""
    mistakes = [(truth, p) for truth, p in predictions if truth not in (p.label, OTHER)]
    return sorted(mistakes, key=lambda mistake: -mistake[1].confidence)


def show_mistakes(
    root: Path, classifier: Classifier, embeddings: Embeddings | None, mistakes: Predictions, progress: Progress
) -> list[Mistake]:
    """Explains the first mistakes."""
    mistakes = mistakes[:_MAX_MISTAKES]
    photos = [root / str(prediction.photo) for _, prediction in mistakes]
    shown = []
    for (truth, prediction), photo, values in zip(mistakes, photos, classifier.features_many(photos), strict=True):
        picture, heatmap, neighbours = "", "", []
        if not isinstance(values, PhotoError):
            picture = thumbnail(photo, LARGE)
            heatmap = embed_image(classifier.explain(photo, label=prediction.label).overlay(LARGE))
            if embeddings is not None:
                rows = [embeddings.rows[i] for i in embeddings.nearest(values[None], _NEIGHBOURS)[0]]
                neighbours = [_figure(root, row.photo, row.label) for row in rows]
        shown.append(Mistake(truth, prediction, picture, heatmap, neighbours))
        progress(len(shown), len(mistakes))
    return shown


def show_confusions(
    photos: Path, classes: Sequence[str], embeddings: Embeddings, pairs: Iterable[Confusion]
) -> list[tuple[Confusion, list[Figure]]]:
    """Returns each pair of classes with a validation photo of both, one that is taken for the other class if any is."""
    is_validation, shown = embeddings.is_part("validation"), []
    for pair in pairs:
        figures = []
        for name, other in ((pair.a, pair.b), (pair.b, pair.a)):
            is_class = is_validation & (embeddings.labels == classes.index(name))
            is_mistake = is_class & (embeddings.answers == classes.index(other))
            caption = f"{name}, predicted {other}" if is_mistake.any() else name
            chosen = int(np.argmax(is_mistake if is_mistake.any() else is_class))
            figures.append(_figure(photos, embeddings.rows[chosen].photo, caption))
        shown.append((pair, figures))
    return shown


def show_feature_maps(run: Run, photos: Path, predictions: Predictions) -> dict[str, Any] | str:
    """Returns the feature maps of the most confident correct prediction, or the reason why there are none."""
    correct = [p for truth, p in predictions if p.label == truth]
    if not correct:
        return "No prediction is correct, so there is no photo to show."
    try:
        best = max(correct, key=lambda p: p.confidence)
        return show_look(look(photos / str(best.photo), model=run.path))
    except PhotoError:
        return "The test photos were moved or deleted."
    except BundleError as error:
        return str(error)


def show_label_errors(photos: Path, classes: tuple[str, ...], embeddings: Embeddings) -> list[Figure]:
    """Returns the most likely label errors."""
    return [
        _figure(photos, e.photo, f"labelled {e.label}, looks like {e.suggestion} ({percent(e.suggestion_probability)})")
        for e in find_label_errors(embeddings, classes)[:_MAX_LABEL_ERRORS]
    ]


def show_duplicates(photos: Path, pairs: Sequence[DuplicateRows]) -> list[tuple[list[Figure], str]]:
    """Returns the first near-duplicates, each with a sentence about a problem, if there is one."""
    return [
        ([_figure(photos, row.photo, f"{row.label}, {row.part}") for row in (pair.a, pair.b)], pair.problem)
        for pair in pairs[:_MAX_PAIRS]
    ]


def _figure(photos: Path, name: str, caption: str) -> Figure:
    return Figure(thumbnail(photos / name), name, caption)
