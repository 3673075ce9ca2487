"""One decoder: the same photo gives the same pixels however it comes, and bad ones give a reason."""

import io
import os
import struct
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from clothes.errors import PhotoError
from clothes.photos import decode as images
from clothes.photos.decode import opening
from tests.support.pictures import encode, png_header

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
    pixels = images.read(data)
    assert pixels.shape == (48, 80, 3)
    seen = images.inspect(data, 40)
    assert (seen.width, seen.height, seen.small.size) == (80, 48, (40, 24))
    assert np.abs(pixels.astype(int) - np.asarray(upright)).max() <= 8


def test_path_bytes_pil_and_array_give_the_same_pixels(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    exif = Image.Exif()
    exif[0x0112] = 6
    photo = Image.fromarray(rng.integers(0, 256, (90, 120, 3), dtype=np.uint8))
    path = tmp_path / "schönes Kleid 裙子.jpg"
    photo.save(path, exif=exif)
    expected = images.read_square(path, 64)
    loaded = Image.open(path)
    loaded.load()
    for same in (str(path), path.read_bytes(), Image.open(path), loaded, images.read(path)):
        assert np.array_equal(images.read_square(same, 64), expected)
    assert images.read(path).shape == (120, 90, 3)
    for same in (path, path.read_bytes(), Image.open(path), loaded, images.read(path)):
        seen = images.inspect(same, 30)
        assert (seen.width, seen.height, seen.small.size) == (90, 120, (22, 30))
    assert loaded.size == (120, 90)  # the caller's picture stays as it is


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
    assert images.read(data).shape == (7, 9, 3)
    assert tuple(images.read(data)[3, 4]) == expected


def test_16_bit_grey_is_scaled_not_clipped() -> None:
    ramp = np.linspace(0, 65535, 64, dtype=np.uint16).reshape(8, 8)
    pixels = images.read(encode(Image.fromarray(ramp), "PNG"))[..., 0]
    assert np.abs(pixels.astype(int) - ramp // 257).max() <= 1


def test_dark_16_bit_grey_stays_dark() -> None:
    dark = encode(Image.fromarray(np.full((8, 8), 200, dtype=np.uint16)), "PNG")
    assert images.read(dark).max() == 1


def test_palette_with_transparency_lies_on_white() -> None:
    image = Image.new("P", (4, 4), 0)
    image.putpalette([0, 0, 0, 255, 0, 0])
    image.putpixel((0, 0), 1)
    pixels = images.read(encode(image, "PNG", transparency=0))
    assert tuple(pixels[0, 0]) == (255, 0, 0)
    assert tuple(pixels[3, 3]) == (255, 255, 255)


def test_an_animation_is_its_first_frame() -> None:
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "blue")]
    for kind in ("GIF", "WEBP"):
        data = encode(frames[0], kind, save_all=True, append_images=frames[1:], lossless=True)
        assert images.read(data)[4, 4].argmax() == 0


def test_a_wrong_ending_does_not_matter_when_the_content_is_a_picture(tmp_path: Path) -> None:
    path = tmp_path / "really-a-png.jpg"
    Image.new("RGB", (5, 5), "blue").save(path, "PNG")
    assert tuple(images.read(path)[0, 0]) == (0, 0, 255)


GOOD_JPEG = encode(Image.fromarray(np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)), "JPEG")


@pytest.mark.timeout(60)  # no decoder hangs
@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty"),
        (b"<!doctype html><html><body>404</body></html>", "not-a-photo"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not-a-photo"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not-a-photo"),
        (GOOD_JPEG[: len(GOOD_JPEG) // 2], "truncated"),
        (png_header(60_000, 60_000), "too-large"),
        (png_header(9_000, 9_000), "too-large"),
        (png_header(100, 100), "truncated"),
        (b"\xff\xd8\xff\xe0" + bytes(100), "not-a-photo"),
    ],
)
def test_a_bad_photo_is_refused_with_its_reason(tmp_path: Path, data: bytes, code: str) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(data)
    with pytest.raises(PhotoError) as caught:
        images.read(path)
    assert caught.value.code == code
    assert caught.value.photo == str(path)


@pytest.mark.skipif(sys.platform == "win32", reason="needs the resource module")
def test_a_bomb_costs_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(png_header(60_000, 60_000))
    code = (
        "import resource, sys, clothes.photos.decode as images\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "before = peak()\n"
        "for way in (images.read, lambda p: images.inspect(p, 64), lambda p: images.thumbnail(p, 64)):\n"
        "    try: way(sys.argv[1]); print('read')\n"
        "    except Exception as error: print(error.code)\n"
        "print(peak() - before)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, timeout=60)
    *codes, grown = done.stdout.split()
    assert codes == ["too-large"] * 3, done.stderr
    assert int(grown) < (20_000_000 if sys.platform == "darwin" else 20_000)  # bytes there, kilobytes elsewhere


@pytest.mark.parametrize(("kind", "most"), [("JPEG", 4000), ("PNG", 4000), ("WEBP", 2000), ("AVIF", 2000)])
def test_decoders_that_take_more_memory_get_fewer_pixels(kind: str, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "MAX_PIXELS", 4000)
    images.read(encode(Image.new("RGB", (50, most // 50)), kind))
    with pytest.raises(PhotoError, match="pixels are more than") as caught:
        images.read(encode(Image.new("RGB", (50, most // 50 + 1)), kind))
    assert caught.value.code == "too-large"


def test_a_bmp_of_runs_is_small_or_refused() -> None:
    """Found by fuzzing: 104 KB of one-pixel runs made Pillow fill 52 million pixels one by one, for seconds."""

    def runs(width: int, height: int) -> bytes:
        head = struct.pack("<2sIII", b"BM", 0, 0, 54 + 1024) + struct.pack(
            "<IiiHHIIiiII", 40, width, height, 1, 8, 1, 0, 0, 0, 256, 0
        )
        return head + bytes(1024) + b"\x01\x00\x00\x00" * height

    assert images.read(runs(1000, 1000)).shape == (1000, 1000, 3)
    with pytest.raises(PhotoError, match="1 million allowed for a compressed BMP") as caught:
        images.read(runs(2000, 26_000))
    assert caught.value.code == "too-large"


@pytest.mark.parametrize(("depth", "refused"), [(8, False), (10, True)])
def test_deep_heic_gets_fewer_pixels(depth: int, refused: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    heif = pytest.importorskip("pillow_heif", reason="needs the extra 'heic'")
    picture = heif.from_bytes("RGB;16" if depth > 8 else "RGB", (64, 64), bytes(64 * 64 * 3 * (2 if depth > 8 else 1)))
    file = io.BytesIO()
    picture.save(file, format="HEIF")
    monkeypatch.setattr(opening, "MAX_PIXELS", 64 * 64)
    if refused:
        with pytest.raises(PhotoError, match="HEIC of more than 8 bits"):
            images.read(file.getvalue())
    else:
        assert images.read(file.getvalue()).shape == (64, 64, 3)


def test_a_huge_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "film.jpg"
    path.touch()
    os.truncate(path, images.MAX_BYTES + 1)  # sparse: takes no room
    with pytest.raises(PhotoError, match="500 MB allowed") as caught:
        images.read(path)
    assert caught.value.code == "too-large"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    code = (
        "import sys, clothes.photos.decode as i\ntry: i.read(sys.argv[1])\nexcept Exception as error: print(error.code)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "pipe.jpg")]
    assert subprocess.run(command, capture_output=True, text=True, timeout=30).stdout == "not-a-photo\n"


def test_a_link_to_itself_is_missing_and_the_reason_names_no_place(tmp_path: Path) -> None:
    (tmp_path / "loop.jpg").symlink_to("loop.jpg")
    with pytest.raises(PhotoError) as caught:
        images.read(tmp_path / "loop.jpg", name="loop.jpg")
    assert caught.value.code == "missing"
    assert str(tmp_path) not in str(caught.value)


def test_whatever_is_broken_only_photo_errors_come_out() -> None:
    rng = np.random.default_rng(0)
    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8825)[1] = "N"
    picture = Image.fromarray(rng.integers(0, 256, (30, 40, 3), dtype=np.uint8))
    outcomes = set()
    for kind in ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP"):
        good = encode(picture, kind, **({} if kind in ("GIF", "BMP") else {"exif": exif}))
        for _ in range(60):
            bad = bytearray(good)
            for place in rng.integers(0, min(len(bad), 400), 4):  # where headers and EXIF are
                bad[place] = rng.integers(0, 256)
            try:
                pixels = images.read(bytes(bad))
            except PhotoError as error:
                outcomes.add(error.code)
                continue
            outcomes.add("read")
            assert pixels.ndim == 3
            seen = images.inspect(bytes(bad), 16)
            assert (seen.width, seen.height) == (pixels.shape[1], pixels.shape[0])
    assert {"read", "not-a-photo", "damaged"} <= outcomes


def test_reading_in_threads_leaves_warnings_as_they_were() -> None:
    before = list(warnings.filters)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(images.read, [GOOD_JPEG] * 400))
    assert list(warnings.filters) == before


def test_missing_file_folder_and_strange_arrays(tmp_path: Path) -> None:
    for photo, code in [
        (tmp_path / "none.jpg", "missing"),
        (tmp_path, "folder"),
        (np.zeros((4, 4, 2), dtype=np.uint8), "not-a-photo"),
        (np.zeros((4, 4, 3), dtype=np.float32), "not-a-photo"),
        (np.zeros((0, 4, 3), dtype=np.uint8), "empty"),
    ]:
        with pytest.raises(PhotoError) as caught:
            images.read(photo)
        assert caught.value.code == code
    with pytest.raises(TypeError):
        images.read(7)  # type: ignore[arg-type]


def test_heic_is_read_with_the_extra(tmp_path: Path) -> None:
    heif = pytest.importorskip("pillow_heif", reason="needs the extra 'heic'")
    heif.register_heif_opener()
    path = tmp_path / "phone.heic"
    Image.new("RGB", (64, 48), (200, 30, 30)).save(path, "HEIF")
    assert images.read(path).shape == (48, 64, 3)
    assert np.abs(images.read(path)[20, 20].astype(int) - (200, 30, 30)).max() < 12


def test_letterbox_keeps_the_shape_and_pads_with_grey() -> None:
    wide = np.full((10, 40, 3), 255, dtype=np.uint8)
    square = images.letterbox(wide, 20)
    assert square.shape == (20, 20, 3)
    assert (square[:7] == 127).all()
    assert (square[8:12] == 255).all()
    assert images.letterbox(np.zeros((1, 5000, 3), dtype=np.uint8), 16).shape == (16, 16, 3)


def test_a_thumbnail_is_small_upright_and_says_nothing_of_the_camera() -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Maker"
    data = encode(Image.new("RGB", (400, 200), "red"), "JPEG", exif=exif)
    small = images.thumbnail(data, 64)
    assert small.size == (32, 64)
    assert not small.getexif()
    assert b"Maker" not in encode(small, "JPEG")


def test_a_photo_that_says_where_it_was_taken_is_known() -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8825)[1] = "N"
    located = encode(Image.new("RGB", (9, 9)), "JPEG", exif=exif)
    assert images.inspect(located, 8).located
    assert not images.inspect(GOOD_JPEG, 8).located


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize(("mode", "kind"), [("RGBA", "PNG"), ("I;16", "PNG"), ("LA", "PNG"), ("P", "GIF")])
@pytest.mark.slow
def test_the_largest_photo_allowed_takes_less_than_512_mb(mode: str, kind: str, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new(mode, (8000, 6400)).save(tmp_path / "large", kind, **({"exif": exif} if kind == "PNG" else {}))
    code = (
        "import re, sys, clothes.photos.decode as images\n"
        "images.read_square(sys.argv[1], 224)\n"
        "print(re.findall(r'VmHWM:\\s+(\\d+) kB', open('/proc/self/status').read())[0])"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "large")], capture_output=True, text=True)
    assert int(done.stdout) < 512_000, done.stderr


def test_bands_leave_no_seam() -> None:
    """Pictures of several bands are as one made whole would be."""
    rng = np.random.default_rng(3)
    color, alpha = rng.integers(0, 256, (1500, 1000, 3), dtype=np.uint8), rng.integers(0, 256, (1500, 1000))
    share = alpha[..., None] / 255
    seen = images.read(encode(Image.fromarray(np.dstack([color, alpha.astype(np.uint8)])), "PNG", compress_level=1))
    assert np.abs(seen - np.round(color * share + 255 * (1 - share))).max() <= 1
    ramp = np.linspace(-5, 5, 1_500_000, dtype=np.float32).reshape(1500, 1000)
    expected = np.round((ramp.astype(float) + 5) / 10 * 255)
    assert np.abs(images.read(encode(Image.fromarray(ramp), "TIFF"))[..., 0] - expected).max() <= 1
