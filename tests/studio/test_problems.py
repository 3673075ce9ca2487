"""Each class of error says what happened, what is safe, and what is next."""

import errno
from pathlib import Path

import pytest

from clothes import errors
from clothes.studio.problems import explain


def disk_full() -> Exception:
    try:
        try:
            raise OSError(errno.ENOSPC, "No space left on device")
        except OSError:
            raise errors.RunError("runs/a cannot be written to. Go on with: clothes train ... --resume") from None
    except errors.RunError as error:
        return error


@pytest.mark.parametrize(
    ("error", "what", "step"),
    [
        (errors.SplitError("A recogniser needs two classes; it has 1. Add one."), "needs two classes", "again"),
        (errors.PhotosError("There is no folder photos."), "no folder", "again"),
        (errors.DivergenceError("The loss is no number any more."), "no number any more", "settings"),
        (errors.OutOfMemoryError("Out of memory."), "Out of memory", "settings"),
        (errors.MissingExtraError("train", "Training"), "needs the extra 'train'", "settings"),
        (MemoryError(), "memory of this computer", "settings"),
        (disk_full(), "MB are free on the disk of", "go on"),
        (OSError(errno.EACCES, "Permission denied"), "Permission denied", "go on"),
        (errors.RunError("runs/a cannot be read: it is damaged."), "damaged", "go on"),
        (ZeroDivisionError("division by zero"), "error of the program itself (ZeroDivisionError", "go on"),
    ],
)
def test_errors_are_explained(error: Exception, what: str, step: str, tmp_path: Path) -> None:
    found = explain(error, "train", tmp_path, learnt=True)
    assert what in found["what"]
    assert "--resume" not in found["what"]
    assert explain(error, "train", tmp_path / "gone" / "too", learnt=True)["next"] == step
    assert found["safe"].startswith("Your photos and your earlier models are unchanged, and all that was learnt")
    assert found["next"] == step
    without = explain(error, "train", tmp_path, learnt=False)
    changed = isinstance(error, errors.SplitError | errors.PhotosError)
    assert without["next"] == ("photos" if changed else "again" if step == "go on" else step)
    assert without["safe"].startswith("Your photos and your earlier models are unchanged.")
