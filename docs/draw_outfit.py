"""Draws docs/images/outfit.png: how regions become garments, on drawn people.

uv run --group test python -m docs.draw_outfit

The network that finds the regions knows them by their colours; what is made of them is as for photos.
"""

import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

import clothes
from clothes.outfits.drawing import draw_garments
from tests.support.outfits import COLORS, write_color_bundle

OUT = Path(__file__).parent / "images" / "outfit.png"
SIZE = (640, 640)  # of a picture, in pixels: 20 of them are a cell of the network's map, and all parts end with one
Part = tuple[str, tuple[int, int, int, int]]


def wearer(centre: int) -> list[Part]:
    """A person in a shirt, pants and shoes, whose middle is here."""
    parts = [
        ("person", (-40, 20, 40, 100)),
        ("person", (-120, 120, -80, 340)),
        ("person", (80, 120, 120, 340)),
        ("shirt", (-80, 100, 80, 320)),
        ("pants", (-80, 320, 80, 380)),
        ("pants", (-80, 380, -20, 560)),
        ("pants", (20, 380, 80, 560)),
        ("shoes", (-100, 560, -20, 600)),
        ("shoes", (20, 560, 100, 600)),
    ]
    return moved(parts, centre)


def moved(parts: list[Part], right: int) -> list[Part]:
    return [(name, (box[0] + right, box[1], box[2] + right, box[3])) for name, box in parts]


PICTURES = [
    [*wearer(320), *moved([("outwear", (-80, 100, -40, 360)), ("outwear", (40, 100, 80, 360))], 320)],
    [*wearer(160), *wearer(480)],
    [*wearer(320), *moved([("person", (-120, 200, 80, 240)), ("bag", (80, 340, 160, 440))], 320)],
]


def draw(parts: list[Part]) -> Image.Image:
    image = Image.new("RGB", SIZE, COLORS["background"])
    pen = ImageDraw.Draw(image)
    for name, (left, top, right, bottom) in parts:
        pen.rectangle((left, top, right - 1, bottom - 1), fill=COLORS[name])
    return image


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        parser = clothes.load_outfit(write_color_bundle(Path(scratch) / "bundle"))
    sheet = Image.new("RGB", (len(PICTURES) * (SIZE[0] + 20) - 20, SIZE[1]), "white")
    for number, parts in enumerate(PICTURES):
        pixels = np.asarray(draw(parts))
        garments = parser.garments(pixels)
        print(", ".join(garment.label for garment in garments))
        sheet.paste(draw_garments(pixels, garments), (number * (SIZE[0] + 20), 0))
    sheet.thumbnail((1300, 1300))
    sheet.quantize(256, dither=Image.Dither.NONE).save(OUT, optimize=True)


if __name__ == "__main__":
    main()
