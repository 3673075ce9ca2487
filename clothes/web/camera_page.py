"""The page of `clothes collect camera`: takes photos by webcam or phone, class by class, into class folders."""

import os
import secrets
import threading
import unicodedata
from base64 import b64decode
from collections import Counter
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import gradio as gr

from clothes.collection.photo_store import Store, examine
from clothes.collection.provenance import Origin
from clothes.errors import ClothesError, PhotoError, PhotosError
from clothes.photos.folders import list_class_folders
from clothes.web.base_page import Page, describe_problem, scripted_html
from clothes.web.server import require_password, serve
from clothes.web.upload_form import MAX_MEGABYTES

_BASE64_MEGABYTE = 1_400_000  # characters


class Camera(AbstractContextManager["Camera"]):
    """PHOTOS, open for photos from any number of browsers at once. Only one is stored at a time.

    Raises PhotosError and SplitError as `Store` does.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = Path(root)
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._store = Store(self.root)
        self._taken: dict[str, Path] = {}
        with suppress(PhotosError):  # an empty folder
            self._counts.update(photo.label for photo in list_class_folders(self.root).photos)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._store.__exit__(kind, error, trace)

    def counts(self) -> dict[str, int]:
        """The number of photos of each class, sorted by name."""
        with self._lock:
            return dict(sorted(self._counts.items()))

    def store(self, label: str, data: bytes) -> str:
        """Stores a photo unchanged. Returns the key for `undo`, or "" if the photo was there already.

        Raises PhotoError and PhotosError as `examine` and `Store.put` do.
        """
        photo = examine(data, name="the photo")
        with self._lock:
            if (path := self._store.put(photo, label, Origin("camera"))) is None:
                return ""
            self._counts[_label(path)] += 1
            key = secrets.token_urlsafe()
            self._taken[key] = path
            return key

    def spelling(self, label: str) -> str:
        """Returns the name of a class as its folder is spelt."""
        with self._lock:
            return self._store.spelling(label)

    def undo(self, key: str) -> str:
        """Removes the photo of this key and returns its class. Raises PhotoError for any other key."""
        with self._lock:
            if (path := self._taken.get(key)) is None:
                raise PhotoError("the photo", "gone", "it was removed already")
            self._store.undo(path)
            del self._taken[key]
            self._counts[_label(path)] -= 1
            self._counts += Counter()  # drops classes without photos
            return _label(path)


class Answers:
    """The functions that camera.js calls. Each returns the page's new state."""

    def __init__(self, camera: Camera) -> None:
        self.camera = camera

    def look(self, _: None) -> dict[str, Any]:
        return {"counts": self.camera.counts()}

    def keep(self, given: list[str]) -> dict[str, Any]:
        """Stores a photo. `given` is the class and the photo as a data URL, for which Gradio makes no file."""
        label, photo = given[0].strip(), b64decode(given[1].partition(",")[2])
        try:
            if len(photo) > MAX_MEGABYTES * 1_000_000:
                raise PhotoError("the photo", "too-large", f"it has more than {MAX_MEGABYTES} MB")
            key = self.camera.store(label, photo)
            label = self.camera.spelling(label)
        except ClothesError as error:
            return {"problem": describe_problem(error, "Not stored"), **self.look(None)}
        message = f"Stored as {label}." if key else f"This photo is there already, as {label}."
        return {"key": key, "message": message, **self.look(None)}

    def undo(self, key: str) -> dict[str, Any]:
        try:
            label = self.camera.undo(key)
        except ClothesError as error:
            return {"problem": describe_problem(error, "Not removed"), **self.look(None)}
        return {"message": f"Removed from {label}.", **self.look(None)}


def build_page(camera: Camera) -> gr.Blocks:
    answers = Answers(camera)
    with Page("camera", title="Take photos", max_function=MAX_MEGABYTES * _BASE64_MEGABYTE) as page:
        gr.HTML(
            "<h1>Take photos</h1><p>Name a class and take photos of it. Each one is stored at once.</p>", elem_id="head"
        )
        scripted_html("camera", answers.look, answers.keep, answers.undo, max_megabytes=MAX_MEGABYTES)
    return page


def launch(
    into: str | os.PathLike[str], *, host: str = "127.0.0.1", auth: tuple[str, str] | None = None, **options: Any
) -> None:
    """Serves the page until Ctrl-C. `options` are those of `serve`.

    Raises ClothesError if the page cannot be opened, or would be open to the network without a password.
    """
    require_password(host, auth, f"put photos into {into}")
    with Camera(into) as camera:
        serve(build_page(camera), host=host, auth=auth, **options)


def _label(path: Path) -> str:
    return unicodedata.normalize("NFC", path.parent.name)
