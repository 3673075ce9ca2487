"""The tab "Whole outfit": a photo -> its garments, each with its place, its name, how sure that is, and its colours."""

import html
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image

from clothes.errors import PhotoError
from clothes.inference.confidence import percent
from clothes.outfits.drawing import draw_garments
from clothes.outfits.outfit_parser import Garment, Outfit, OutfitParser
from clothes.photos import decode
from clothes.report.rendering import embed_image
from clothes.web import rendering
from clothes.web.base_page import describe_problem
from clothes.web.uploads import SECONDS_SHOWN, Uploads, upload_path

_HINT = "Drop a photo of a person, or of one garment: all that is worn appears here."
_NONE = "No clothing found."
_REFUSED = "This photo cannot be used"
_DRAWING, _ALONE = 640, 240  # pixels of the longer side
_PALE = 0.8  # of what is no part of a garment that is shown alone

# As on the page: photos come as they were uploaded.
_EVENT: dict[str, Any] = {"preprocess": False, "api_visibility": "private", "show_progress": "hidden"}


def lay_out_outfit(parser: OutfitParser, uploads: Uploads) -> None:
    """Puts the tab's parts into the page that is being built."""
    answers = OutfitAnswers(parser, uploads)
    with gr.Row(equal_height=False):
        sources = ["upload", "webcam", "clipboard"]
        photo = gr.Image(sources=sources, label="Photo", height=320, buttons=["fullscreen"], elem_id="outfit-photo")
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
    drawing = draw_garments(pixels, outfit.garments)
    drawing.thumbnail((_DRAWING, _DRAWING))
    names = html.escape(", ".join(garment.label for garment in outfit.garments))
    rows = "".join(f"<li>{_garment_html(pixels, garment)}</li>" for garment in outfit.garments)
    return f'<img src="{embed_image(drawing)}" alt="The photo with {names}"><ul class="garments">{rows}</ul>'


def _garment_html(pixels: np.ndarray, garment: Garment) -> str:
    label, sure = html.escape(garment.label), html.escape(percent(garment.confidence)).replace(" %", "\u00a0%")
    colors = html.escape(" and ".join(color.name for color in garment.colors))
    swatches = "".join(f'<span class="swatch" style="background:{color.hex}"></span>' for color in garment.colors)
    name = label if garment.known else f"Not sure: {label}?"
    alone = embed_image(show_alone(pixels, garment))
    return (
        f'<details><summary><span class="swatches">{swatches}</span><span>{name} <small>{colors}</small></span>'
        f'<span class="number">{sure}</span><span class="track"><span class="fill" '
        f'style="width:{garment.confidence * 100:.2f}%"></span></span></summary>'
        f'<img src="{alone}" alt="The {label} alone"></details>'
    )


def show_alone(pixels: np.ndarray, garment: Garment) -> Image.Image:
    """Returns a garment's box with all that is no part of it nearly white."""
    left, top, right, bottom = garment.box
    inside = pixels[top:bottom, left:right].astype(np.float32)
    pale = ~garment.mask[top:bottom, left:right]
    inside[pale] = _PALE * 255 + (1 - _PALE) * inside[pale]
    image = Image.fromarray(inside.astype(np.uint8))
    image.thumbnail((_ALONE, _ALONE))
    return image
