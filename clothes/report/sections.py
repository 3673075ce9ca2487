"""The sections of the report that show photos: confusion matrix, mistakes, label errors and others."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clothes.errors import BundleError, PhotoError
from clothes.evaluation.activations import look
from clothes.evaluation.embeddings import Embeddings
from clothes.evaluation.label_errors import find_label_errors
from clothes.inference.classifier import Classifier
from clothes.inference.confidence import Prediction, percent
from clothes.inference.run import Run
from clothes.photos.folders import OTHER
from clothes.report.activations_page import show_look
from clothes.report.dataset_audit import DuplicateRows
from clothes.report.thumbnails import LARGE, SMALL, embed_image, thumbnail
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


def confusion_cells(run: Run, classes: Sequence[str], predictions: Predictions) -> dict[tuple[int, int], list[Figure]]:
    """Photos of each cell of the confusion matrix, by (true, predicted) class index.

    Wrong predictions are sorted by falling confidence, correct ones by rising confidence.
    """
    index = {name: i for i, name in enumerate(classes)}
    cells: dict[tuple[int, int], list[Prediction]] = {}
    for truth, prediction in predictions:
        if truth != OTHER:
            cells.setdefault((index[truth], index[prediction.label]), []).append(prediction)
    figures = {}
    for cell, found in sorted(cells.items()):
        found.sort(key=lambda p: p.confidence, reverse=cell[0] != cell[1])
        figures[cell] = [_figure(run, str(p.photo), percent(p.confidence)) for p in found[:_MAX_PER_CELL]]
    return figures


def find_mistakes(predictions: Predictions) -> Predictions:
    """The wrong predictions for photos of the classes, by falling confidence."""
    mistakes = [(truth, p) for truth, p in predictions if truth not in (p.label, OTHER)]
    return sorted(mistakes, key=lambda mistake: -mistake[1].confidence)


def show_mistakes(
    run: Run, classifier: Classifier, embeddings: Embeddings | None, mistakes: Predictions, progress: Progress
) -> list[Mistake]:
    """The first mistakes with explanations."""
    mistakes = mistakes[:_MAX_MISTAKES]
    photos = [run.photos / str(prediction.photo) for _, prediction in mistakes]
    shown = []
    for (truth, prediction), photo, values in zip(mistakes, photos, classifier.features_many(photos), strict=True):
        neighbours = []
        if embeddings is not None and not isinstance(values, PhotoError):
            nearest = embeddings.nearest(values[None], _NEIGHBOURS)[0]
            neighbours = [_figure(run, embeddings.rows[i].photo, embeddings.rows[i].label) for i in nearest]
        heatmap = _draw_heatmap(classifier, photo, prediction.label)
        shown.append(Mistake(truth, prediction, thumbnail(photo, LARGE), heatmap, neighbours))
        progress(len(shown), len(mistakes))
    return shown


def show_feature_maps(run: Run, predictions: Predictions) -> dict[str, Any] | str:
    """The feature maps of the most confident correct prediction, or the reason why there are none."""
    correct = [p for truth, p in predictions if p.label == truth]
    if not correct:
        return "No prediction is correct, so there is no photo to show."
    try:
        best = max(correct, key=lambda p: p.confidence)
        return show_look(look(run.photos / str(best.photo), model=run.path))
    except PhotoError:
        return "The test photos were moved or deleted."
    except BundleError as error:
        return str(error)


def show_label_errors(run: Run, classes: tuple[str, ...], embeddings: Embeddings) -> list[Figure]:
    """The most likely label errors."""
    errors = find_label_errors(embeddings, classes)[:_MAX_LABEL_ERRORS]
    captions = [f"labelled {e.label}, looks like {e.suggestion} ({percent(e.suggestion_probability)})" for e in errors]
    return [_figure(run, error.photo, caption) for error, caption in zip(errors, captions, strict=True)]


def show_duplicates(run: Run, pairs: Sequence[DuplicateRows]) -> list[tuple[list[Figure], str]]:
    """The first near-duplicates, each with a sentence about a problem, if there is one."""
    return [
        ([_figure(run, row.photo, f"{row.label}, {row.part}") for row in (pair.a, pair.b)], pair.problem)
        for pair in pairs[:_MAX_PAIRS]
    ]


def _figure(run: Run, photo: str, caption: str) -> Figure:
    return Figure(thumbnail(run.photos / photo, SMALL), photo, caption)


def _draw_heatmap(classifier: Classifier, photo: Path, label: str) -> str:
    """The heatmap of a class over the photo, as a data URI; empty if the photo cannot be read any more."""
    try:
        return embed_image(classifier.explain(photo, label=label).overlay(LARGE))
    except PhotoError:
        return ""
