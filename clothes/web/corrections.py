"""Corrections: visitors say what a photo shows where the answer was wrong; an inbox keeps that until a person decides.

INBOX/<when>-<random>/ holds one correction: the photo unchanged, and correction.json with its checksum, the answer and
the correction. Each folder is put in place in one step, so that writers at the same time share no file. A decision
moves it to INBOX/accepted or INBOX/refused. Nothing is deleted.
"""

import os
import re
import secrets
import shutil
import threading
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TypedDict

from clothes.collection.photo_store import Store, examine
from clothes.collection.provenance import Origin
from clothes.errors import PhotoError, PhotosError
from clothes.inference.confidence import Prediction
from clothes.photos.class_names import class_name
from clothes.photos.folders import Skipped
from clothes.photos.split_constraints import CORRECTION
from clothes.system.checksums import read_verified, verify_checksum, write_verified_folder
from clothes.system.files import remove_unfinished, sync
from clothes.system.locks import folder_lock
from clothes.system.validation import read_json

ACCEPTED, REFUSED = "accepted", "refused"
_INFO = "correction.json"
_NAME = re.compile(r"\d{8}-\d{6}-[0-9a-f]{16}")
_MAX_WAITING = 2_000
_MIN_FREE_BYTES = 1_000_000_000  # of the disk


class Answer(TypedDict):
    """The answer that was wrong."""

    label: str
    confidence: float


class CorrectionInfo(TypedDict):
    """The content of correction.json."""

    when: str
    label: str
    answer: Answer
    files: dict[str, str]


@dataclass(frozen=True)
class Correction:
    """A photo with the label that a visitor gave it, and the answer it had. `name` is its folder in the inbox."""

    name: str
    when: str
    photo: bytes
    label: str
    answer: str
    confidence: float


class Inbox(ExitStack):
    """A folder, open for new corrections from any number of threads. One process at a time can open it.

    Raises PhotosError if the folder cannot be used, or another process has opened it.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        super().__init__()
        self.root = Path(root)
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            if not self.enter_context(folder_lock(self.root)):
                self.close()
                raise PhotosError(f"Another page collects corrections into {self.root} now. Name another folder.")
            remove_unfinished(self.root)  # what killed writers left
        except OSError as error:
            raise PhotosError(
                f"Corrections cannot be kept in {self.root}: {error.strerror}. Name another folder."
            ) from None

    def keep(self, photo: bytes, answer: Prediction, label: str) -> str:
        """Writes a correction to the disk and returns its name.

        Raises PhotoError if the bytes are no photo, PhotosError if no class can have this label, or if the inbox or the
        disk is full.
        """
        if sum(1 for path in self.root.iterdir() if _NAME.fullmatch(path.name)) >= _MAX_WAITING:
            raise PhotosError(f"{_MAX_WAITING:,} corrections wait for a decision already. Please try again later.")
        if shutil.disk_usage(self.root).free < _MIN_FREE_BYTES:
            raise PhotosError("The server has no room for corrections at present. Please try again later.")
        label = class_name(label)
        ending = examine(photo, name="the photo").inspection.ending
        when = datetime.now(UTC)
        name = f"{when:%Y%m%d-%H%M%S}-{secrets.token_hex(8)}"
        info = {
            "when": when.isoformat(timespec="seconds"),
            "label": label,
            "answer": {"label": answer.label, "confidence": answer.confidence, "known": answer.known},
        }
        try:
            write_verified_folder(self.root / name, _INFO, info, {f"photo{ending}": photo})
        except OSError as error:
            raise PhotosError(f"The correction cannot be kept: {error.strerror}. Please try again later.") from None
        return name


class Review(AbstractContextManager["Review"]):
    """An inbox, open for decisions from any number of threads, one decision at a time.

    Accepted photos go into PHOTOS, for the train part only. Raises PhotosError and SplitError as `Store` does.
    """

    def __init__(self, inbox: str | os.PathLike[str], photos: str | os.PathLike[str]) -> None:
        self.inbox, self.photos = Path(inbox), Path(photos)
        if not self.inbox.is_dir():
            raise PhotosError(f"There is no inbox {self.inbox}. `clothes serve --collect-corrections DIR` makes one.")
        self._lock = threading.Lock()
        self._store = Store(self.photos)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._store.__exit__(kind, error, trace)

    def accept(self, name: str) -> bool:
        """Puts a correction's photo into PHOTOS. Returns False if the photo was there already.

        Raises PhotoError if the correction is gone or damaged, if the photo is there in another class, or if it is a
        near-duplicate of a test photo. The correction then stays in the inbox.
        """
        with self._lock:
            correction = read_correction(self._find(name))
            photo = examine(correction.photo, name="the photo")
            new = self._store.put(photo, correction.label, Origin(CORRECTION)) is not None
            self._move(name, ACCEPTED)
            return new

    def refuse(self, name: str) -> None:
        """Sets a correction aside. Raises PhotoError if it is gone."""
        with self._lock:
            self._find(name)
            self._move(name, REFUSED)

    def _find(self, name: str) -> Path:
        path = self.inbox / name
        if path.name != name or not _is_correction(path):
            raise _gone()
        return path

    def _move(self, name: str, to: str) -> None:
        try:
            (self.inbox / to).mkdir(exist_ok=True)
            (self.inbox / name).rename(self.inbox / to / name)
            sync(self.inbox / to)
            sync(self.inbox)
        except FileNotFoundError:
            raise _gone() from None
        except OSError as error:
            raise PhotosError(f"{self.inbox} cannot be changed: {error.strerror}. Mend that, and try again.") from None


def list_corrections(inbox: str | os.PathLike[str]) -> tuple[list[str], list[Skipped]]:
    """The names of the undecided corrections, the oldest first, and the other entries of the inbox as skipped."""
    found = sorted(path for path in Path(inbox).iterdir() if not path.name.startswith("."))
    names = [path.name for path in found if _is_correction(path)]
    others = {path.name for path in found} - {*names, ACCEPTED, REFUSED}
    skipped = [Skipped(name, "not a correction") for name in sorted(others)]
    return names, skipped


def read_correction(path: Path) -> Correction:
    """Reads the correction in a folder. Raises PhotoError if it is gone or damaged."""
    try:
        info = read_json(path / _INFO, CorrectionInfo)
        verify_checksum(info)
        ((photo, sha256),) = info["files"].items()
        answer = info["answer"]
        if not 0 <= answer["confidence"] <= 1:
            raise ValueError("the confidence is not between 0 and 1")
        return Correction(
            path.name,
            info["when"],
            read_verified(path / Path(photo).name, sha256),
            info["label"],
            answer["label"],
            float(answer["confidence"]),
        )
    except FileNotFoundError:
        raise _gone() from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PhotoError(path.name, "damaged", f"it was changed or damaged: {error}") from None


def _is_correction(path: Path) -> bool:
    with suppress(OSError):  # a folder that may not be read
        return bool(_NAME.fullmatch(path.name)) and not path.is_symlink() and (path / _INFO).is_file()
    return False


def _gone() -> PhotoError:
    return PhotoError("the correction", "gone", "it was decided on already")
