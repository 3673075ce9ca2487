"""What the studio's routes answer, as plain values: the project's state, its edits, jobs and results."""

import io
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import clothes
from clothes.errors import ClothesError, ConfigError, PhotosError
from clothes.evaluation.activations import look
from clothes.inference.classifier import Classifier
from clothes.report.activations_page import show_look
from clothes.studio import downloads, jobs, photo_list, results
from clothes.studio.edits import Edits
from clothes.studio.filling import is_filling
from clothes.studio.intake import Intake, suggest
from clothes.studio.job_folder import check_asked
from clothes.studio.page_sentences import for_page, for_page_all
from clothes.studio.people import has_people
from clothes.studio.project import Project
from clothes.studio.shelves import Refused
from clothes.studio.tables import PEOPLE, table_path
from clothes.system.plurals import counted
from clothes.web.memory import Memory, last_changes
from clothes.web.studio_next import done_steps, next_step

_HEATMAP = 640  # pixels
_MOST_PHOTOS = 1_000  # names of one question
_OPEN_BATCHES = 8  # of uploads
_CHECK_AFTER = 3  # seconds without a change of the photos

_TOLD = ("id", "kind", "state", "done", "total", "seconds", "seconds_left", "problem")  # of a job that adds photos

Given = dict[str, Any]  # the query or the JSON of a question


class Studio:
    """A project as its page shows it. Threads may use it at the same time; the project lets one writer in."""

    def __init__(self, folder: str | os.PathLike[str], *, checks: bool = True) -> None:
        self.project = Project.open(folder)
        self.edits = Edits(self.project)
        self._checks = checks  # by itself, when the photos have changed
        self._seen: tuple[str, float] = ("", 0.0)  # the version of the photos, and since when
        self._checked = ""  # the version for which a check was begun
        self._batches: dict[str, Intake] = {}
        self._batches_lock = threading.Lock()
        self._memory = Memory()

    def other(self, folder: Path) -> "Studio":
        """Opens another project in the same way."""
        return Studio(folder, checks=self._checks)

    # GET

    def state(self, _: Given) -> dict[str, Any]:
        """What the page shows on all stations. Cheap: the page asks once a second while a job runs."""
        self.project.require_photos()
        project, version = self.project, self._version()
        counts = self._counts()
        changed = last_changes(project.runs, project.runs.glob("*"), project.runs.glob("*/bundle"))
        runs = self._memory.get("runs", changed, partial(results.runs, project))
        undo, redo = self._memory.get(
            "history", last_changes(project.private / "journal.jsonl"), self.edits.history.next
        )
        job, check, adding = (jobs.current(project, kind) for kind in (None, "check", "add"))
        told = job.to_dict() if job else None
        step, run = next_step(counts, told, runs)
        self._check_if_changed(version)
        return {
            "name": project.root.name,
            "folder": str(project.root),
            "version": version,
            **counts,
            "undo": undo,
            "redo": redo,
            "job": told,
            "check": check and [check.id, check.state, check.done],
            "filling": is_filling(project),
            "adding": adding and {name: getattr(adding, name) for name in _TOLD},
            "runs": runs,
            "next": step,
            "next_run": run,
            "done": done_steps(counts, runs, check is not None and check.state == "done"),
        }

    def _counts(self) -> dict[str, Any]:
        counts = photo_list.count_photos(self.project)
        return {
            "classes": [
                {"name": found.label, "photos": found.photos, "garments": found.garments} for found in counts.classes
            ],
            "photos": sum(found.photos for found in counts.classes),
            "unsorted": counts.unsorted,
        }

    def photos(self, given: Given) -> dict[str, Any]:
        start, count = int(given.get("start", 0)), int(given.get("count", _MOST_PHOTOS))
        page = photo_list.list_photos(
            self.project, label=given.get("label") or None, start=max(0, start), count=max(0, min(count, _MOST_PHOTOS))
        )
        items = [{"id": item.id, "name": item.name, "label": item.label} for item in page.items]
        return {"total": page.total, "items": items}

    def suggestions(self, _: Given) -> dict[str, list[str]]:
        return suggest(self.project, self._classifier(""))

    def check(self, _: Given) -> dict[str, Any]:
        job = jobs.current(self.project, "check")
        return {
            "job": job and job.to_dict(),
            "check": results.check(self.project),
            "split": results.split(self.project),
            "has_table": has_people(self.project),
        }

    def added(self, _: Given) -> dict[str, Any]:
        """What became of the files of the last job that added photos."""
        return results.added(self.project)

    def result(self, given: Given) -> dict[str, Any]:
        """The curves of a run, and what there is once it has a model."""
        project, run = self.project, check_asked({"run": str(given["file"])})["run"]
        if not (project.runs / run / "run.json").exists():  # a job has just begun it
            return {"history": []}
        found: dict[str, Any] = {"history": results.history(project, run)}
        if not (project.runs / run / "bundle" / "bundle.json").is_file():
            return found
        found["test"] = results.test(project, run)
        found["downloads"] = downloads.downloads(project, run)
        found["recommendations"] = results.recommendations(project, run)
        found["comparison"] = None
        with suppress(ClothesError):  # no test photo in common with the run before
            found["comparison"] = results.comparison(project, run) if found["test"] else None
        return found

    # POST

    def edit(self, given: Given) -> dict[str, Any]:
        """Does one edit. Says what was done."""
        self.project.require_photos()
        edits = self.edits
        actions: dict[str, Callable[[], Any]] = {
            "move": lambda: edits.move(_texts(given["ids"]), str(given["label"]) or None),
            "remove": lambda: edits.remove(_texts(given["ids"])),
            "rename_class": lambda: edits.rename_class(str(given["old"]), str(given["new"])),
            "merge_classes": lambda: edits.merge_classes(str(given["label"]), str(given["into"])),
            "remove_class": lambda: edits.remove_class(str(given["label"])),
            "add_class": lambda: edits.add_class(str(given["label"])),
            "undo": edits.undo,
            "redo": edits.redo,
            "sort": lambda: edits.sort(_by_class(given["photos"])),
            "starter": self._add_starter,
            "forget_groups": edits.forget_groups,
        }
        if given.get("do") not in actions:
            raise ConfigError("The studio knows no such edit. Reload the page.")
        return {"message": str(actions[given["do"]]() or "")}

    def _add_starter(self) -> str:
        with as_file(files("clothes.collection") / "starter" / "starter.zip") as path, Intake(self.project) as intake:
            added = intake.add_zip(path).added
        return f"{counted(len(added), 'starter picture')} added."

    def job(self, given: Given) -> dict[str, Any]:
        """Starts, stops or goes on with a job. Returns how it stands."""
        self.project.require_photos()
        match given:
            case {"do": "start", "kind": "train" | "test" | "check" | "report" | "export" as kind, **asked}:
                status: jobs.Status | None = jobs.start(self.project, kind, **asked)
            case {"do": "start", "kind": "add", "addresses": str(addresses), "label": str(label)}:
                status = jobs.start(self.project, "add", addresses=addresses, label=label)
            case {"do": "start", "kind": "add", "words": str(words), "label": str(label), "count": int(count)}:
                status = jobs.start(self.project, "add", words=words, label=label, count=count)
            case {"do": "stop", "batch": batch}:  # of uploads
                self._intake(str(batch)).cancel()
                status = None
            case {"do": "stop", **asked}:
                status = jobs.stop(self.project, "add" if asked.get("kind") == "add" else None)
            case {"do": "go_on", "run": run}:
                status = jobs.go_on(self.project, str(run))
            case _:
                raise ConfigError("The studio knows no such job. Reload the page.")
        return {"job": status and status.to_dict()}

    def upload(self, path: Path, given: Given) -> dict[str, Any]:
        """Adds an uploaded file to a batch, which is one step for undo. Says what became of it."""
        self.project.require_photos()
        name, label, burst = str(given["name"]), str(given.get("label", "")) or None, str(given.get("burst", ""))
        if name.lower().endswith(".csv"):
            return self._take_people(path, name)
        intake = self._intake(str(given["batch"]))
        if name.lower().endswith(".zip"):
            try:
                return intake.add_zip(path, label, name=name).to_dict()
            except PhotosError as error:
                raise PhotosError(str(error).replace(str(path), name)) from None
        outcome = (
            intake.add_burst([path.read_bytes()], label, burst=burst)[0]
            if burst
            else intake.add_file(name, path, label)
        )
        if isinstance(outcome, Refused):
            return {"added": 0, "already": 0, "refused": [[outcome.name, for_page(outcome.reason)]], "notes": []}
        return {"added": int(outcome.new), "already": int(not outcome.new), "refused": [], "notes": []}

    def _take_people(self, path: Path, name: str) -> dict[str, Any]:
        notes = for_page_all(self.edits.take_groups(path, name))
        with suppress(ClothesError, OSError):  # one runs: the next tells of the split
            jobs.start(self.project, "check")
        return {"added": 0, "already": 0, "refused": [], "notes": [], "told": notes}

    def _intake(self, batch: str) -> Intake:
        """The open batch of this name. The oldest ones are closed."""
        with self._batches_lock:
            if batch not in self._batches:
                self._batches[batch] = Intake(self.project)
                while len(self._batches) > _OPEN_BATCHES:
                    self._batches.pop(next(iter(self._batches))).__exit__()
            return self._batches[batch]

    def predict(self, path: Path, given: Given) -> dict[str, Any]:
        """What a photo shows, by a run or by the bundled model."""
        prediction = self._classifier(str(given.get("run", ""))).predict(path)
        return {name: getattr(prediction, name) for name in ("label", "confidence", "known", "scores")}

    def layers(self, path: Path, given: Given) -> dict[str, Any]:
        """What the layers of a run's network see in a photo, with pictures as data URIs."""
        found = show_look(look(path, model=self._classifier(str(given.get("run", ""))).path))
        stages = [
            {"maps": shown["stage"].maps.shape, "text": shown["stage"].text, "picture": shown["picture"]}
            for shown in found["stages"]
        ]
        return {"picture": found["picture"], "stages": stages}

    # Files

    def thumbnail(self, given: Given) -> bytes:
        return photo_list.thumbnail(self.project, str(given["path"]), size=800 if given.get("size") == "800" else 160)

    def heatmap(self, given: Given) -> bytes:
        path = self.project.photo_path(str(given["path"]))
        file = io.BytesIO()
        self._classifier(str(given["run"])).explain(path).overlay(_HEATMAP).save(file, "JPEG")
        return file.getvalue()

    def report(self, given: Given) -> Path:
        return results.report_page(self.project, str(given["file"]))

    def download(self, given: Given) -> Path:
        run, _, kind = str(given["path"]).partition("/")
        return downloads.make_zip(self.project, run, kind)

    # What it keeps in mind

    def _classifier(self, run: str) -> Classifier:
        """The classifier of a run, or the bundled one. One is kept: the last."""
        path = results.open_run(self.project, run).path / "bundle" if run else None
        made = path and (path / "bundle.json").stat().st_mtime_ns
        return self._memory.get("classifier", (path, made), lambda: clothes.load(path))

    def _version(self) -> str:
        """Another text whenever a photo was added, moved or removed, or another table of groups is there."""
        project = self.project
        table = table_path(project, PEOPLE)
        return last_changes(project.unsorted, table, (Path(folder) for folder, _, _ in os.walk(project.photos)))

    def _check_if_changed(self, version: str) -> None:
        """Checks the photos beside the page, once they have not changed for a moment."""
        if version != self._seen[0]:
            self._seen = version, time.monotonic()
        is_due = self._checks and version != self._checked and time.monotonic() > self._seen[1] + _CHECK_AFTER
        if is_due:
            self._checked = version
            threading.Thread(target=self._begin_check, daemon=True).start()

    def _begin_check(self) -> None:
        found = results.check(self.project)
        if results.photos_fingerprint(self.project) and not (found and found["is_current"]):
            with suppress(ClothesError, OSError):  # one runs already; the button begins another
                jobs.start(self.project, "check")


def _by_class(values: Any) -> list[tuple[str | None, list[str]]]:
    return [(str(label), _texts(ids)) for label, ids in values.items()]


def _texts(values: Any) -> list[str]:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise TypeError
    return values
