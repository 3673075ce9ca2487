"""The page of `clothes corrections review`: each correction with its photo, for yes or no."""

import base64
import io
import os
from collections.abc import Callable
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

from clothes.web.server import KEEP_SECONDS, launch_settings, prepare, refuse_strangers, serve

# isort: split
import gradio as gr

from clothes.errors import ClothesError, PhotoError
from clothes.inference.confidence import percent
from clothes.photos.decode import thumbnail
from clothes.photos.folders import OTHER
from clothes.web.corrections import Review, list_corrections, read_correction

_SHOWN = 12  # at once
_SIDE = 360  # pixels of a small picture
_MOST_JSON = 10_000  # bytes of what its script asks
_HTML = """<div class="review"><p class="said" role="status"></p><div class="waiting"></div></div>"""
_CSS = """
.gradio-container { width: 100%; }
.review { display: grid; gap: .9rem; }
.review p { margin: 0; overflow-wrap: anywhere; }
.review .said { min-height: 1.5em; }
.review .waiting { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); }
.review article { display: grid; gap: .5rem; align-content: start; padding: .75rem; border-radius: var(--radius-lg);
  border: 1px solid var(--border-color-primary); }
.review img { width: 100%; height: 14rem; object-fit: contain; background: var(--background-fill-secondary);
  border-radius: var(--radius-md); }
.review strong { font-size: 1.15rem; }
.review .was { color: var(--body-text-color-subdued); }
.review .buttons { display: flex; gap: .5rem; }
.review button { flex: 1; padding: .7rem; border-radius: var(--radius-lg); font-weight: 600; cursor: pointer;
  background: var(--button-secondary-background-fill); color: var(--body-text-color); }
.review button.yes { background: var(--primary-600); color: white; }
.review button:disabled { opacity: .45; cursor: default; }
.review button:focus-visible { outline: 3px solid var(--primary-400); outline-offset: 2px; }
"""


def launch(
    inbox: str | os.PathLike[str],
    photos: str | os.PathLike[str],
    *,
    host: str = "127.0.0.1",
    port: int = 7860,
    auth: tuple[str, str] | None = None,
    on_ready: Callable[[str], None] = lambda url: None,
) -> None:
    """Serves the page until Ctrl-C; `on_ready` is called with its address.

    Raises ClothesError when the page cannot be opened, or would be open to the network without a password.
    """
    refuse_strangers(host, auth, f"put photos into {photos}")
    with Review(inbox, photos) as review:
        serve(build_page(review), host=host, port=port, auth=auth, on_ready=on_ready)


def build_page(review: Review) -> gr.Blocks:
    """The page. Its script, review.js, calls `look` and `decide`, which answer with what it is to show."""
    prepare()

    def look(_: None = None) -> dict[str, Any]:
        names, skipped = list_corrections(review.inbox)
        told = [f"{item.path}: {item.reason}" for item in skipped]
        return {"left": len(names), "waiting": [_show(review.inbox / name) for name in names[:_SHOWN]], "skipped": told}

    def decide(given: list[Any]) -> dict[str, Any]:
        """`given` is a correction's name, and whether it is accepted."""
        name, accepted = str(given[0]), given[1] is True
        try:
            if not accepted:
                review.refuse(name)
                said = "Refused: it is laid aside."
            elif review.accept(name):
                said = "Accepted: it is trained on the next time."
            else:
                said = "Accepted: the photo was there already."
            return {"said": said} | look()
        except PhotoError as error:
            return {"problem": f"Not done: {error.reason}."} | look()
        except ClothesError as error:
            return {"problem": str(error)} | look()

    with gr.Blocks(title="Corrections · clothes", analytics_enabled=False, delete_cache=(60, KEEP_SECONDS)) as page:
        gr.HTML(
            "<h1>Corrections</h1><p>Are they right? What you accept is trained on, never tested on.</p>", elem_id="head"
        )
        gr.HTML(
            html_template=_HTML,
            js_on_load=(files("clothes.web") / "static" / "review.js").read_text(encoding="utf-8"),
            server_functions=[look, decide],
            apply_default_css=False,
        )
    page.launch = partial(page.launch, **launch_settings(css=_CSS, most_body=_MOST_JSON))
    return page


def _show(path: Path) -> dict[str, str]:
    """A correction as the page shows it; a damaged one with its reason."""
    try:
        found = read_correction(path)
        picture = io.BytesIO()
        thumbnail(found.photo, _SIDE, name="the photo").save(picture, "JPEG", quality=85)
    except PhotoError as error:
        return {"name": path.name, "problem": error.reason}
    return {
        "name": found.name,
        "photo": f"data:image/jpeg;base64,{base64.b64encode(picture.getvalue()).decode()}",
        "label": "none of the classes" if found.label == OTHER else found.label,
        "was": f"The answer was {found.answer}, {percent(found.confidence)} sure.",
        "when": found.when[:10],
    }
