"""`evaluate`: measures a saved bundle on photos with known classes. The only code that opens the test part."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from clothes.errors import PhotoError, PhotosError, RunError
from clothes.evaluation.results import Evaluation, write_evaluation
from clothes.inference.classifier import Classifier, load
from clothes.inference.confidence import Prediction
from clothes.inference.run import MOST_OPENINGS, Run, find_run
from clothes.photos.decode import read_file
from clothes.photos.folders import OTHER, Listing, PhotoFile, Skipped, list_class_folders
from clothes.photos.split_file import has_changed
from clothes.system.checksums import sha256
from clothes.system.progress import Progress
from clothes.system.terminal_text import quote

_IN_BUNDLE = ("photos", "accuracy", "interval", "loss", "ece", "known", "others", "others_known")


def evaluate(
    model: str | os.PathLike[str] | Classifier,
    *,
    photos: str | os.PathLike[str] | None = None,
    out: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Measures a bundle on the test part of its run, or on `photos`, a folder of class folders.

    `model` is a run folder, a bundle or a loaded classifier; the last one needs `photos`, and so does a bundle outside
    a run. The result on the test part is written into the run: evaluation.json, predictions.csv, and the metrics into
    the bundle. The result on `photos` is written into the folder `out`, if given; photos that the run was trained on
    are left out. Raises PhotosError if there is no photo to measure on.
    """
    run = None if isinstance(model, Classifier) else find_run(Path(model))
    classifier = model if isinstance(model, Classifier) else load(model)
    if photos is not None:
        result = evaluate_folder(classifier, Path(photos), run=run, progress=progress)
        if out is not None:
            write_evaluation(Path(out), result)
        return result
    if run is None:
        raise RunError("A bundle outside a run has no test part. Name photos to evaluate on: --photos DIR.")
    return evaluate_run(run, classifier, progress=progress)


def evaluate_run(run: Run, classifier: Classifier, *, progress: Progress | None = None) -> Evaluation:
    """Measures on the run's test part, writes the result into the run and its bundle, and counts the opening."""
    split = run.split
    if split.classes != classifier.classes:
        raise RunError(
            f"{run.path}: split.csv and the bundle have different classes. One of them was replaced. Train again."
        )
    rows = split.part("test")
    if all(row.label == OTHER for row in rows):
        raise RunError(f"{run.path}: the test part of its split is empty. Name photos to evaluate on: --photos DIR.")
    changed = dict.fromkeys(row for row in rows if has_changed(split.root, row))
    photos = [PhotoFile(row.photo, row.label) for row in rows if row not in changed]
    skipped = [Skipped(row.photo, "it has changed since the split was made") for row in changed]
    result = _measure(classifier, split.root, photos, progress)
    result = replace(result, skipped=(*skipped, *result.skipped))
    if result.photos == 0:
        raise PhotosError(
            f"No test photo can be used below {split.root} (the first of {len(rows):,}: "
            f"{result.skipped[0].reason}). If they were moved, name their folder: --photos DIR. Photos that the model "
            "was trained on are left out."
        )
    write_evaluation(run.path, result, test_part_opened=_count_opening(run))
    bundle = run.bundle
    test = {name: getattr(result, name) for name in _IN_BUNDLE}
    bundle.update(metrics=bundle.info.get("metrics", {}) | {"test": test})
    return result


def evaluate_folder(
    classifier: Classifier, folder: Path, *, run: Run | None = None, progress: Progress | None = None
) -> Evaluation:
    """Measures on a folder of class folders, without the train and validation photos of a run."""
    listing = list_class_folders(folder, classes=classifier.classes)
    photos, skipped = _choose_known(listing, classifier.classes)
    if run is not None:
        photos, learnt = _leave_out_learnt(run, listing.root, photos)
        skipped += learnt
    result = _measure(classifier, listing.root, photos, progress)
    if result.photos == 0:
        raise PhotosError(
            f"No photo in {listing.root} can be read (the first of {len(photos):,}: {result.skipped[0].reason}). "
            f"`clothes check {quote(listing.root)}` lists the reasons."
        )
    return replace(result, skipped=(*listing.skipped, *skipped, *result.skipped), notes=listing.notes)


def _count_opening(run: Run) -> int:
    """Records in the run that its test part was opened once more. Returns the new count."""
    opened = min(int(run.info.get("test_part_opened", 0)) + 1, MOST_OPENINGS)
    try:
        run.note(test_part_opened=opened)
    except OSError as error:
        raise RunError(
            f"{run.path} cannot be written to ({error.strerror}), so it cannot record that its test part was opened. "
            "Make it writable, or copy it together with its photos."
        ) from None
    return opened


def _choose_known(listing: Listing, classes: Sequence[str]) -> tuple[list[PhotoFile], list[Skipped]]:
    """Returns the photos of the bundle's classes and of `_other`, and the skipped ones."""
    photos = [photo for photo in listing.photos if photo.label in (*classes, OTHER)]
    if all(photo.label == OTHER for photo in photos):
        raise PhotosError(
            f"No photo in {listing.root} is of a class that the bundle knows. Folders there: "
            f"{', '.join(listing.classes)}. The bundle's classes: {', '.join(classes)}."
        )
    unknown = [photo for photo in listing.photos if photo.label not in (*classes, OTHER)]
    return photos, [Skipped(photo.path, f"the bundle knows no class {photo.label!r}") for photo in unknown]


def _leave_out_learnt(run: Run, root: Path, photos: list[PhotoFile]) -> tuple[list[PhotoFile], list[Skipped]]:
    """Returns the photos outside the run's train and validation part, and the skipped ones. Compares by content."""
    part_of_hash = {row.sha256: row.part for row in run.split.rows}
    kept, learnt, is_opened = [], [], False
    for photo in photos:
        try:
            part = part_of_hash.get(sha256(read_file(root / photo.path)))
        except PhotoError:  # _measure reports it
            part = None
        is_opened |= part == "test"
        if part in ("train", "validation"):
            learnt.append(Skipped(photo.path, f"it is one of the model's {part} photos"))
        else:
            kept.append(photo)
    if not kept:
        raise PhotosError(f"The model was trained on every photo in {root}. Name other photos.")
    if is_opened:
        _count_opening(run)
    return kept, learnt


def _measure(classifier: Classifier, root: Path, photos: list[PhotoFile], progress: Progress | None) -> Evaluation:
    """Measures on these photos; unreadable ones are skipped."""
    predictions: list[tuple[str, Prediction]] = []
    skipped: list[Skipped] = []
    answers = classifier.predict_many(root / photo.path for photo in photos)
    for done, (photo, answer) in enumerate(zip(photos, answers, strict=True), 1):
        if isinstance(answer, PhotoError):
            skipped.append(Skipped(photo.path, answer.reason))
        else:
            predictions.append((photo.label, replace(answer, photo=photo.path)))
        if progress:
            progress(done, len(photos))
    return Evaluation.from_predictions(classifier.classes, predictions, skipped)
