"""The same photo gives the same pixels however it comes; a thumbnail says nothing of its photo."""

from pathlib import Path

import numpy as np
from PIL import Image

from clothes.photos import decode
from tests.support.pictures import encode


def test_path_bytes_pil_and_array_give_the_same_pixels(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    exif = Image.Exif()
    exif[0x0112] = 6
    photo = Image.fromarray(rng.integers(0, 256, (90, 120, 3), dtype=np.uint8))
    path = tmp_path / "schönes Kleid 裙子.jpg"
    photo.save(path, exif=exif)
    expected = decode.read_square(path, 64)
    loaded = Image.open(path)
    loaded.load()
    for same in (str(path), path.read_bytes(), Image.open(path), loaded, decode.read(path)):
        assert np.array_equal(decode.read_square(same, 64), expected)
    assert decode.read(path).shape == (120, 90, 3)
    for same in (path, path.read_bytes(), Image.open(path), loaded, decode.read(path)):
        seen = decode.inspect(same, 30)
        assert (seen.width, seen.height, seen.small.size) == (90, 120, (22, 30))
    assert loaded.size == (120, 90)  # the caller's picture stays as it is


def test_a_thumbnail_is_small_upright_and_says_nothing_of_the_camera() -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Maker"
    data = encode(Image.new("RGB", (400, 200), "red"), "JPEG", exif=exif)
    small = decode.thumbnail(data, 64)
    assert small.size == (32, 64)
    assert not small.getexif()
    assert b"Maker" not in encode(small, "JPEG")


def test_a_photo_that_says_where_it_was_taken_is_known() -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8825)[1] = "N"
    located = encode(Image.new("RGB", (9, 9)), "JPEG", exif=exif)
    assert decode.inspect(located, 8).located
    assert not decode.inspect(encode(Image.new("RGB", (9, 9)), "JPEG"), 8).located
