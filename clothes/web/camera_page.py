"""The page of `clothes collect camera`: photos from a webcam or a phone, class by class, into class folders."""

import os
import secrets
import threading
import unicodedata
from base64 import b64decode
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from functools import partial
from importlib.resources import files
from pathlib import Path
from types import TracebackType
from typing import Any

from clothes.web.server import (
    KEEP_SECONDS,
    MOST_MEGABYTES,
    launch_settings,
    prepare,
    refuse_strangers,
    serve,
)

# isort: split
import gradio as gr

from clothes.collection.photo_store import Store, examine
from clothes.collection.provenance import Origin
from clothes.errors import ClothesError, PhotoError, PhotosError
from clothes.photos.folders import list_class_folders

_HTML = """<div class="camera">
<label class="name">Class
  <input type="text" autocomplete="off" autocapitalize="none" spellcheck="false" placeholder="jacket">
</label>
<div class="classes" role="group" aria-label="Classes and their photos"></div>
<div class="view" hidden><video playsinline muted autoplay></video></div>
<p class="why" hidden></p>
<div class="buttons">
  <button type="button" class="take" hidden>Take a photo</button>
  <label class="files"><span></span><input type="file" accept="image/*" capture="environment" multiple></label>
  <button type="button" class="undo" disabled>Undo</button>
</div>
<p class="said" role="status"></p>
<div class="taken" aria-label="Photos taken, the last one first"></div>
</div>"""
_CSS = """
.gradio-container { width: 100%; }
.camera { display: grid; gap: .9rem; }
.camera button, .camera label { font-size: 1rem; color: var(--body-text-color); }
.camera [hidden] { display: none !important; }
.camera p { margin: 0; }
.camera .name { font-weight: 600; display: grid; gap: .3rem; }
.camera input[type=text] { font-size: 1.1rem; font-weight: 400; width: 100%; padding: .55rem .75rem; color: inherit;
  background: var(--input-background-fill); border: 1px solid var(--border-color-primary);
  border-radius: var(--radius-lg); }
.camera .classes { display: flex; flex-wrap: wrap; gap: .4rem; }
.camera .classes:empty, .camera .taken:empty { display: none; }
.camera .classes button { padding: .35rem .8rem; border-radius: 1.2rem; border: 1px solid var(--border-color-primary);
  background: var(--background-fill-secondary); overflow-wrap: anywhere; text-align: start; }
.camera .classes button[aria-pressed=true] { background: var(--primary-600); border-color: transparent; color: white; }
.camera .classes b { margin-inline-start: .2rem; font-variant-numeric: tabular-nums; }
.camera .view { background: black; border-radius: var(--radius-lg); overflow: hidden; display: grid; }
.camera video { width: 100%; max-height: 60vh; object-fit: contain; }
.camera .view.flash { animation: flash .25s; }
@keyframes flash { from { opacity: .2; } }
.camera .why { color: var(--body-text-color-subdued); }
.camera .buttons { display: flex; flex-wrap: wrap; gap: .6rem; }
.camera .buttons > * { flex: 1 1 8rem; padding: .8rem 1rem; border-radius: var(--radius-lg); font-weight: 600;
  text-align: center; cursor: pointer; background: var(--button-secondary-background-fill); }
.camera .buttons > .main { flex: 3 1 14rem; background: var(--primary-600); color: white; }
.camera .buttons > :disabled { opacity: .45; cursor: default; }
.camera .files { position: relative; }
.camera .files input { position: absolute; opacity: 0; width: 1px; height: 1px; }
.camera :is(button, .files:focus-within, input[type=text]):is(:focus-visible, :focus-within) {
  outline: 3px solid var(--primary-400); outline-offset: 2px; }
.camera .said { min-height: 1.5em; overflow-wrap: anywhere; }
.camera .taken { display: flex; gap: .5rem; overflow: hidden; }
.camera .taken img { width: 72px; height: 72px; object-fit: cover; border-radius: var(--radius-md); flex: none; }
.camera .taken img.waiting { opacity: .4; }
"""


class Camera(AbstractContextManager["Camera"]):
    """PHOTOS, open for photos from any number of browsers at once, which take turns.

    Raises PhotosError and SplitError as `Store` does.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = Path(root)
        self._counts: Counter[str] = Counter()
        self._turn = threading.Lock()
        self._store = Store(self.root)
        self._taken: dict[str, Path] = {}
        with suppress(PhotosError):  # of an empty folder
            self._counts.update(photo.label for photo in list_class_folders(self.root).photos)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._turn:
            self._store.__exit__(kind, error, trace)

    def counts(self) -> dict[str, int]:
        """The photos of each class, sorted by name."""
        with self._turn:
            return dict(sorted(self._counts.items()))

    def keep(self, label: str, data: bytes) -> str:
        """Stores a photo as it came. A key that takes it back, or "" when it was there already.

        Raises PhotoError and PhotosError as `examine` and `Store.put` do.
        """
        photo = examine(data, name="the photo")
        with self._turn:
            if (path := self._store.put(photo, label, Origin("camera"))) is None:
                return ""
            self._counts[_label(path)] += 1
            key = secrets.token_urlsafe()
            self._taken[key] = path
            return key

    def undo(self, key: str) -> str:
        """Takes back the photo of this key, and says of what class it was. Raises PhotoError for any other key."""
        with self._turn:
            if (path := self._taken.get(key)) is None:
                raise PhotoError("the photo", "gone", "it was taken back already")
            self._store.take_back(path)
            del self._taken[key]
            self._counts[_label(path)] -= 1
            self._counts += Counter()  # without the classes that have none now
            return _label(path)


def launch(
    into: str | os.PathLike[str],
    *,
    host: str = "127.0.0.1",
    port: int = 7860,
    auth: tuple[str, str] | None = None,
    certificate: tuple[Path, Path] | None = None,
    on_ready: Callable[[str], None] = lambda url: None,
) -> None:
    """Serves the page until Ctrl-C; `on_ready` is called with its address.

    `certificate` and its key, PEM files, make that https. Raises ClothesError when the page cannot be opened, or would
    be open to the network without a password.
    """
    refuse_strangers(host, auth, f"put photos into {into}")
    with Camera(into) as camera:
        serve(build_page(camera), host=host, port=port, auth=auth, certificate=certificate, on_ready=on_ready)


def build_page(camera: Camera) -> gr.Blocks:
    """The page. Its script, camera.js, calls `look`, `keep` and `undo`, which answer with what it is to show."""
    prepare()

    def look(_: None = None) -> dict[str, Any]:
        return {"counts": camera.counts()}

    def keep(given: list[str]) -> dict[str, Any]:
        """`given` is the class and the photo as a data: address, for which Gradio makes no file."""
        return answer("Not stored", _keep, *given)

    def undo(key: str) -> dict[str, Any]:
        return answer("Not taken back", _undo, key)

    def answer(failed: str, act: Callable[..., dict[str, str]], *arguments: str) -> dict[str, Any]:
        try:
            return act(camera, *arguments) | look()
        except PhotoError as error:
            return {"problem": f"{failed}: {error.reason}."} | look()
        except ClothesError as error:
            return {"problem": str(error)} | look()

    with gr.Blocks(title="Take photos · clothes", analytics_enabled=False, delete_cache=(60, KEEP_SECONDS)) as page:
        gr.HTML("<h1>Take photos</h1><p>Name a class and take photos of it. Each is kept at once.</p>", elem_id="head")
        gr.HTML(
            html_template=_HTML,
            js_on_load=(files("clothes.web") / "static" / "camera.js").read_text(encoding="utf-8"),
            server_functions=[look, keep, undo],
            apply_default_css=False,
            most=MOST_MEGABYTES,
        )
    page.launch = partial(page.launch, **launch_settings(css=_CSS, most_body=MOST_MEGABYTES * 1_400_000))
    return page


def _keep(camera: Camera, label: str, photo: str) -> dict[str, str]:
    label, data = label.strip(), b64decode(photo.partition(",")[2])
    if len(data) > MOST_MEGABYTES * 1_000_000:
        raise PhotoError("the photo", "too-large", f"it has more than {MOST_MEGABYTES} MB")
    key = camera.keep(label, data)
    return {"key": key, "said": f"Stored as {label}." if key else f"This photo is there already, as {label}."}


def _undo(camera: Camera, key: str) -> dict[str, str]:
    return {"said": f"Taken back from {camera.undo(key)}."}


def _label(path: Path) -> str:
    return unicodedata.normalize("NFC", path.parent.name)
