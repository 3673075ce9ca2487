"""From a run folder to report.html: gathers the sections of the page, in the page's order."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clothes.config import QUICK
from clothes.errors import RunError
from clothes.evaluation.embeddings import Embeddings, read_embeddings
from clothes.evaluation.learning_curve import Point, probe_curve
from clothes.evaluation.recommendations import Recommendations, recommend
from clothes.evaluation.results import read_evaluation, read_predictions
from clothes.inference.classifier import Classifier, load
from clothes.inference.run import Run
from clothes.photos.folders import OTHER
from clothes.photos.split_file import PARTS
from clothes.report import plots, sections
from clothes.report.dataset_audit import audit
from clothes.report.rendering import embed, fill
from clothes.system.files import write_bytes
from clothes.system.progress import StepProgress
from clothes.system.terminal_text import quote

_HISTORY_CURVES = ("accuracy", "loss", "learning_rate")
_MAX_SKIPPED = 200


@dataclass(frozen=True)
class Report:
    """The page that was written, and its recommendations; None if photos cannot be read or --folds was used."""

    path: Path
    advice: Recommendations | None


def write_report(
    run: Run,
    *,
    curve: Sequence[Point] | None = None,
    web_page: str = "",
    progress: StepProgress = lambda step, done, total: None,
) -> Report:
    """Writes the run's report.html, or replaces it. Sections whose photos were moved or deleted say so.

    `curve` is a learning curve from `retrained_curve`; without it a linear probe estimates one. `web_page` is where the
    run's export as a web page lies, for the reader. Raises RunError if the run has not been evaluated or its files do
    not fit together, MissingExtraError if a package is missing.
    """
    evaluation, predictions = read_evaluation(run.path), read_predictions(run.path)
    classifier, split, photos = load(run.path), run.split, run.photos
    classes = classifier.classes
    _check_fits(run, {classes, split.classes, tuple(evaluation["classes"])}, predictions)
    embeddings = _read_embeddings(run, classifier, progress)
    reduced = None if embeddings is None else embeddings.reduced()
    learnt_all = "folds" in run.info.get("asked", {})  # and no photo of train and validation can say what fails
    advice = None if reduced is None or learnt_all else _recommend(classifier, reduced, curve)
    mistakes = sections.find_mistakes(predictions)
    history = run.history if run.config.model.architecture != QUICK else []  # which has no epochs
    explained = sections.show_mistakes(
        photos, classifier, embeddings, mistakes, lambda *at: progress("Explaining the wrong predictions", *at)
    )
    found = audit(split, progress=lambda *at: progress("Comparing the photos", *at))
    page = fill(
        "report.html",
        run=run,
        run_info=run.info,
        info=classifier.info,
        evaluation=evaluation,
        cells=sections.confusion_cells(photos, classes, predictions),
        mistakes=explained,
        mistake_count=len(mistakes),
        advice=advice,
        confused=reduced and advice and sections.show_confusions(photos, classes, reduced, advice.confusions),
        learning_curve=advice and _draw_learning_curve(advice),
        reliability=_draw_reliability(predictions),
        history_curves=[_embed(plots.history_curve(history, name)) for name in _HISTORY_CURVES] if history else [],
        look=sections.show_feature_maps(run, photos, predictions),
        label_errors=None if reduced is None else sections.show_label_errors(photos, classes, reduced),
        audit=found,
        duplicates=sections.show_duplicates(photos, found.pairs),
        counts=split.counts(),
        classes=classes,
        parts=PARTS,
        max_skipped=_MAX_SKIPPED,
        web_page=web_page,
    )
    path = run.path / "report.html"
    write_bytes(path, page)
    return Report(path, advice)


def _check_fits(run: Run, classes: set[tuple[str, ...]], predictions: sections.Predictions) -> None:
    """Raises RunError if the files of a run have different classes, or predictions.csv has photos of others."""
    tested = {row.photo for row in run.split.part("test")}
    if strange := next((p.photo for _, p in predictions if p.photo not in tested), None):
        reason = f"predictions.csv has {strange}, which split.csv does not have as a test photo"
    elif len(classes | {tuple(sorted(p.scores)) for _, p in predictions}) > 1:
        reason = "bundle.json, split.csv, evaluation.json and predictions.csv have different classes"
    elif all(truth == OTHER for truth, _ in predictions):
        reason = "predictions.csv has no photo of the classes"
    else:
        return
    raise RunError(f"{run.path}: {reason}. Evaluate it again: clothes evaluate {quote(run.path)}")


def _read_embeddings(run: Run, classifier: Classifier, progress: StepProgress) -> Embeddings | None:
    """Returns the embeddings of the train and validation photos; None if no photo can be read any more."""
    try:
        return read_embeddings(run, classifier, progress=lambda *at: progress("Reading the train photos", *at))
    except RunError:
        return None


def _recommend(classifier: Classifier, embeddings: Embeddings, curve: Sequence[Point] | None) -> Recommendations | None:
    """Returns the recommendations; None without train or validation photos."""
    train, validation = embeddings.is_part("train"), embeddings.is_part("validation")
    if not (train.any() and validation.any()):
        return None
    return recommend(
        classifier.classes,
        curve or probe_curve(embeddings, len(classifier.classes)),
        train=embeddings.labels[train],
        truth=embeddings.labels[validation],
        answers=embeddings.answers[validation],
        retrained=curve is not None,
    )


def _draw_learning_curve(advice: Recommendations) -> str:
    points = [(photos, accuracy.value, accuracy.low, accuracy.high) for photos, accuracy in advice.curve]
    return _embed(plots.learning_curve(points))


def _draw_reliability(predictions: sections.Predictions) -> str:
    judged = [(p.confidence, p.label == truth) for truth, p in predictions if truth != OTHER]
    confidence, right = zip(*judged, strict=True)
    return _embed(plots.reliability(confidence, right))


def _embed(ax: Any) -> str:
    return embed(plots.render(ax, "svg"), "image/svg+xml")
