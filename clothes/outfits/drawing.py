"""A photo with its garments drawn on it: outlines, boxes and names."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from clothes.inference.confidence import percent
from clothes.outfits.outfit_parser import Garment

_COLORS = ("#e6550d", "#3182bd", "#31a354", "#756bb1", "#d6176c", "#8c6d31", "#00838f", "#5d4037")
_TINT = 0.35  # of a garment's own colour in the drawing


def draw_garments(pixels: np.ndarray, garments: Sequence[Garment]) -> Image.Image:
    """Returns a photo uint8 (H, W, 3) with each garment tinted, framed and named, the smallest on top."""
    drawn = pixels.copy()
    colors = [_COLORS[i % len(_COLORS)] for i in range(len(garments))]
    for garment, color in zip(garments, colors, strict=True):
        mask = garment.mask
        rgb = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)])
        drawn[mask] = ((1 - _TINT) * drawn[mask] + _TINT * rgb).astype(np.uint8)
    image = Image.fromarray(drawn)
    pen, side = ImageDraw.Draw(image), max(image.size)
    font, width = ImageFont.load_default(max(10, side // 45)), max(1, side // 300)
    for garment, color in zip(garments, colors, strict=True):
        left, top, right, bottom = garment.box
        pen.rectangle((left, top, right - 1, bottom - 1), outline=color, width=width)
    for garment, color in zip(garments, colors, strict=True):
        _write(pen, garment, color, font, image.size)
    return image


def _write(
    pen: ImageDraw.ImageDraw,
    garment: Garment,
    color: str,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    size: tuple[int, int],
) -> None:
    """Writes the name on a plate in the upper left corner of the box, inside the photo."""
    text = f"{garment.label} {percent(garment.confidence)}" if garment.known else f"{garment.label}?"
    left, top, right, bottom = pen.textbbox((0, 0), text, font=font)
    across, down = right - left + 6, bottom - top + 6
    x, y = max(0, min(garment.box[0], size[0] - across)), max(0, min(garment.box[1], size[1] - down))
    pen.rectangle((x, y, x + across, y + down), fill=color)
    pen.text((x + 3 - left, y + 3 - top), text, fill="white", font=font)
