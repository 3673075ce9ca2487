"""What each kind of job does: the steps of the command line, in its order. Each returns the result as plain values."""

import shutil
import statistics
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np

from clothes.config import QUICK
from clothes.errors import MissingExtraError, PhotoError, RunError, SplitError
from clothes.inference.bundle import MODEL
from clothes.inference.classifier import Classifier, load
from clothes.inference.run import Run
from clothes.report.run_plots import draw_run
from clothes.studio.filling import filling
from clothes.studio.grouping import update_split
from clothes.studio.intake import Intake
from clothes.studio.job_folder import Asked, How, Kind, tuning_folder
from clothes.studio.people import has_people
from clothes.studio.project import Project
from clothes.studio.reporter import FollowedSearch, FollowedTraining, Reporter
from clothes.studio.web_intake import add_addresses, add_found
from clothes.system.checksums import verify_checksum
from clothes.system.validation import read_json
from clothes.training.callbacks import StopTrainingError
from clothes.training.checkpoints import has_newer_epoch
from clothes.training.split_and_config import Changes

if TYPE_CHECKING:
    from clothes.evaluation.embeddings import Embeddings


class _MadeFrom(TypedDict):
    created: str


class _ExportInfo(TypedDict):
    """What is read of export.json."""

    made_from: _MadeFrom


_MOST_WRONG, _NEAREST = 200, 3  # photos
_TIMED = 5  # photos in the network, to estimate the time of all
_TRIES = 2  # more, to read photos that are moved meanwhile
_ARCHITECTURES: dict[How, str] = {
    "quick": QUICK,
    "good": "efficientnet-lite0",
    "minutes": "efficientnet-lite0",
    "own": "sequential",
    "tune": "sequential",
}


def train(project: Project, asked: Asked, reporter: Reporter) -> dict[str, Any]:
    """Trains a run, or goes on with it. Returns its numbers on the validation part."""
    from clothes.training.train import train as train_run

    folder = project.runs / asked["run"]
    if _architecture(folder, asked) == QUICK:
        reporter.follow_quick(_seconds_of_a_photo())
    if (folder / "run.json").exists():
        run = Run.open(folder)
        reporter.keeps = has_newer_epoch(run)
        run = train_run(run.photos, out=folder, resume=True, callback=FollowedTraining(reporter))
    else:
        run = _with_new_split(project, reporter, lambda: _train_anew(project, asked, reporter))
    _draw(run)
    info = run.bundle.info
    return {"run": folder.name, "metrics": info["metrics"], "epochs": info.get("epochs")}


def _architecture(folder: Path, asked: Asked) -> str:
    if (folder / "run.json").exists():
        return Run.open(folder).config.model.architecture
    return str(_changes(asked.get("how", "quick"), asked.get("changes", {}))["model"]["architecture"])


def _seconds_of_a_photo() -> float:
    """Returns the time that a photo takes in the bundled network, on one core."""
    network = load()
    picture, times = np.zeros((network.image_size, network.image_size, 3), np.uint8), []
    for _ in range(_TIMED):
        began = time.perf_counter()
        network.model.run(picture)
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def _train_anew(project: Project, asked: Asked, reporter: Reporter) -> Run:
    from clothes.training.train import train as train_run

    how = asked.get("how", "quick")
    changes: Changes = _changes(how, asked.get("changes", {}))
    if how == "tune":
        changes = _tune(project, asked, changes, reporter)
    return train_run(
        project.photos,
        out=project.runs / asked["run"],
        changes=changes,
        minutes=asked.get("minutes") if how == "minutes" else None,
        callback=FollowedTraining(reporter),
    )


def _with_new_split(project: Project, reporter: Reporter, action: Callable[[], Run]) -> Run:
    """Trains on the split of all photos. Begins again if photos were moved before all of them were read."""
    found = update_split(project, progress=partial(reporter.step, "look"))
    for _ in range(_TRIES):
        try:
            return action()
        except SplitError:
            before, found = found, update_split(project, progress=partial(reporter.step, "look"))
            if found.fingerprint == before.fingerprint:
                raise
    return action()


def _changes(how: How, more: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Returns the settings of a way to train, with those that are chosen beside it."""
    named = {part: dict(settings) for part, settings in more.items()}
    return named | {"model": {"architecture": _ARCHITECTURES[how]} | named.get("model", {})}


def _tune(project: Project, asked: Asked, changes: Changes, reporter: Reporter) -> Changes:
    """Searches for settings, or goes on with that, for some minutes. Returns the best ones."""
    from clothes.training.search.tuning import tune

    callback = FollowedSearch(reporter)
    found = tune(
        project.photos,
        out=tuning_folder(project, asked["run"]),
        minutes=asked["minutes"],
        changes=changes,
        callback=callback,
    )
    return found.config.to_dict()


def _draw(run: Run) -> None:
    with suppress(MissingExtraError, ModuleNotFoundError):
        draw_run(run.path, "png")


def test(project: Project, asked: Asked, reporter: Reporter) -> dict[str, Any]:
    """Measures a run on its test part, which it opens once more."""
    from clothes.evaluation.evaluate import evaluate

    run = Run.open(project.runs / asked["run"])
    result = evaluate(run.path, progress=partial(reporter.step, "test"))
    _draw(run)
    return {"run": asked["run"], "evaluation": result.to_dict()}


def check(project: Project, asked: Asked, reporter: Reporter) -> dict[str, Any]:
    """Looks for problems in the photos."""
    from clothes.photos.checks import check as check_photos
    from clothes.studio.results import photos_fingerprint

    before = photos_fingerprint(project)
    report = check_photos(project.photos, progress=partial(reporter.step, "check")).to_dict()
    notes: tuple[str, ...] = ()
    if has_people(project):  # it is told how they are shared out before a training
        notes = update_split(project, progress=partial(reporter.step, "look")).notes
    return {"photos": before, "report": report, "split_notes": list(notes)}


def report(project: Project, asked: Asked, reporter: Reporter) -> dict[str, Any]:
    """Writes the report of a tested run, and lists what to photograph, labels to look at, photos near wrong ones."""
    from clothes.evaluation.embeddings import read_embeddings
    from clothes.evaluation.label_errors import find_label_errors
    from clothes.report.report_page import write_report
    from clothes.studio.results import photo_id

    run = Run.open(project.runs / asked["run"])
    page = export_folder(project, asked["run"], "web")
    web_page = page.relative_to(project.root).as_posix() if is_export_of(page, run) else ""
    written = write_report(run, web_page=web_page, progress=reporter.step)
    classifier, labels, nearest = load(run.path), [], {}
    with suppress(RunError):  # no photo is there any more
        embeddings = read_embeddings(run, classifier)  # kept by the report
        found = find_label_errors(embeddings.reduced(), classifier.classes)
        labels = [{**asdict(error), "photo": photo_id(error.photo)} for error in found]
        nearest = _nearest_to_wrong(run, classifier, embeddings)
    advice = written.advice
    return {
        "run": asked["run"],
        "model": classifier.info["files"][MODEL],
        "advice": advice and advice.to_dict(),
        "lines": advice.lines() if advice else [],
        "label_errors": labels,
        "nearest": nearest,
    }


def _nearest_to_wrong(run: Run, classifier: Classifier, embeddings: "Embeddings") -> dict[str, list[str]]:
    """Returns the train photos that are nearest to each wrong test photo."""
    from clothes.evaluation.results import read_predictions
    from clothes.report.sections import find_mistakes
    from clothes.studio.results import photo_id

    wrong = [str(prediction.photo) for _, prediction in find_mistakes(read_predictions(run.path))[:_MOST_WRONG]]
    features = classifier.features_many(run.photos / photo for photo in wrong)
    return {
        photo_id(photo): [photo_id(embeddings.rows[i].photo) for i in embeddings.nearest(values[None], _NEAREST)[0]]
        for photo, values in zip(wrong, features, strict=True)
        if not isinstance(values, PhotoError)
    }


def export(project: Project, asked: Asked, reporter: Reporter) -> dict[str, Any]:
    """Writes a run's bundle in another format into exports/, in place of one of an earlier bundle."""
    from clothes.exporting.export import export as export_bundle

    run, kind = Run.open(project.runs / asked["run"]), asked["format"]
    out = export_folder(project, asked["run"], kind)
    if out.exists() and not is_export_of(out, run):
        shutil.rmtree(out)
    if not out.exists():
        export_bundle(run.path, to=kind, out=out, progress=partial(reporter.step, "export"))
    return {"run": asked["run"], "format": kind}


def export_folder(project: Project, run: str, kind: str) -> Path:
    return Path(project.root) / "exports" / f"{run}-{kind}"


def is_export_of(folder: Path, run: Run) -> bool:
    """Whether a folder holds an export of the bundle that a run has now."""
    try:
        info = read_json(folder / "export.json", _ExportInfo)
        verify_checksum(info)
    except (OSError, ValueError):
        return False
    return bool(info["made_from"]["created"] == run.bundle.info.get("created"))


def add(project: Project, asked: Asked, reporter: Reporter) -> dict[str, Any]:
    """Adds the photos of a folder of this computer, or of the web. A stop keeps those before it."""
    label, stop = asked.get("label") or None, reporter.stop.is_set

    def tell(done: int, total: int) -> None:
        with suppress(StopTrainingError):  # `stop` ends it
            reporter.step("add", done, total)

    with filling(project), Intake(project) as intake:
        if "folder" in asked:
            found = intake.add_folder(asked["folder"], label, progress=tell, stop=stop)
        elif "words" in asked:
            found = add_found(intake, asked["words"], label, count=asked.get("count", 100), progress=tell, stop=stop)
        else:
            found = add_addresses(intake, asked["addresses"].splitlines(), label, progress=tell, stop=stop)
    return found.to_dict() | {"stopped": stop()}


TASKS: dict[Kind, Callable[[Project, Asked, Reporter], dict[str, Any]]] = {
    "train": train,
    "test": test,
    "check": check,
    "report": report,
    "export": export,
    "add": add,
}
