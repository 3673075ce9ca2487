"""Each kind of file is read to known pixels, or refused: bits, sample format, polarity, frame area, palette, alpha."""

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from clothes.errors import PhotoError
from clothes.photos import decode
from tests.support.pictures import encode
from tests.support.raw_pictures import bmp, gif, png, tiff, webp_frame

GREY = [0, 64, 128, 255]
RED, GREEN, BLUE, WHITE, BLACK = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0)
COLORS = b"".join(bytes([i // 2, 255 - i, i, 0]) for i in range(256))  # of a BMP: blue, green, red
PLTE = {b"PLTE": bytes([*RED, *GREEN, *BLUE, 9, 9, 9])}


def color(i: int) -> tuple[int, int, int]:
    return i, 255 - i, i // 2


def row(*values: int) -> np.ndarray:
    return np.array([values], dtype=np.uint8)


def masks(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}I", *values)


def grey_tiff(
    values: list[float], kind: str, photometric: int = 1, *, order: str = "<", sample_format: int = 1
) -> bytes:
    bits = np.dtype(kind).itemsize * 8
    data = np.array(values, order + kind).tobytes()
    return tiff(data, (len(values), 1), (bits,), photometric, order=order, tags={339: (sample_format,)})


def color_tiff(
    pixel: list[int], photometric: int, *, kind: str = "u1", tags: dict[int, tuple[int, ...]] | None = None
) -> bytes:
    bits = (np.dtype(kind).itemsize * 8,) * len(pixel)
    return tiff(np.array([pixel] * 4, f"<{kind}").tobytes(), (4, 1), bits, photometric, tags=tags)


def planes(*lengths: int) -> dict[int, tuple[int, ...]]:
    """Returns the tags of a TIFF whose channels are planes of these bytes."""
    return {284: (2,), 273: tuple(8 + sum(lengths[:i]) for i in range(len(lengths))), 279: lengths}


def animated_png(*colors: str, default_image: bool) -> bytes:
    """An animated PNG. A `default_image` is shown only by programs that cannot show the animation."""
    first, *others = (Image.new("RGB", (4, 1), color) for color in colors)
    file = io.BytesIO()
    first.save(file, "PNG", save_all=True, append_images=others, default_image=default_image)
    return file.getvalue()


KNOWN = {
    # TIFF: bits, polarity (0: white at zero), order of bytes, sample format (3: fractions)
    "tiff 1 bit": (tiff(b"\x30", (4, 1), (1,), 1), [0, 0, 255, 255]),
    "tiff 1 bit, white at zero": (tiff(b"\x30", (4, 1), (1,), 0), [255, 255, 0, 0]),
    "tiff 2 bits": (tiff(b"\x1b", (4, 1), (2,), 1), [0, 85, 170, 255]),
    "tiff 4 bits": (tiff(b"\x05\xaf", (4, 1), (4,), 1), [0, 85, 170, 255]),
    "tiff 4 bits, white at zero": (tiff(b"\x05\xaf", (4, 1), (4,), 0), [255, 170, 85, 0]),
    "tiff 8 bits": (grey_tiff(GREY, "u1"), GREY),
    "tiff 8 bits, white at zero": (grey_tiff(GREY, "u1", 0), [255, 191, 127, 0]),
    "tiff 12 bits": (tiff(bytes.fromhex("000400800fff"), (4, 1), (12,), 1), GREY),
    "tiff 12 bits, dark": (tiff(bytes.fromhex("000001002003"), (4, 1), (12,), 1), [0, 0, 0, 0]),
    "tiff 16 bits": (grey_tiff([0, 64 * 257, 128 * 257, 65535], "u2"), GREY),
    "tiff 16 bits, big-endian": (grey_tiff([0, 64 * 257, 128 * 257, 65535], "u2", order=">"), GREY),
    "tiff 16 bits, white at zero": (grey_tiff([0, 64 * 257, 128 * 257, 65535], "u2", 0), [255, 191, 127, 0]),
    "tiff 0 to 1": (grey_tiff([0, 0.25, 0.5, 1], "f4", sample_format=3), [0, 64, 128, 255]),
    "tiff 0 to 1, dark": (grey_tiff([0, 0.001, 0.002, 0.004], "f4", sample_format=3), [0, 0, 1, 1]),
    "tiff 0 to 1, a little above": (grey_tiff([-0.01, 0.25, 0.5, 1.02], "f4", sample_format=3), [0, 64, 128, 255]),
    "tiff 0 to 1, white at zero": (grey_tiff([0, 0.25, 0.5, 1], "f4", 0, sample_format=3), [255, 191, 128, 0]),
    "tiff 0 to 1, big-endian": (grey_tiff([0, 0.25, 0.5, 1], "f4", order=">", sample_format=3), [0, 64, 128, 255]),
    "tiff 0 to 255": (grey_tiff([0, 64, 128, 200], "f4", sample_format=3), [0, 64, 128, 200]),
    "tiff 0 to 65535": (grey_tiff([0, 257, 25700, 65535], "f4", sample_format=3), [0, 1, 100, 255]),
    "tiff rgb": (color_tiff([200, 100, 50], 2), [(200, 100, 50)] * 4),
    "tiff rgb, planes": (
        tiff(bytes([200] * 4 + [100] * 4 + [50] * 4), (4, 1), (8,) * 3, 2, tags=planes(4, 4, 4)),
        [(200, 100, 50)] * 4,
    ),
    "tiff one plane, white at zero": (tiff(bytes(GREY), (4, 1), (8,), 0, tags=planes(4)), [255, 191, 127, 0]),
    "tiff one plane of 4 bits": (tiff(b"\x05\xaf", (4, 1), (4,), 1, tags=planes(2)), [0, 85, 170, 255]),
    "tiff rgb 16 bits": (color_tiff([0, 128 * 257, 65535], 2, kind="u2"), [(0, 128, 255)] * 4),
    "tiff alpha": (color_tiff([200, 0, 0, 128], 2, tags={338: (2,)}), [(227, 127, 127)] * 4),
    "tiff alpha, multiplied": (color_tiff([100, 0, 0, 128], 2, tags={338: (1,)}), [(227, 127, 127)] * 4),
    "tiff a fourth value without meaning": (color_tiff([200, 0, 0, 128], 2, tags={338: (0,)}), [(200, 0, 0)] * 4),
    "tiff grey and alpha": (color_tiff([0, 128], 1, tags={338: (2,)}), [127] * 4),
    "tiff cmyk": (color_tiff([0, 255, 255, 0], 5), [RED] * 4),
    "tiff cmyk 16 bits": (color_tiff([0, 65535, 65535, 0], 5, kind="u2"), [RED] * 4),
    "tiff YCbCr": (color_tiff([128, 128, 228], 6, tags={530: (1, 1)}), [(255, 57, 128)] * 4),
    "tiff lab": (color_tiff([128, 0, 0], 8), [119] * 4),
    "tiff palette": (
        tiff(b"\x01\x10", (4, 1), (4,), 3, tags={320: (0, 65535, *[0] * 15, 32768, *[0] * 30)}),
        [BLACK, (255, 128, 0), (255, 128, 0), BLACK],
    ),
    # BMP
    "bmp 1 bit": (bmp(b"\x30\0\0\0", (4, 1), 1, colors=COLORS[:8]), [color(0), color(0), color(1), color(1)]),
    "bmp 4 bits": (bmp(b"\x12\x34\0\0", (4, 1), 4, colors=COLORS[:64]), [color(i) for i in (1, 2, 3, 4)]),
    "bmp 8 bits": (bmp(bytes([1, 2, 3, 200]), (4, 1), 8, colors=COLORS), [color(i) for i in (1, 2, 3, 200)]),
    "bmp runs of 8 bits": (
        bmp(bytes([0, 3, 1, 2, 3, 0, 1, 4, 0, 0, 0, 1]), (4, 1), 8, compression=1, colors=COLORS),
        [color(i) for i in (1, 2, 3, 4)],
    ),
    "bmp 5-5-5": (bmp(np.array([0x7C00, 0x3E0, 0x1F, 0x7FFF], "<u2").tobytes(), (4, 1), 16), [RED, GREEN, BLUE, WHITE]),
    "bmp 5-6-5": (
        bmp(
            np.array([0xF800, 0x7E0, 0x1F, 0xFFFF], "<u2").tobytes(),
            (4, 1),
            16,
            compression=3,
            masks=masks(0xF800, 0x7E0, 0x1F),
        ),
        [RED, GREEN, BLUE, WHITE],
    ),
    "bmp 24 bits": (bmp(bytes([50, 100, 200] * 4), (4, 1), 24), [(200, 100, 50)] * 4),
    "bmp 32 bits": (bmp(bytes([50, 100, 200, 0] * 4), (4, 1), 32), [(200, 100, 50)] * 4),
    "bmp alpha": (
        bmp(bytes([0, 0, 255, 128] * 4), (4, 1), 32, compression=3, masks=masks(0xFF0000, 0xFF00, 0xFF, 0xFF000000)),
        [(255, 127, 127)] * 4,
    ),
    "bmp 1-5-5-5": (
        bmp(
            np.array([0xFC00, 0x7C00, 0x83E0, 0x1F], "<u2").tobytes(),
            (4, 1),
            16,
            compression=3,
            masks=masks(0x7C00, 0x3E0, 0x1F, 0x8000),
        ),
        [RED, WHITE, GREEN, WHITE],
    ),
    "bmp alpha that is all zero": (
        bmp(bytes([0, 0, 255, 0] * 4), (4, 1), 32, compression=3, masks=masks(0xFF0000, 0xFF00, 0xFF, 0xFF000000)),
        [RED] * 4,
    ),
    # PNG: depth, transparent colour (tRNS)
    "png 1 bit": (png(row(0b00110000), 0, 1), [0, 0, 255, 255, 0, 0, 0, 0]),
    "png 1 bit, a transparent one": (png(row(0b00110000), 0, 1, chunks={b"tRNS": b"\0\0"}), [255] * 8),
    "png 2 bits": (png(row(0b00011011), 0, 2), [0, 85, 170, 255]),
    "png 2 bits, a transparent one": (png(row(0b00011011), 0, 2, chunks={b"tRNS": b"\0\2"}), [0, 85, 255, 255]),
    "png 4 bits, a transparent one": (png(row(0x05, 0xAF), 0, 4, chunks={b"tRNS": b"\0\5"}), [0, 255, 170, 255]),
    "png 8 bits, a transparent one": (png(row(0, 64, 128, 255), 0, 8, chunks={b"tRNS": b"\0\x40"}), [0, 255, 128, 255]),
    "png 16 bits": (png(row(0, 0, 64, 64, 128, 128, 255, 255), 0, 16), GREY),
    "png 16 bits, a transparent one": (
        png(row(0, 0, 64, 64, 128, 128, 255, 255), 0, 16, chunks={b"tRNS": b"\x40\x40"}),
        [0, 255, 128, 255],
    ),
    "png 16 bits and alpha": (png(row(0, 0, 128, 128, 64, 64, 255, 255), 4, 16), [127, 64]),
    "png rgb, a transparent one": (
        png(row(0, 128, 255, 64, 0, 0), 2, 8, chunks={b"tRNS": b"\0\x40\0\0\0\0"}),
        [(0, 128, 255), WHITE],
    ),
    "png rgb 16 bits": (png(row(0, 0, 128, 128, 255, 255), 2, 16), [(0, 128, 255)]),
    "png rgb 16 bits and alpha": (png(row(100, 0, 0, 0, 0, 0, 128, 128), 6, 16), [(177, 127, 127)]),
    "png palette 1 bit": (png(row(0b01000000), 3, 1, chunks=PLTE), [RED, GREEN, RED, RED, RED, RED, RED, RED]),
    "png palette 2 bits": (png(row(0b00011011), 3, 2, chunks=PLTE), [RED, GREEN, BLUE, (9, 9, 9)]),
    "png palette and alpha": (
        png(row(0, 1, 2, 3), 3, 8, chunks=PLTE | {b"tRNS": b"\0\x80"}),
        [WHITE, (127, 255, 127), BLUE, (9, 9, 9)],
    ),
    "webp": (encode(Image.new("RGB", (4, 1), (200, 100, 50)), "WEBP", lossless=True), [(200, 100, 50)] * 4),
    "webp alpha": (encode(Image.new("RGBA", (4, 1), (200, 0, 0, 128)), "WEBP", lossless=True), [(227, 127, 127)] * 4),
}


@pytest.mark.parametrize("name", KNOWN)
def test_the_first_row_is_known(name: str) -> None:
    data, expected = KNOWN[name]
    wanted = np.array([[value] * 3 if isinstance(value, int) else value for value in expected])
    pixels = decode.read(data)
    assert pixels.shape == (1, *wanted.shape)
    assert np.abs(pixels[0] - wanted).max() <= 1
    assert np.abs(np.asarray(decode.thumbnail(data, 64))[0] - wanted).max() <= 1
    loaded = Image.open(io.BytesIO(data))
    loaded.load()
    # A loaded picture does not tell its depth and masks any more.
    if not name.startswith(("png 2 bits, a", "png 4 bits, a", "bmp 1-5-5-5")):
        assert np.array_equal(decode.read(loaded), pixels)


@pytest.mark.parametrize("screen", [(6, 4), (7, 9)])
@pytest.mark.parametrize("make", [gif, lambda screen, box: webp_frame(screen, box, (10, 20, 30))])
def test_outside_the_first_frame_is_white(make: object, screen: tuple[int, int]) -> None:
    pixels = decode.read(make(screen, (2, 0, 3, 2)))  # type: ignore[operator]
    expected = np.full((screen[1], screen[0], 3), 255)
    expected[0:2, 2:5] = (10, 20, 30)
    assert np.array_equal(pixels, expected)


def test_a_frame_of_the_whole_screen_and_a_larger_one() -> None:
    assert np.array_equal(decode.read(gif((4, 3), (0, 0, 4, 3))), np.full((3, 4, 3), (10, 20, 30)))
    pixels = decode.read(gif((5, 4), (3, 1, 6, 6)))
    assert (pixels[1:, 3:] == (10, 20, 30)).all() and (pixels[0] == 255).all() and (pixels[:, :3] == 255).all()


REFUSED = {
    "signed 8 bits": grey_tiff([0, 1, 2, 3], "i1", sample_format=2),
    "signed 16 bits": grey_tiff([0, 1, 2, 3], "i2", sample_format=2),
    "32 bits": grey_tiff([0, 1, 2, 3], "u4"),
    "64 bits": grey_tiff([0, 1, 2, 3], "f8", sample_format=3),
    "12 bits, white at zero": tiff(bytes(6), (4, 1), (12,), 0),
    "12 bits, big-endian": tiff(bytes(6), (4, 1), (12,), 1, order=">"),
    "fractions that are no numbers": grey_tiff([0, float("nan"), 1, 1], "f4", sample_format=3),
    "infinite fractions": grey_tiff([0, float("inf"), 1, 1], "f4", sample_format=3),
    "rgb of fractions": tiff(bytes(48), (4, 1), (32,) * 3, 2, tags={339: (3, 3, 3)}),
    "alpha in a plane of its own": tiff(bytes(8), (4, 1), (8, 8), 1, tags={338: (2,), **planes(4, 4)}),
    "runs of 4 bits": bmp(bytes([0, 3, 0x12, 0x30, 1, 0x44, 0, 0, 0, 1]), (4, 1), 4, compression=2, colors=COLORS[:64]),
    "runs that end early": bmp(bytes([2, 4, 0, 1]), (4, 1), 8, compression=1, colors=COLORS),
    "bmp 4-4-4-4": bmp(bytes(8), (4, 1), 16, compression=3, masks=masks(0xF00, 0xF0, 0xF, 0xF000)),
    "bmp 10-10-10": bmp(bytes(16), (4, 1), 32, compression=3, masks=masks(0x3FF00000, 0xFFC00, 0x3FF)),
    "bmp 2 bits": bmp(bytes(4), (4, 1), 2, colors=COLORS[:16]),
    "png rgb 16 bits, a transparent one": png(row(*range(6)), 2, 16, chunks={b"tRNS": bytes(6)}),
    "png whose animation begins otherwise": animated_png("red", "blue", default_image=True),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_known_is_refused(name: str) -> None:
    for way in (decode.read, lambda data: decode.thumbnail(data, 64)):
        with pytest.raises(PhotoError) as caught:
            way(REFUSED[name])
        assert caught.value.code in ("not-a-photo", "damaged")


@pytest.mark.parametrize(
    "name", ["signed 8 bits", "32 bits", "alpha in a plane of its own", "runs of 4 bits", "bmp 4-4-4-4"]
)
def test_a_refused_kind_is_named_with_what_to_do(name: str) -> None:
    with pytest.raises(PhotoError, match=r"cannot be read.*save it as a usual JPEG or PNG") as caught:
        decode.read(REFUSED[name])
    assert caught.value.code == "not-a-photo"


def test_an_animated_png_is_its_first_frame() -> None:
    data = animated_png("red", "blue", default_image=False)
    assert tuple(decode.read(data)[0, 0]) == RED
    with Image.open(io.BytesIO(animated_png("red", "blue", "lime", default_image=True))) as image:
        image.seek(1)  # the frame that its owner chose
        assert tuple(decode.read(image)[0, 0]) == BLUE


def test_fractions_far_above_the_usual_are_stretched() -> None:
    pixels = decode.read(grey_tiff([-5, 0, 5, 1e6], "f4", sample_format=3))
    assert pixels[0, :, 0].tolist() == [0, 0, 0, 255]


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_jpegs_of_every_number_of_channels(mode: str) -> None:
    ramp = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (64, 1))
    image = Image.fromarray(np.dstack([ramp, ramp.T, ramp[::-1]])).convert(mode)
    pixels = decode.read(encode(image, "JPEG", quality=100, subsampling=0))
    assert np.abs(pixels.astype(int) - np.asarray(image.convert("RGB"))).mean() < 1.5


def test_a_colour_profile_changes_no_pixel() -> None:
    """Measured: turning Display P3 and Adobe RGB into sRGB changed 1 of 120 answers."""
    picture = Image.new("RGB", (8, 8), (200, 100, 50))
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for kind in ("PNG", "TIFF"):
        assert (decode.read(encode(picture, kind, icc_profile=profile)) == (200, 100, 50)).all()


def test_deep_heic_is_scaled() -> None:
    heif = pytest.importorskip("pillow_heif", reason="needs the extra 'heic'")
    values = np.repeat(np.array([[0, 16448, 32896, 65535]], "<u2"), 16, axis=1).repeat(64, axis=0)
    file = io.BytesIO()
    heif.from_bytes("RGB;16", (64, 64), np.repeat(values[..., None], 3, axis=2).tobytes()).save(
        file, format="HEIF", quality=-1
    )
    assert np.abs(decode.read(file.getvalue())[32, 8::16, 0].astype(int) - GREY).max() <= 2


def test_a_jpeg_without_its_end_is_refused() -> None:
    """Not one of 8,659 shared photos lacks it; where it lacks, a copy was most likely interrupted."""
    data = encode(Image.new("RGB", (64, 64), "red"), "JPEG")
    with pytest.raises(PhotoError, match="ends too early"):
        decode.read(data[:-2])
    assert decode.read(data + b"behind it").shape == (64, 64, 3)
