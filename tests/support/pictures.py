"""Pictures drawn for the tests, a small configuration to train on them, and where the shared photos lie."""

import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

import clothes

ROOT = Path(__file__).parents[2]
SHARED = Path(os.environ.get("CLOTHES_SHARED_DATA", ROOT.parent / "shared" / "data"))
SMALL = clothes.Config.from_dict(
    {
        "model": {
            "image_size": 28,
            "kernels": [3, 3, 3],
            "strides": [1, 1, 1],
            "filters": [8, 8, 8],
            "units": [16, 16, 8],
        },
        "train": {"epochs": 4, "batch_size": 16, "precision": "float32"},
    }
)


def draw(shape: str, seed: int, *, size: tuple[int, int] = (40, 48)) -> Image.Image:
    """A noisy picture of a bright square ("square"), wide bar ("bar") or frame ("frame"), each seed another."""
    rng = np.random.default_rng([seed, len(shape)])
    width, height = size
    pixels = rng.integers(0, 90, (height, width, 3))
    top, left = rng.integers(6, 12, 2)
    color = rng.integers(150, 256, 3)
    pixels[top : height - top, left : width - left] = color
    if shape == "bar":
        pixels[top : height - top] = color
    if shape == "frame":
        pixels[top + 5 : height - top - 5, left + 5 : width - left - 5] = rng.integers(0, 90, 3)
    return Image.fromarray(pixels.astype(np.uint8))


def make_photos(
    root: Path, *, each: int = 20, shapes: tuple[str, ...] = ("bar", "frame", "square"), seed: int = 0
) -> Path:
    """A folder of class folders with drawn pictures; another seed by 1,000, other pictures."""
    for shape in shapes:
        (root / shape).mkdir(parents=True, exist_ok=True)
        for i in range(each):
            draw(shape, seed + i).save(root / shape / f"{i:03}.png")
    return root


def encode(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def photo(seed: int) -> bytes:
    """A PNG file of a bar."""
    return encode(draw("bar", seed), "PNG")


def jpeg(image: Image.Image, quality: int) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return file.getvalue()


def smooth(seed: int, size: tuple[int, int] = (300, 400)) -> Image.Image:
    """A picture with structure at every scale, as a photo has."""
    rng = np.random.default_rng(seed)
    layers = [
        np.asarray(
            Image.fromarray(rng.integers(0, 256, (n, n, 3), dtype=np.uint8)).resize(size, Image.Resampling.BICUBIC)
        )
        for n in (3, 7, 20)
    ]
    return Image.fromarray((np.mean(layers, axis=0)).astype(np.uint8))


def png_header(width: int, height: int) -> bytes:
    """A PNG that says it is this large and holds nearly nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + body + chunk(b"IEND", b"")


def png_bomb(side: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">L", len(data)) + kind + data + struct.pack(">L", zlib.crc32(kind + data))

    head = struct.pack(">LLBBBBB", side, side, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )
