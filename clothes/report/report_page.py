"""From a run folder to report.html: gathers what the page shows, in the page's order."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from clothes.errors import BundleError, PhotoError, RunError
from clothes.evaluation.activations import look
from clothes.evaluation.embeddings import Features, read_features
from clothes.evaluation.evaluate import read_evaluation, read_predictions
from clothes.evaluation.label_errors import find_suspects
from clothes.evaluation.learning_curve import Point, quick_curve
from clothes.evaluation.recommendations import Advice, advise
from clothes.inference.classifier import Classifier, load
from clothes.inference.confidence import Prediction, percent
from clothes.inference.run import Run
from clothes.photos.folders import OTHER
from clothes.photos.splits import PARTS
from clothes.report import plots
from clothes.report.activations_page import shown
from clothes.report.rendering import fill
from clothes.report.survey import survey
from clothes.report.thumbnails import LARGE, SMALL, drawing, embedded, thumbnail
from clothes.system.files import write_bytes

MOST = 60  # of the wrong photos, and of the suspected labels, shown with pictures
_IN_CELL = 24  # photos of one cell of the confusion matrix
_PAIRS = 12  # look-alikes
_NEAREST = 3  # train photos beside a wrong one
_LISTED = 200  # skipped files

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Shown:
    """A photo on the page: its picture, empty where it cannot be read any more, its name and a line about it."""

    picture: str
    name: str
    text: str


@dataclass(frozen=True)
class Report:
    """The page that was written, and what it advises; None where the train photos cannot be read any more."""

    path: Path
    advice: Advice | None


def write_report(
    run: Run, *, curve: Sequence[Point] | None = None, progress: Progress = lambda title, done, total: None
) -> Report:
    """Writes the run's report.html anew. Needs the run's photos where `Run.photos` says, or shows less.

    A `curve` of trainings, from `true_curve`, takes the place of the quick one. Raises RunError when the run was not
    evaluated yet, MissingExtraError when the page cannot be made.
    """
    evaluation, predictions = read_evaluation(run.path), read_predictions(run.path)
    classifier = load(run.path)
    try:
        features = read_features(run, classifier, progress=lambda *at: progress("Looking at the train photos", *at))
    except RunError:
        features = None  # the photos are gone; what is written down still makes a report
    small = None if features is None else features.compressed()
    advice = None if small is None else _advise(run, classifier, small, curve)
    page = fill(
        "page.html",
        run=run,
        info=classifier.info,
        evaluation=evaluation,
        curves=[drawing(plots.render(plots.curve(run.history, name), "svg")) for name in _CURVES],
        advice=advice,
        learning_curve=advice and _learning_curve(advice),
        reliability=_reliability(predictions),
        cells=_cells(run, classifier.classes, predictions),
        wrong=_wrong(run, classifier, features, predictions, progress),
        wrong_count=sum(truth not in (p.label, OTHER) for truth, p in predictions),
        suspects=_suspects(run, classifier.classes, small),
        alike=survey(run.split, progress=lambda *at: progress("Looking for look-alikes", *at)),
        thumbnail=lambda photo: thumbnail(run.photos / photo),
        **_look(run, predictions),
        counts=run.split.counts(),
        parts=PARTS,
        most_pairs=_PAIRS,
        most_listed=_LISTED,
    )
    path = run.path / "report.html"
    write_bytes(path, page)
    return Report(path, advice)


_CURVES = ("accuracy", "loss", "learning_rate")


def _advise(run: Run, classifier: Classifier, features: Features, curve: Sequence[Point] | None) -> Advice | None:
    index = {name: i for i, name in enumerate(classifier.classes)}
    there = features.part("validation")
    if not there.any():
        return None
    photos = [run.photos / row.photo for row, chosen in zip(features.rows, there, strict=True) if chosen]
    found = classifier.predict_many(photos)
    answers = [-1 if isinstance(answer, PhotoError) else index[answer.label] for answer in found]
    return advise(
        classifier.classes,
        curve or quick_curve(features, len(classifier.classes)),
        train=features.labels[features.part("train")],
        truth=features.labels[there],
        answers=np.array(answers),
        retrained=curve is not None,
    )


def _learning_curve(advice: Advice) -> str:
    points = [(photos, found.value, found.low, found.high) for photos, found in advice.curve]
    return drawing(plots.render(plots.learning_curve(points), "svg"))


def _reliability(predictions: Sequence[tuple[str, Prediction]]) -> str:
    judged = [(p.confidence, p.label == truth) for truth, p in predictions if truth != OTHER]
    confidence, right = zip(*judged, strict=True)
    return drawing(plots.render(plots.reliability(confidence, right), "svg"))


def _cells(
    run: Run, classes: Sequence[str], predictions: Sequence[tuple[str, Prediction]]
) -> dict[tuple[int, int], list[Shown]]:
    """The photos of each cell of the confusion matrix, (truth, answer) by place: the surest first where it is wrong,
    the least sure first where it is right."""
    index = {name: i for i, name in enumerate(classes)}
    cells: dict[tuple[int, int], list[Prediction]] = {}
    for truth, prediction in predictions:
        if truth != OTHER:
            cells.setdefault((index[truth], index[prediction.label]), []).append(prediction)
    return {
        (truth, answer): [
            Shown(thumbnail(run.photos / str(p.photo), SMALL), str(p.photo), percent(p.confidence))
            for p in sorted(found, key=lambda p: p.confidence if truth == answer else -p.confidence)[:_IN_CELL]
        ]
        for (truth, answer), found in sorted(cells.items())
    }


def _wrong(
    run: Run,
    classifier: Classifier,
    features: Features | None,
    predictions: Sequence[tuple[str, Prediction]],
    progress: Progress,
) -> list[dict[str, Any]]:
    """The wrong photos, the surest first: each with its heatmap, the truth, and the train photos most like it."""
    wrong = [(truth, p) for truth, p in predictions if truth not in (p.label, OTHER)]
    wrong = sorted(wrong, key=lambda item: -item[1].confidence)[:MOST]
    photos = [run.photos / str(p.photo) for _, p in wrong]
    found = []
    for i, ((truth, p), photo, values) in enumerate(
        zip(wrong, photos, classifier.features_many(photos), strict=True), 1
    ):
        near = []
        if features is not None and not isinstance(values, PhotoError):
            rows = [features.rows[j] for j in features.nearest(values[None], _NEAREST)[0]]
            near = [Shown(thumbnail(run.photos / row.photo), row.photo, row.label) for row in rows]
        try:
            heatmap = embedded(classifier.explain(photo, label=p.label).overlay(LARGE))
        except PhotoError:
            heatmap = ""
        found.append(
            {"truth": truth, "answer": p, "picture": thumbnail(photo, LARGE), "heatmap": heatmap, "nearest": near}
        )
        progress("Asking why answers are wrong", i, len(wrong))
    return found


def _look(run: Run, predictions: Sequence[tuple[str, Prediction]]) -> dict[str, Any]:
    """What the layers see in the photo that is right most surely; or, as `look`, why that cannot be shown."""
    right = sorted((p for truth, p in predictions if p.label == truth), key=lambda p: -p.confidence)
    if not right:
        return {"look": "No answer is right, so there is no photo to show."}
    try:
        return shown(look(run.photos / str(right[0].photo), model=run.path))
    except PhotoError:
        return {"look": "The test photos are not where they were."}
    except BundleError as error:
        return {"look": str(error)}


def _suspects(run: Run, classes: tuple[str, ...], features: Features | None) -> list[Shown] | None:
    if features is None:
        return None
    return [
        Shown(
            thumbnail(run.photos / suspect.photo),
            suspect.photo,
            f"labelled {suspect.label}, looks like {suspect.instead} ({percent(suspect.instead_probability)})",
        )
        for suspect in find_suspects(features, classes)[:MOST]
    ]
