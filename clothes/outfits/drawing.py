"""A photo with its garments drawn on it, outlines, boxes and names, and one garment alone."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from clothes.inference.confidence import percent
from clothes.outfits.outfit_parser import Garment

# White letters are readable on each: a contrast of 4.5 and more.
_COLORS = ("#c2410c", "#1d6fb8", "#1f7a3a", "#6d4fc2", "#c2185b", "#7a5c16", "#00707a", "#5d4037")
_TINT = 0.35  # of a garment's own colour in the drawing
_PALE = 0.8  # of what is no part of a garment that is shown alone

Plate = tuple[int, int, int, int]  # of a name: left, top, right, bottom


def color_of(number: int) -> str:
    """Returns the colour in which `draw_garments` draws the garment of this number, from 0, as "#c2410c"."""
    return _COLORS[number % len(_COLORS)]


def draw_garments(pixels: np.ndarray, garments: Sequence[Garment]) -> Image.Image:
    """Returns a photo uint8 (H, W, 3) with each garment tinted, framed and named, the smallest on top."""
    drawn = pixels.copy()
    for number, garment in enumerate(garments):
        mask, color = garment.mask, color_of(number)
        rgb = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)])
        drawn[mask] = ((1 - _TINT) * drawn[mask] + _TINT * rgb).astype(np.uint8)
    image = Image.fromarray(drawn)
    pen, side = ImageDraw.Draw(image), max(image.size)
    font, width = ImageFont.load_default(max(10, side // 45)), max(1, side // 300)
    for number, garment in enumerate(garments):
        left, top, right, bottom = garment.box
        pen.rectangle((left, top, right - 1, bottom - 1), outline=color_of(number), width=width)
    plates: list[Plate] = []
    for number, garment in enumerate(garments):
        plates.append(_write(pen, garment, color_of(number), font, image.size, plates))
    return image


def _write(
    pen: ImageDraw.ImageDraw,
    garment: Garment,
    color: str,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    size: tuple[int, int],
    others: Sequence[Plate],
) -> Plate:
    """Writes the name in the box's upper left corner, inside the photo and below other names. Returns its plate."""
    text = f"{garment.label} {percent(garment.confidence)}" if garment.known else f"{garment.label}?"
    left, top, right, bottom = (round(value) for value in pen.textbbox((0, 0), text, font=font))
    across, down = right - left + 6, bottom - top + 6
    x, y = max(0, min(garment.box[0], size[0] - across)), max(0, min(garment.box[1], size[1] - down))
    while covered := [plate for plate in others if _touch(plate, (x, y, x + across, y + down))]:
        if (lower := max(plate[3] for plate in covered) + 1) + down > size[1]:
            break
        y = lower
    pen.rectangle((x, y, x + across, y + down), fill=color)
    pen.text((x + 3 - left, y + 3 - top), text, fill="white", font=font)
    return x, y, x + across, y + down


def _touch(one: Plate, other: Plate) -> bool:
    return one[0] <= other[2] and other[0] <= one[2] and one[1] <= other[3] and other[1] <= one[3]


def draw_alone(pixels: np.ndarray, garment: Garment) -> Image.Image:
    """Returns the box of a garment in its photo uint8 (H, W, 3), with all that is no part of it nearly white."""
    left, top, right, bottom = garment.box
    inside = pixels[top:bottom, left:right].astype(np.float32)
    others = ~garment.mask[top:bottom, left:right]
    inside[others] = _PALE * 255 + (1 - _PALE) * inside[others]
    return Image.fromarray(inside.astype(np.uint8))
