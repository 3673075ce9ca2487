"""The tab "Whole outfit": a photo -> its garments, each with its place, its name, how sure that is, and its colours."""

import html
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image

from clothes.errors import PhotoError
from clothes.inference.confidence import percent
from clothes.outfits.drawing import color_of, draw_alone, draw_garments
from clothes.outfits.outfit_parser import Garment, Outfit, OutfitParser
from clothes.photos import decode
from clothes.report.rendering import embed_image
from clothes.web import rendering
from clothes.web.base_page import describe_problem
from clothes.web.uploads import SECONDS_SHOWN, Uploads, upload_path

_HINT = "Drop a photo of a person, or of one garment: all that is worn appears here."
_NONE = "No clothing found."
_OPEN = "Choose a garment to see it alone."
_REFUSED = "This photo cannot be used"
_COPY, _DRAWING, _ALONE, _CROP = 1280, 640, 480, 112  # pixels of the longer side

# As on the page: photos come as they were uploaded.
_EVENT: dict[str, Any] = {"preprocess": False, "api_visibility": "private", "show_progress": "hidden"}


def lay_out_outfit(parser: OutfitParser, uploads: Uploads) -> None:
    """Puts the tab's parts into the page that is being built."""
    answers = OutfitAnswers(parser, uploads)
    with gr.Row(equal_height=False):
        sources = ["upload", "webcam", "clipboard"]
        photo = gr.Image(sources=sources, label="Photo", height=320, buttons=["fullscreen"], elem_id="outfit-photo")
        with gr.Column():
            answer = gr.HTML(rendering.hint_html(_HINT), elem_id="outfit")
    numbers, ask = gr.JSON(visible=False), gr.Button(visible=False)
    photo.change(answers.show, photo, answer, **_EVENT)
    ask.click(answers.parse, photo, numbers, preprocess=False, api_name="outfit")


class OutfitAnswers:
    """The functions behind the tab's events. An upload is removed once it is answered."""

    def __init__(self, parser: OutfitParser, uploads: Uploads) -> None:
        self.parser, self.uploads = parser, uploads

    def show(self, upload: Any) -> str:
        """The garments of a photo for a visitor."""
        if not (path := upload_path(upload)):
            return rendering.hint_html(_HINT)
        try:
            pixels = decode.read(path)
            return outfit_html(pixels, self.parser.parse(pixels))
        except PhotoError as error:
            return rendering.problem_html(describe_problem(error, _REFUSED))
        finally:
            self.uploads.forget(path, after=SECONDS_SHOWN)

    def parse(self, upload: Any) -> dict[str, Any]:
        """The garments of a photo for programs."""
        if not (path := upload_path(upload)):
            raise gr.Error("The question contains no photo.", title="no-photo", print_exception=False)
        try:
            outfit = self.parser.parse(path)
        except PhotoError as error:
            problem = describe_problem(error, _REFUSED)
            raise gr.Error(problem, title=error.code, print_exception=False) from None
        finally:
            self.uploads.forget(path)
        return {"garments": [garment.to_dict() for garment in outfit.garments], "scores": outfit.scores}


def outfit_html(pixels: np.ndarray, outfit: Outfit) -> str:
    """The photo with its garments drawn on it, and a row a garment that opens to show it alone."""
    if not outfit.garments:
        return f'<p class="answer">{_NONE}</p>'
    copy = Image.fromarray(pixels)
    copy.thumbnail((_COPY, _COPY))  # masks of a phone's photo would take a second
    small, garments = np.asarray(copy), [garment.resized(copy.size) for garment in outfit.garments]
    drawing = embed_image(_shrunk(draw_garments(small, garments), _DRAWING))
    names = html.escape(", ".join(garment.label for garment in garments))
    rows = "".join(_row_html(small, garment, color_of(number)) for number, garment in enumerate(garments))
    return (
        f'<img class="worn" src="{drawing}" alt="The photo with {names}"><p class="open">{_OPEN}</p>'
        f'<ul class="garments">{rows}</ul>'
    )


def _row_html(pixels: np.ndarray, garment: Garment, color: str) -> str:
    """A garment's crop, name, colours and bar, and what is shown once a visitor opens it."""
    label, sure = html.escape(garment.label), html.escape(percent(garment.confidence)).replace(" %", "\u00a0%")
    name = label if garment.known else f"Not sure: {label}?"
    swatches = "".join(f'<span class="swatch" style="background:{found.hex}"></span>' for found in garment.colors)
    colors = html.escape(", ".join(found.name for found in garment.colors))
    alone = draw_alone(pixels, garment)
    return (
        f'<li style="--mark:{color}"><details name="garment"><summary>'
        f'<span class="crop"><img src="{embed_image(_shrunk(alone, _CROP))}" alt=""></span>'
        f'<span class="what">{name} <small>{swatches} {colors}</small></span><span class="number">{sure}</span>'
        f'<span class="track"><span class="fill" style="width:{garment.confidence * 100:.2f}%"></span></span></summary>'
        f'<img src="{embed_image(_shrunk(alone, _ALONE))}" alt="The {label} alone"></details></li>'
    )


def _shrunk(image: Image.Image, side: int) -> Image.Image:
    copy = image.copy()
    copy.thumbnail((side, side))
    return copy
