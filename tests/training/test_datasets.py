"""Photos are decoded once; the cache is checked and its errors name the photo or the folder."""

import errno
import hashlib
import os
from pathlib import Path

import numpy as np
import pytest

cv2 = pytest.importorskip("cv2", reason="training needs the extra 'train'")

import clothes
from clothes.errors import SplitError, TrainingError
from clothes.photos import decode
from clothes.system.user_folders import cache_folder
from clothes.training import datasets
from tests.support.pictures import make_photos


@pytest.fixture
def split(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> clothes.Split:
    monkeypatch.setenv("CLOTHES_CACHE", str(tmp_path / "cache"))
    return clothes.split(make_photos(tmp_path / "photos", each=10))


def test_decoded_pixels_are_the_decoders(split: clothes.Split) -> None:
    part = datasets.decode(split, 32, ("train",))["train"]
    assert isinstance(part.pixels, np.memmap)
    for pixels, label, row in zip(part.pixels, part.labels, split.part("train"), strict=True):
        assert np.array_equal(pixels, decode.read_square(split.root / row.photo, 32))
        assert split.classes[label] == row.label


def test_a_second_run_decodes_nothing(split: clothes.Split, monkeypatch: pytest.MonkeyPatch) -> None:
    first = datasets.decode(split, 32, ("train", "validation"))
    monkeypatch.setattr(datasets, "read_square", lambda *args: pytest.fail("decoded again"))
    second = datasets.decode(split, 32, ("train", "validation"))
    assert np.array_equal(first["train"].pixels, second["train"].pixels)


def test_another_size_and_a_damaged_cache_are_decoded_anew(split: clothes.Split) -> None:
    expected = np.array(datasets.decode(split, 32, ("train",))["train"].pixels)
    assert datasets.decode(split, 24, ("train",))["train"].pixels.shape[1:] == (24, 24, 3)
    for file in cache_folder().glob("*.npy"):
        file.write_bytes(file.read_bytes()[:200])
    assert np.array_equal(datasets.decode(split, 32, ("train",))["train"].pixels, expected)


@pytest.mark.parametrize("place", [0, 130, -40, -1])
def test_a_cache_with_one_wrong_bit_is_made_anew(split: clothes.Split, place: int) -> None:
    expected = np.array(datasets.decode(split, 32, ("train",))["train"].pixels)
    (file,) = cache_folder().glob("*.npy")
    data = bytearray(file.read_bytes())
    data[place] ^= 1
    file.write_bytes(data)
    assert np.array_equal(datasets.decode(split, 32, ("train",))["train"].pixels, expected)


@pytest.mark.parametrize("header", [b"", b"'descr': '|O', 'shape': (9,)", b"'descr': '<f8', 'shape': (1 << 60,)"])
def test_the_header_of_a_foreign_cache_is_not_believed(split: clothes.Split, header: bytes) -> None:
    expected = np.array(datasets.decode(split, 32, ("train",))["train"].pixels)
    (file,) = cache_folder().glob("*.npy")
    data = b"\x93NUMPY\1\0v\0{" + header.ljust(118) + expected.tobytes()
    file.write_bytes(data + hashlib.sha256(data).digest())
    assert np.array_equal(datasets.decode(split, 32, ("train",))["train"].pixels, expected)


def test_a_photo_that_changed_under_the_cache_is_named(split: clothes.Split) -> None:
    datasets.decode(split, 32, ("train",))
    one, other = (split.root / row.photo for row in split.part("train")[:2])
    one.touch()  # the same still
    datasets.decode(split, 32, ("train",))
    one.write_bytes(other.read_bytes())
    with pytest.raises(SplitError, match=f"{split.part('train')[0].photo} has changed"):
        datasets.decode(split, 32, ("train",))


def test_caches_that_no_run_used_for_a_month_go(split: clothes.Split) -> None:
    datasets.decode(split, 32, ("train",))
    (file,) = cache_folder().glob("*.npy")
    written = file.stat().st_mtime
    os.utime(file, (0, 0))
    (cache_folder() / ".making-killed").touch()
    os.utime(cache_folder() / ".making-killed", (0, 0))
    datasets.decode(split, 32, ("train",))  # used now
    datasets.decode(split, 24, ("train",))
    assert file.exists()
    assert not (cache_folder() / ".making-killed").exists()
    os.utime(file, (0, written))
    datasets.decode(split, 20, ("train",))
    assert not file.exists()


def test_a_photo_that_changed_or_went_since_the_split_is_named(split: clothes.Split) -> None:
    photo = split.part("train")[0].photo
    (split.root / photo).write_bytes((split.root / split.part("train")[1].photo).read_bytes())
    with pytest.raises(SplitError, match=f"{photo} has changed"):
        datasets.decode(split, 32, ("train",))
    (split.root / photo).unlink()
    with pytest.raises(SplitError, match=f"{photo} is in the split but cannot be read"):
        datasets.decode(split, 32, ("train",))
    assert not list(cache_folder().glob("*"))


def test_a_full_disk_is_an_error_before_anything_is_mapped(
    split: clothes.Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(file: int, offset: int, size: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    with pytest.raises(TrainingError, match=r"cache \(No space left on device; 0\.3 MB are needed\).*CLOTHES_CACHE"):
        datasets.decode(split, 64, ("train",))
    assert not list(cache_folder().glob("*"))


def test_a_cache_that_cannot_be_written_is_an_error_with_advice(
    split: clothes.Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("CLOTHES_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(TrainingError, match=r"cannot be kept in .*file/cache \(Not a directory.*CLOTHES_CACHE"):
        datasets.decode(split, 32, ("train",))
