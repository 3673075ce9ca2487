"""What the files of a project say, as plain values for a page: the numbers of the commands' --json, and sentences.

Opens no test part, trains nothing and writes nothing. Photos have their ids; the numbers of a command, its paths.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from clothes.errors import ClothesError, RunError
from clothes.evaluation.compare import compare
from clothes.evaluation.results import read_evaluation, read_predictions
from clothes.inference.bundle import MODEL
from clothes.inference.confidence import Prediction, percent
from clothes.inference.run import Run
from clothes.photos.checks import FEW, LONG, TINY, UNEQUAL
from clothes.photos.folders import OTHER, list_class_folders
from clothes.photos.split_file import ALIKE, Split
from clothes.studio.job_folder import JobFolder, Kind, check_asked
from clothes.studio.page_sentences import for_page, for_page_all
from clothes.studio.project import PHOTOS, Project
from clothes.system.plurals import counted

_PLURALS = {"photo": "photos", "pair": "pairs", "class": "classes"}
_FINDINGS = (  # entry of the check, noun, description, advice
    ("unreadable", "photo", "that cannot be read", "Left out. Replace it or set it aside."),
    ("across_parts", "pair", "of near-duplicates in two parts", "The test is too easy. Set one of a pair aside."),
    ("across_classes", "pair", "of near-duplicates in two classes", "One of the labels is probably wrong."),
    ("within_class", "pair", "of near-duplicates in a class", "They stay in one part. Keep both, or set one aside."),
    ("tiny", "photo", f"with a side under {TINY} pixels", "Too little detail."),
    ("long", "photo", f"over {LONG:g} times as long as wide", "Crop it to the garment."),
    ("located", "photo", "with the place where it was taken", "Remember that before you share it."),
    ("few", "class", f"with under {FEW} photos", "Collect more first."),
    ("untrained", "class", "without a photo to learn from", "Add photos."),
)


def check(project: Project) -> dict[str, Any] | None:
    """Returns the newest check: `report` as `clothes check --json`, and `findings` with their `photos`, `pairs` of
    photos, or `classes`. `split_notes` tell of the split, if groups of the user made the check split the photos.

    `is_current` is false if a photo was added, moved or changed since. None before the first check.
    """
    found = _newest(project, "check")
    if found is None:
        return None
    report, notes = found["report"], found.get("split_notes", [])
    findings: list[dict[str, Any]] = []
    for kind, noun, what, advice in _FINDINGS:
        if items := report[kind]:
            words = f"{counted(len(items), noun)} {what}."
            shown = items if noun == "class" else _ids(items)
            findings.append({"kind": kind, "words": words, "advice": advice, _PLURALS[noun]: shown})
    if report["imbalance"] > UNEQUAL:
        words = f"The largest class has {report['imbalance']:.0f} times the photos of the smallest."
        findings.append({"kind": "imbalance", "words": words, "advice": "Add photos of the small classes."})
    return {
        "is_current": found["photos"] == photos_fingerprint(project),
        "report": report,
        "findings": findings,
        "split_notes": for_page_all(notes),
    }


def added(project: Project) -> dict[str, Any]:
    """Returns what the newest job that added photos did: numbers, refused files with reasons, and notes."""
    nothing = {"added": 0, "already": 0, "refused": [], "notes": [], "stopped": True}
    jobs = ((job, job.info) for job in JobFolder.all(Path(project.private) / "jobs"))
    newest = next((job for job, info in jobs if info and info["kind"] == "add"), None)
    return (newest and newest.result) or nothing


def photos_fingerprint(project: Project) -> str:
    """Returns a checksum of the names, sizes and times of the photos: another one if any of them changed."""
    try:
        listing = list_class_folders(project.photos)
    except ClothesError:
        return ""
    lines = []
    for photo in listing.photos:
        status = (listing.root / photo.path).lstat()
        lines.append(f"{photo.path}|{status.st_size}|{status.st_mtime_ns}")
    return hashlib.sha256("\n".join(sorted(lines)).encode(errors="surrogatepass")).hexdigest()


def split(project: Project) -> dict[str, Any] | None:
    """Returns the split: `counts` (part -> class -> photos), `groups` that stay together, and `words`; None if none."""
    path = project.photos / "split.csv"
    if not path.exists():
        return None
    found = Split.read(path, project.photos)
    counts = found.counts()
    sizes = {part: sum(count.values()) for part, count in counts.items()}
    words = f"{sizes['train']:,} to learn, {sizes['test']:,} for the test, {sizes['validation']:,} to choose by"
    groups = {row.group for row in found.rows if row.group and not row.group.startswith(ALIKE)}
    return {"counts": counts, "groups": len(groups), "words": words}


def runs(project: Project) -> list[dict[str, Any]]:
    """Returns the runs, the newest first, each with its numbers on the validation and on the test part.

    A damaged run has a `problem` and no numbers.
    """
    found = []
    for folder in project.runs.iterdir() if project.runs.is_dir() else ():
        if (folder / "run.json").exists():
            try:
                found.append(_describe(Run.open(folder)))
            except (ClothesError, OSError) as error:
                found.append({"run": folder.name, "started": "", "has_model": False, "problem": for_page(str(error))})
    return sorted(found, key=lambda run: (run["started"], run["run"]), reverse=True)


def _describe(run: Run) -> dict[str, Any]:
    info, has_model = run.info, (run.path / "bundle" / "bundle.json").exists()
    bundle = run.bundle.info if has_model else {}
    metrics = bundle.get("metrics", {})
    return {
        "run": run.path.name,
        "started": info.get("started", ""),
        "finished": info["finished"],
        "architecture": run.config.model.architecture,
        "has_model": has_model,
        "classes": bundle.get("classes", []),
        "photos": bundle.get("photos", {}),
        "epochs": bundle.get("epochs"),
        "validation": metrics.get("validation") or metrics.get("cross-validation"),
        "test": metrics.get("test"),
        "opened": info.get("test_part_opened", 0),
        "has_report": (run.path / "report.html").exists(),
    }


def history(project: Project, run: str) -> list[dict[str, float]]:
    """Returns the rows of history.csv, one per epoch; none before the first one, and for a quick model."""
    opened = open_run(project, run)
    return opened.history if (opened.path / "history.csv").exists() else []


def test(project: Project, run: str) -> dict[str, Any] | None:
    """Returns the test result of a run, with the photos of each cell of the confusion matrix; None if not tested.

    `evaluation` holds the numbers of `clothes evaluate --json`. Wrong photos come by falling confidence.
    """
    opened = open_run(project, run)
    if not (opened.path / "evaluation.json").exists() or "test" not in opened.bundle.info.get("metrics", {}):
        return None  # or it is of an earlier bundle
    evaluation, predictions = read_evaluation(opened.path), read_predictions(opened.path)
    judged = [(truth, p) for truth, p in predictions if truth != OTHER]
    cells: dict[tuple[str, str], list[str]] = {}
    for truth, p in judged:
        cells.setdefault((truth, p.label), []).append(photo_id(str(p.photo)))
    wrong = sorted((item for item in judged if item[0] != item[1].label), key=lambda item: -item[1].confidence)
    times = opened.info.get("test_part_opened", 0)
    return {
        "run": run,
        "evaluation": evaluation,
        "words": _accuracy_words(evaluation),
        "opened": times,
        "opened_words": f"The test photos of this run were used {'once' if times == 1 else f'{times:,} times'}.",
        "cells": [{"truth": t, "answer": a, "photos": photos} for (t, a), photos in sorted(cells.items())],
        "wrong": [_wrong(truth, prediction) for truth, prediction in wrong],
    }


def _wrong(truth: str, prediction: Prediction) -> dict[str, Any]:
    return {
        "photo": photo_id(str(prediction.photo)),
        "truth": truth,
        "answer": prediction.label,
        "confidence": prediction.confidence,
        "known": prediction.known,
    }


def _accuracy_words(evaluation: Mapping[str, Any]) -> str:
    photos, (low, high) = evaluation["photos"], evaluation["interval"]
    right = round(evaluation["accuracy"] * photos)
    return f"{right:,} of {photos:,} right. On new photos like these, {100 * low:.0f} to {100 * high:.0f} % are likely."


def comparison(project: Project, run: str, other: str | None = None) -> dict[str, Any] | None:
    """Compares a run with another one, by default the one tested before it, on the test photos of both.

    Holds the numbers of `clothes compare OTHER RUN --json`, and `words`. None without another one. Raises RunError if
    one is not tested or they have no test photo in common.
    """
    if other is None:
        known = runs(project)  # the newest first
        later = next((place for place, found in enumerate(known) if found["run"] == run), len(known))
        other = next((found["run"] for found in known[later + 1 :] if found.get("test")), None)
        if other is None:
            return None
    result = compare(open_run(project, other).path, open_run(project, run).path)
    before, after = result.accuracy
    if result.only_first == result.only_second:
        verdict = "as good as before"
    elif result.is_significant:
        verdict = "chance alone seldom gives this difference"
    else:
        verdict = "this may be chance"
    words = f"{percent(after)} after {percent(before)}, on {counted(result.photos, 'test photo')} of both: {verdict}."
    differences = [{**asdict(found), "photo": photo_id(found.photo)} for found in result.differences]
    return {"run": run, "other": other, "words": words, "comparison": result.to_dict(), "differences": differences}


def recommendations(project: Project, run: str) -> dict[str, Any] | None:
    """Returns what the newest report of a run recommends: `advice` as `clothes report --json`, `lines` for people, and
    `label_errors`, photos whose label looks wrong. None without a report of the run's present bundle."""
    opened = open_run(project, run)
    found = _newest(project, "report", run=run)
    if found is None or found["model"] != opened.bundle.info["files"][MODEL]:
        return None
    return found | {"lines": for_page_all(found["lines"])}


def open_run(project: Project, run: str) -> Run:
    """Returns a run of the project. Raises RunError if there is none of this name."""
    check_asked({"run": run})
    return Run.open(project.runs / run)


def report_page(project: Project, run: str) -> Path:
    """Returns the report of a run. Raises RunError if there is none."""
    path = open_run(project, run).path / "report.html"
    if not path.is_file() or path.is_symlink():
        raise RunError(f"{run} has no report yet. Make it first.")
    return path


def photo_id(path: str) -> str:
    """Returns the id of a photo by its path below the folder of photos."""
    return f"{PHOTOS}/{path}"


def _newest(project: Project, kind: Kind, **asked: str) -> dict[str, Any] | None:
    """Returns the result of the newest job of a kind that has one and was asked so."""
    for job in JobFolder.all(Path(project.private) / "jobs"):
        info = job.info
        is_asked = info and info["kind"] == kind and asked.items() <= info["asked"].items()
        if is_asked and (result := job.result) is not None:
            return result
    return None


def _ids(items: list[Any]) -> list[Any]:
    """Returns the ids of photos or pairs of photos, as a check lists them."""
    if isinstance(items[0], str):
        return [photo_id(item) for item in items]
    return [
        [photo_id(item["photo"]), photo_id(item["other"])] if "other" in item else photo_id(item["path"])
        for item in items
    ]
