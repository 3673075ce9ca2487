"""The page of `clothes corrections review`: shows each correction with its photo, to accept or refuse."""

import os
from pathlib import Path
from typing import Any

import gradio as gr

from clothes.errors import ClothesError, PhotoError
from clothes.inference.confidence import percent
from clothes.photos.decode import thumbnail
from clothes.photos.folders import OTHER
from clothes.report.rendering import embed_image
from clothes.system.terminal_text import plain
from clothes.web.base_page import Page, describe_problem, scripted_html
from clothes.web.corrections import Review, list_corrections, read_correction
from clothes.web.server import require_password, serve

_MAX_SHOWN = 12  # at once
_THUMBNAIL = 360  # pixels
_MAX_CALL = 10_000  # bytes


class Answers:
    """The functions that review.js calls. Each returns the page's new state."""

    def __init__(self, review: Review) -> None:
        self.review = review

    def look(self, _: None) -> dict[str, Any]:
        inbox = self.review.inbox
        try:
            names, skipped = list_corrections(inbox)
        except OSError as error:
            return {"problem": f"{inbox} cannot be read: {error.strerror}.", "left": 0, "waiting": [], "skipped": []}
        return {
            "left": len(names),
            "waiting": [_to_card(inbox / name) for name in names[:_MAX_SHOWN]],
            "skipped": [_sendable(f"{item.path}: {item.reason}") for item in skipped],
        }

    def decide(self, given: list[Any]) -> dict[str, Any]:
        """Accepts or refuses a correction. `given` is its name, and whether it is accepted."""
        name, accepted = str(given[0]), given[1] is True
        try:
            if not accepted:
                self.review.refuse(name)
                message = "Refused: it is set aside."
            elif self.review.accept(name):
                message = "Accepted: the next training uses it."
            else:
                message = "Accepted: the photo was there already."
        except ClothesError as error:
            return {"problem": describe_problem(error, "Not done"), **self.look(None)}
        return {"message": message, **self.look(None)}


def build_page(review: Review) -> gr.Blocks:
    answers = Answers(review)
    with Page("review", title="Corrections", max_function=_MAX_CALL) as page:
        gr.HTML(
            "<h1>Corrections</h1><p>Are they right? Accepted photos are used for training, never for testing.</p>",
            elem_id="head",
        )
        scripted_html("review", answers.look, answers.decide)
    return page


def launch(
    inbox: str | os.PathLike[str],
    photos: str | os.PathLike[str],
    *,
    host: str = "127.0.0.1",
    auth: tuple[str, str] | None = None,
    **options: Any,
) -> None:
    """Serves the page until Ctrl-C. `options` are those of `serve`.

    Raises ClothesError if the page cannot be opened, or would be open to the network without a password.
    """
    require_password(host, auth, f"put photos into {photos}")
    with Review(inbox, photos) as review:
        serve(build_page(review), host=host, auth=auth, **options)


def _sendable(text: str) -> str:
    """The text without characters that JSON cannot hold, which names of files may have."""
    return plain(text).encode(errors="replace").decode()


def _to_card(path: Path) -> dict[str, str]:
    """A correction for the page, or the reason why a damaged one cannot be shown."""
    try:
        correction = read_correction(path)
        photo = embed_image(thumbnail(correction.photo, _THUMBNAIL, name="the photo"))
    except PhotoError as error:
        return {"name": path.name, "problem": error.reason}
    return {
        "name": correction.name,
        "photo": photo,
        "label": "none of the classes" if correction.label == OTHER else correction.label,
        "was": f"The answer was {correction.answer}, {percent(correction.confidence)} sure.",
        "when": correction.when[:10],
    }
