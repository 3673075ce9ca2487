"""Bad photos are refused with a reason, within limits of memory and size."""

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
from clothes.photos import decode
from clothes.photos.decode import opening
from tests.support.pictures import encode, png_header

GOOD_JPEG = encode(Image.fromarray(np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)), "JPEG")


def test_a_wrong_ending_does_not_matter_when_the_content_is_a_picture(tmp_path: Path) -> None:
    path = tmp_path / "really-a-png.jpg"
    Image.new("RGB", (5, 5), "blue").save(path, "PNG")
    assert tuple(decode.read(path)[0, 0]) == (0, 0, 255)


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
        decode.read(path)
    assert caught.value.code == code
    assert caught.value.photo == str(path)


@pytest.mark.skipif(sys.platform == "win32", reason="needs the resource module")
def test_a_bomb_costs_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(png_header(60_000, 60_000))
    code = (
        "import resource, sys, clothes.photos.decode as decode\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "before = peak()\n"
        "for way in (decode.read, lambda p: decode.inspect(p, 64), lambda p: decode.thumbnail(p, 64)):\n"
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
    decode.read(encode(Image.new("RGB", (50, most // 50)), kind))
    with pytest.raises(PhotoError, match="pixels are more than") as caught:
        decode.read(encode(Image.new("RGB", (50, most // 50 + 1)), kind))
    assert caught.value.code == "too-large"


def test_a_bmp_of_runs_is_small_or_refused() -> None:
    """Found by fuzzing: 104 KB of one-pixel runs made Pillow fill 52 million pixels one by one, for seconds."""

    def runs(width: int, height: int) -> bytes:
        head = struct.pack("<2sIII", b"BM", 0, 0, 54 + 1024) + struct.pack(
            "<IiiHHIIiiII", 40, width, height, 1, 8, 1, 0, 0, 0, 256, 0
        )
        return head + bytes(1024) + b"\x01\x00\x00\x00" * height

    assert decode.read(runs(1000, 1000)).shape == (1000, 1000, 3)
    with pytest.raises(PhotoError, match="1 million allowed for a compressed BMP") as caught:
        decode.read(runs(2000, 26_000))
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
            decode.read(file.getvalue())
    else:
        assert decode.read(file.getvalue()).shape == (64, 64, 3)


def test_a_huge_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "film.jpg"
    path.touch()
    os.truncate(path, decode.MAX_BYTES + 1)  # sparse: takes no room
    with pytest.raises(PhotoError, match="500 MB allowed") as caught:
        decode.read(path)
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
        decode.read(tmp_path / "loop.jpg", name="loop.jpg")
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
                pixels = decode.read(bytes(bad))
            except PhotoError as error:
                outcomes.add(error.code)
                continue
            outcomes.add("read")
            assert pixels.ndim == 3
            seen = decode.inspect(bytes(bad), 16)
            assert (seen.width, seen.height) == (pixels.shape[1], pixels.shape[0])
    assert {"read", "not-a-photo", "damaged"} <= outcomes


def test_reading_in_threads_leaves_warnings_as_they_were() -> None:
    before = list(warnings.filters)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(decode.read, [GOOD_JPEG] * 400))
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
            decode.read(photo)
        assert caught.value.code == code
    with pytest.raises(TypeError):
        decode.read(7)  # type: ignore[arg-type]


def test_heic_is_read_with_the_extra(tmp_path: Path) -> None:
    heif = pytest.importorskip("pillow_heif", reason="needs the extra 'heic'")
    heif.register_heif_opener()
    path = tmp_path / "phone.heic"
    Image.new("RGB", (64, 48), (200, 30, 30)).save(path, "HEIF")
    assert decode.read(path).shape == (48, 64, 3)
    assert np.abs(decode.read(path)[20, 20].astype(int) - (200, 30, 30)).max() < 12
