"""Pictures of whole outfits that show nobody: starter pictures on drawn people, to compare exports on."""

import colorsys
import io

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from clothes.collection.public_datasets import starter_pictures

_UPPER, _FEET = ("coat", "pullover", "shirt", "t-shirt"), ("ankle-boot", "sandal", "sneaker")
_SKIN = ((236, 188, 154), (198, 134, 96), (120, 76, 52))
_HAIR = ((40, 28, 22), (110, 74, 44), (190, 160, 110))
_EACH = 20  # starter pictures of a class

Box = tuple[float, float, float, float]  # left, top, right, bottom as shares of the person's height


def draw_outfits(count: int) -> list[bytes]:
    """Returns PNG files of drawn people, 300 to 600 pixels high: some are small in theirs, some have a dress or bag."""
    rng = np.random.default_rng(0)
    worn = {label: starter_pictures(_EACH, label) for label in (*_UPPER, *_FEET, "trouser", "dress", "bag")}
    return [_Drawing(rng, worn).file() for _ in range(count)]


class _Drawing:
    """One person in front of a wall."""

    def __init__(self, rng: np.random.Generator, worn: dict[str, list[bytes]]) -> None:
        self._rng, self._worn = rng, worn
        height = int(rng.integers(300, 601))
        width = round(height * rng.uniform(0.55, 0.9))
        self._tall = height * (0.45 if rng.random() < 0.15 else rng.uniform(0.85, 0.97))
        self._left, self._top = (width - self._tall / 2) / 2, rng.uniform(0, height - self._tall)
        wall = Image.fromarray(rng.integers(90, 220, (6, 4, 1), np.uint8).repeat(3, axis=2))
        self._image = wall.resize((width, height), Image.Resampling.BICUBIC)

    def file(self) -> bytes:
        rng = self._rng
        self._draw_body()
        if rng.random() < 0.25:
            self._put("dress", (0.06, 0.14, 0.44, 0.66))
        else:
            self._put("trouser", (0.08, 0.42, 0.42, 0.95))
            self._put(_UPPER[rng.integers(len(_UPPER))], (0.06, 0.14, 0.44, 0.52))
        feet, color = _FEET[rng.integers(len(_FEET))], self._color()
        self._put(feet, (0.11, 0.9, 0.24, 1.0), color)
        self._put(feet, (0.26, 0.9, 0.39, 1.0), color, mirrored=True)
        if rng.random() < 0.3:
            self._put("bag", (0.34, 0.42, 0.52, 0.62))
        noise = rng.normal(0, 4, (self._image.height, self._image.width, 1))
        pixels = np.asarray(self._image.filter(ImageFilter.GaussianBlur(0.8))) + noise
        file = io.BytesIO()
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(file, "PNG", compress_level=1)
        return file.getvalue()

    def _draw_body(self) -> None:
        pen = ImageDraw.Draw(self._image)
        skin, hair = _SKIN[self._rng.integers(len(_SKIN))], _HAIR[self._rng.integers(len(_HAIR))]
        pen.ellipse(self._place((0.185, 0.0, 0.315, 0.13)), fill=hair)
        for box in ((0.205, 0.025, 0.295, 0.14), (0.225, 0.1, 0.275, 0.2)):
            pen.ellipse(self._place(box), fill=skin)
        for box in (
            (0.09, 0.2, 0.135, 0.53),
            (0.365, 0.2, 0.41, 0.53),
            (0.175, 0.5, 0.23, 0.95),
            (0.27, 0.5, 0.325, 0.95),
        ):
            pen.rounded_rectangle(self._place(box), radius=0.02 * self._tall, fill=skin)

    def _color(self) -> np.ndarray:
        hue, saturation, value = self._rng.uniform(0, 1), self._rng.uniform(0, 0.6), self._rng.uniform(0.2, 1)
        return 255 * np.array(colorsys.hsv_to_rgb(hue, saturation, value))

    def _place(self, box: Box) -> tuple[int, int, int, int]:
        x0, y0, x1, y1 = (round(value * self._tall) for value in box)
        left, top = round(self._left), round(self._top)
        return x0 + left, y0 + top, x1 + left, y1 + top

    def _put(self, label: str, box: Box, color: np.ndarray | None = None, *, mirrored: bool = False) -> None:
        """Pastes a garment, which is light on black, in a colour; what is nearly black stays as it is."""
        garment = Image.open(io.BytesIO(self._worn[label][self._rng.integers(_EACH)])).convert("L")
        left, top, right, bottom = self._place(box)
        large = (ImageOps.mirror(garment) if mirrored else garment).resize(
            (right - left, bottom - top), Image.Resampling.BICUBIC
        )
        shade = np.asarray(large, np.float32)[..., None] / 255
        colored = (0.35 + 0.65 * shade) * (self._color() if color is None else color)
        mask = Image.fromarray(((np.asarray(large) > 25) * 255).astype(np.uint8))
        self._image.paste(Image.fromarray(colored.clip(0, 255).astype(np.uint8)), (left, top), mask)
