"""Every mode and orientation comes out as upright RGB; large pictures are converted in bands."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from clothes.photos import decode
from tests.support.pictures import encode

RED_LEFT = np.zeros((6, 10, 3), dtype=np.uint8)
RED_LEFT[:, :5, 0] = 255
RED_LEFT[0, 0] = (0, 255, 0)  # the upper left corner, to tell mirrored from turned


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_comes_out_upright(kind: str, orientation: int) -> None:
    upright = Image.fromarray(np.kron(RED_LEFT, np.ones((8, 8, 1), dtype=np.uint8)))
    back = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    stored = upright.transpose(back) if back is not None else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    lossless = {"JPEG": {"quality": 100, "subsampling": 0}, "WEBP": {"lossless": True}}.get(kind, {})
    data = encode(stored, kind, exif=exif, **lossless)
    pixels = decode.read(data)
    assert pixels.shape == (48, 80, 3)
    seen = decode.inspect(data, 40)
    assert (seen.width, seen.height, seen.small.size) == (80, 48, (40, 24))
    assert np.abs(pixels.astype(int) - np.asarray(upright)).max() <= 8


@pytest.mark.parametrize(
    ("mode", "color", "expected"),
    [
        ("L", 200, (200, 200, 200)),
        ("1", 1, (255, 255, 255)),
        ("CMYK", (0, 255, 255, 0), (255, 0, 0)),
        ("RGBA", (255, 0, 0, 0), (255, 255, 255)),
        ("RGBA", (255, 0, 0, 255), (255, 0, 0)),
        ("LA", (0, 0), (255, 255, 255)),
        ("I;16", 0x8080, (128, 128, 128)),
    ],
)
def test_every_mode_becomes_rgb(mode: str, color: object, expected: tuple[int, ...]) -> None:
    data = encode(Image.new(mode, (9, 7), color), "TIFF" if mode == "CMYK" else "PNG")
    assert decode.read(data).shape == (7, 9, 3)
    assert tuple(decode.read(data)[3, 4]) == expected


def test_16_bit_grey_is_scaled_not_clipped() -> None:
    ramp = np.linspace(0, 65535, 64, dtype=np.uint16).reshape(8, 8)
    pixels = decode.read(encode(Image.fromarray(ramp), "PNG"))[..., 0]
    assert np.abs(pixels.astype(int) - ramp // 257).max() <= 1


def test_dark_16_bit_grey_stays_dark() -> None:
    dark = encode(Image.fromarray(np.full((8, 8), 200, dtype=np.uint16)), "PNG")
    assert decode.read(dark).max() == 1


def test_palette_with_transparency_lies_on_white() -> None:
    image = Image.new("P", (4, 4), 0)
    image.putpalette([0, 0, 0, 255, 0, 0])
    image.putpixel((0, 0), 1)
    pixels = decode.read(encode(image, "PNG", transparency=0))
    assert tuple(pixels[0, 0]) == (255, 0, 0)
    assert tuple(pixels[3, 3]) == (255, 255, 255)


def test_an_animation_is_its_first_frame() -> None:
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "blue")]
    for kind in ("GIF", "WEBP"):
        data = encode(frames[0], kind, save_all=True, append_images=frames[1:], lossless=True)
        assert decode.read(data)[4, 4].argmax() == 0


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize(("mode", "kind"), [("RGBA", "PNG"), ("I;16", "PNG"), ("LA", "PNG"), ("P", "GIF")])
@pytest.mark.slow
def test_the_largest_photo_allowed_takes_less_than_512_mb(mode: str, kind: str, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new(mode, (8000, 6400)).save(tmp_path / "large", kind, **({"exif": exif} if kind == "PNG" else {}))
    code = (
        "import re, sys, clothes.photos.decode as decode\n"
        "decode.read_square(sys.argv[1], 224)\n"
        "print(re.findall(r'VmHWM:\\s+(\\d+) kB', open('/proc/self/status').read())[0])"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "large")], capture_output=True, text=True)
    assert int(done.stdout) < 512_000, done.stderr


def test_bands_leave_no_seam() -> None:
    """Pictures of several bands are as one made whole would be."""
    rng = np.random.default_rng(3)
    color, alpha = rng.integers(0, 256, (1500, 1000, 3), dtype=np.uint8), rng.integers(0, 256, (1500, 1000))
    share = alpha[..., None] / 255
    seen = decode.read(encode(Image.fromarray(np.dstack([color, alpha.astype(np.uint8)])), "PNG", compress_level=1))
    assert np.abs(seen - np.round(color * share + 255 * (1 - share))).max() <= 1
    ramp = np.linspace(-5, 5, 1_500_000, dtype=np.float32).reshape(1500, 1000)
    expected = np.round((ramp.astype(float) + 5) / 10 * 255)
    assert np.abs(decode.read(encode(Image.fromarray(ramp), "TIFF"))[..., 0] - expected).max() <= 1
