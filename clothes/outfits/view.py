"""The square part of a photo that a network sees, and the way back from its pixels to the photo's."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from PIL import Image, ImageFilter

from clothes.photos.decode import letterbox, place_in_square

Box = tuple[int, int, int, int]  # left, top, right, bottom in pixels of the upright photo


@dataclass(frozen=True)
class View:
    """`picture` uint8 (size, size, 3) shows a part of a photo. `photo_size` is the photo's width and height.

    `place` are the rows and columns of the picture that the photo fills; a pixel of the picture is `scale` of the
    photo's, and the picture's corner lies at `left` and `top` in the photo.
    """

    picture: np.ndarray
    place: tuple[slice, slice]
    photo_size: tuple[int, int]
    left: float
    top: float
    scale: float

    @classmethod
    def of(cls, pixels: np.ndarray, size: int, part: Box | None = None) -> Self:
        """The view of a photo uint8 (H, W, 3), or of a part of it."""
        height, width = pixels.shape[:2]
        left, top, right, bottom = part or (0, 0, width, height)
        rows, columns = place_in_square(right - left, bottom - top, size)
        scale = max(right - left, bottom - top) / size
        picture = letterbox(np.ascontiguousarray(pixels[top:bottom, left:right]), size)
        return cls(
            picture, (rows, columns), (width, height), left - columns.start * scale, top - rows.start * scale, scale
        )

    @property
    def share(self) -> float:
        """The picture's area as a share of the photo's."""
        return (len(self.picture) * self.scale) ** 2 / (self.photo_size[0] * self.photo_size[1])

    def box(self, shares: tuple[float, float, float, float]) -> Box:
        """Left, top, right and bottom as shares of the picture's side -> the box in the photo, inside it."""
        side, corner = len(self.picture) * self.scale, (self.left, self.top) * 2
        pixels = [round(start + share * side) for start, share in zip(corner, shares, strict=True)]
        width, height = self.photo_size
        left, top = min(max(0, pixels[0]), width - 1), min(max(0, pixels[1]), height - 1)
        return left, top, min(max(left + 1, pixels[2]), width), min(max(top + 1, pixels[3]), height)

    def resized(self, photo_size: tuple[int, int]) -> Self:
        """The same view of a copy of the photo that has this width and height."""
        times = max(photo_size) / max(self.photo_size)
        return replace(
            self, photo_size=photo_size, left=self.left * times, top=self.top * times, scale=self.scale * times
        )

    def pixels(self, mask: np.ndarray) -> np.ndarray:
        """A mask bool (n, n) of the picture -> the photo's pixels in it, one for each of the mask: uint8 (N, 3)."""
        shown, step = np.zeros(self.picture.shape[:2], bool), len(self.picture) // len(mask)
        shown[self.place] = True
        return self.picture[::step, ::step][mask & shown[::step, ::step]]

    def mask(self, mask: np.ndarray) -> np.ndarray:
        """A mask bool (n, n) of the picture -> bool (H, W) of the photo."""
        pixel = self.scale * len(self.picture) / len(mask)  # of the mask, in pixels of the photo
        matrix = (1 / pixel, 0, -self.left / pixel, 0, 1 / pixel, -self.top / pixel)
        image = Image.fromarray(mask.astype(np.uint8) * 255).filter(ImageFilter.GaussianBlur(1))  # no stairs
        drawn = image.transform(self.photo_size, Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR)
        return np.asarray(drawn) > 127
