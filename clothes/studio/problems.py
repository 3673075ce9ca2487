"""Errors of jobs in the words of the page: what happened, what is safe, what to do next."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from clothes import errors
from clothes.studio.job_folder import Kind, Next, Problem
from clothes.studio.page_sentences import error_for_page
from clothes.system.files import DISK_ERRORS, megabytes
from clothes.training.checkpoints import FOLDER as CHECKPOINTS

NAMES: dict[Kind, str] = {
    "train": "training",
    "test": "test",
    "check": "check",
    "report": "report",
    "export": "export",
    "add": "adding",
}
_LITTLE_ROOM = 20_000_000  # bytes free on a disk that is as good as full
_NEXT: tuple[tuple[type[errors.ClothesError], Next], ...] = (
    (errors.PhotosError, "photos"),
    (errors.SplitError, "photos"),
    (errors.PhotoError, "photos"),
    (errors.MissingExtraError, "settings"),
    (errors.ConfigError, "settings"),
    (errors.TrainingError, "settings"),
)


def explain(error: Exception, kind: Kind, folder: Path, *, learnt: bool) -> Problem:
    """Returns the problem that ended a job in `folder`; `learnt` tells whether epochs of its training are kept."""
    again: Next = "go on" if learnt else "again"
    disk = next((found for found in _chain(error) if isinstance(found, OSError) and found.errno in DISK_ERRORS), None)
    if disk:
        what = f"The {NAMES[kind]} could not write its files: {disk.strerror}. {_room(folder)}"
        return {"what": what, "safe": _safe(learnt), "next": again}
    if isinstance(error, errors.ClothesError):
        chosen: Next = next((step for family, step in _NEXT if isinstance(error, family)), again)
        if learnt and chosen == "photos":  # they have changed since the training began
            chosen = "again"
        return {"what": error_for_page(error), "safe": _safe(learnt), "next": chosen}
    if isinstance(error, MemoryError):
        what = "The memory of this computer was not enough. Close other programs, or choose Quick."
        return {"what": what, "safe": _safe(learnt), "next": "settings"}
    what = f"The {NAMES[kind]} met an error of the program itself ({type(error).__name__}: {error})."
    return {"what": what, "safe": f"{_safe(learnt)} The log of the job tells more.", "next": again}


def explain_death(kind: Kind, folder: Path, *, learnt: bool) -> Problem:
    """Returns the problem of a job whose process ended without a word."""
    what = f"The {NAMES[kind]} ended without a word: the computer was switched off, or its process was ended."
    if _free(folder) < _LITTLE_ROOM:
        what += f" {_room(folder)}"
    return {"what": what, "safe": _safe(learnt), "next": "go on" if learnt else "again"}


def has_learnt(run: Path) -> bool:
    """Whether a run has a checkpoint to go on from."""
    return any((run / CHECKPOINTS).glob("epoch-*"))


def _room(folder: Path) -> str:
    return f"{megabytes(_free(folder))} are free on the disk of {folder}. Make room there, and see that you may write."


def _free(folder: Path) -> int:
    """Returns the bytes that are free on the disk of a folder, which may be gone."""
    there = next((path for path in (folder, *folder.parents) if path.exists()), Path())
    return shutil.disk_usage(there).free


def _safe(learnt: bool) -> str:
    photos = "Your photos and your earlier models are unchanged"
    return f"{photos}, and all that was learnt up to the last epoch is kept." if learnt else f"{photos}."


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error:
        yield error
        error = error.__cause__ or error.__context__
