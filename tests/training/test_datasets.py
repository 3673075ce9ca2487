"""Photos are decoded once; batches depend on seed and epoch alone; each augmentation has its effect."""

import errno
import os
import threading
from pathlib import Path

import numpy as np
import pytest

cv2 = pytest.importorskip("cv2", reason="training needs the extra 'train'")

import clothes
from clothes.config import Augmentation, TrainConfig
from clothes.errors import SplitError, TrainingError
from clothes.photos import decode
from clothes.photos.decode import letterbox
from clothes.system.user_folders import cache_folder
from clothes.training import datasets
from clothes.training.augmentation import augment
from clothes.training.batches import balanced_order, batches, one_hot, prefetch, steps_per_epoch
from tests.support.pictures import make_photos

STILL = Augmentation(flip=False, rotation=0, zoom=(1, 1), stretch=0, shear=0, shift=0, color=0, gray=0, erase=0)


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


def test_batches_depend_on_seed_and_epoch_alone() -> None:
    pictures = datasets.Pictures(
        np.random.default_rng(0).integers(0, 256, (50, 16, 16, 3), dtype=np.uint8), np.arange(50) % 3
    )

    def epoch(seed: int, number: int) -> list[tuple[np.ndarray, np.ndarray]]:
        return list(batches(pictures, TrainConfig(batch_size=8, seed=seed), 3, epoch=number))

    one, same = epoch(0, 5), epoch(0, 5)
    assert all(np.array_equal(a[0], b[0]) and np.array_equal(a[1], b[1]) for a, b in zip(one, same, strict=True))
    assert not np.array_equal(one[0][0], epoch(0, 6)[0][0])
    assert not np.array_equal(one[0][0], epoch(1, 5)[0][0])
    assert len(one) == steps_per_epoch(50, 8) == 6
    assert one[0][1].sum(axis=1) == pytest.approx(np.ones(8))
    assert one[0][1].max() == pytest.approx(0.9 + 0.1 / 3)


def test_every_photo_comes_once_an_epoch() -> None:
    pictures = datasets.Pictures(
        np.arange(40, dtype=np.uint8)[:, None, None, None] * np.ones((1, 8, 8, 3), np.uint8), np.zeros(40, int)
    )
    seen = [
        int(picture[0, 0, 0])
        for batch, _ in batches(pictures, TrainConfig(batch_size=8, augmentation=STILL), 2, epoch=0)
        for picture in batch
    ]
    assert sorted(seen) == list(range(40))


def test_no_augmentation_changes_nothing() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (4, 20, 20, 3), dtype=np.uint8)
    assert np.array_equal(augment(pictures, STILL, np.random.default_rng(0)), pictures)


def test_flips_and_shifts_are_exact() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (1, 28, 28, 3), dtype=np.uint8)
    config = Augmentation(**{**vars(STILL), "flip": True})
    flips = [augment(pictures, config, np.random.default_rng(i))[0] for i in range(20)]
    flipped = [np.array_equal(out, pictures[0, :, ::-1]) for out in flips]
    assert all(f or np.array_equal(out, pictures[0]) for f, out in zip(flipped, flips, strict=True))
    assert 4 <= sum(flipped) <= 16
    shifted = augment(pictures, Augmentation(**{**vars(STILL), "shift": 0.1}), np.random.default_rng(1))[0]
    assert set(map(tuple, shifted.reshape(-1, 3))) <= set(map(tuple, pictures.reshape(-1, 3)))


def test_each_change_changes_something_and_keeps_shape_and_type() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (8, 24, 24, 3), dtype=np.uint8)
    for name, value in {
        "rotation": 20.0,
        "zoom": (0.7, 0.8),
        "stretch": 0.3,
        "shear": 0.3,
        "color": 0.4,
        "gray": 1.0,
        "erase": 1.0,
    }.items():
        out = augment(pictures, Augmentation(**{**vars(STILL), name: value}), np.random.default_rng(0))
        assert out.shape == pictures.shape and out.dtype == np.uint8
        assert all(not np.array_equal(a, b) for a, b in zip(out, pictures, strict=True)), name
        if name == "gray":
            assert (out[..., 0] == out[..., 2]).all()


def test_a_degraded_photo_has_lost_detail() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (30, 96, 96, 3), dtype=np.uint8)
    out = augment(pictures, Augmentation(**{**vars(STILL), "degrade": 1.0}), np.random.default_rng(0))
    assert out.shape == pictures.shape
    assert all(a.std() < b.std() for a, b in zip(out, pictures, strict=True))
    half = augment(pictures, Augmentation(**{**vars(STILL), "degrade": 0.5}), np.random.default_rng(0))
    assert 5 < sum(np.array_equal(a, b) for a, b in zip(half, pictures, strict=True)) < 25


def test_the_letterbox_gets_another_border_and_the_photo_stays() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (24, 12, 3), dtype=np.uint8)
    boxed = letterbox(photo, 24)
    config = Augmentation(**{**vars(STILL), "border": "any"})
    changed = augment(np.stack([boxed] * 60), config, np.random.default_rng(0))
    assert all(np.array_equal(picture[:, 6:18], photo) for picture in changed)
    left = {picture[:, :6].tobytes() for picture in changed}
    drawn, mirrored = np.repeat(photo[:, :1], 6, axis=1), photo[:, 5::-1]
    white, gray = np.full((24, 6, 3), 255, np.uint8), boxed[:, :6]
    assert {border.tobytes() for border in (drawn, mirrored, white, gray)} <= left
    assert len(left) > 10  # and many a colour
    empty = np.full((1, 24, 24, 3), 127, np.uint8)
    assert np.array_equal(augment(empty, config, np.random.default_rng(0)), empty)


def test_balance_draws_rare_classes_more_often() -> None:
    labels = np.repeat([0, 1, 2], [400, 80, 20])
    rng = np.random.default_rng(0)
    counts = {b: np.bincount(labels[balanced_order(labels, b, rng)]) for b in (0.0, 0.5, 1.0)}
    assert counts[0.0].tolist() == [400, 80, 20]
    assert counts[1.0] == pytest.approx(500 / 3, abs=1)
    roots = np.sqrt([400, 80, 20])
    assert counts[0.5] == pytest.approx(500 * roots / roots.sum(), abs=1)
    drawn = balanced_order(labels, 1.0, rng)
    often = np.bincount(drawn, minlength=500)
    assert set(often[480:]) == {8, 9}  # every photo of a rare class as often, give or take one
    assert set(often[:400]) == {0, 1}


def test_a_photo_of_no_class_teaches_that_all_are_as_likely() -> None:
    targets = one_hot(np.array([1, -1, 2]), 4, 0.1)
    assert targets[1] == pytest.approx(np.full(4, 0.25))
    assert targets[[0, 2], [1, 2]] == pytest.approx(0.925)
    assert targets.sum(axis=1) == pytest.approx(np.ones(3))


def test_prefetch_keeps_order_passes_errors_on_and_stops() -> None:
    assert list(prefetch(iter(range(20)))) == list(range(20))

    def failing() -> object:
        yield 1
        raise RuntimeError("broken photo")

    items = prefetch(failing())
    assert next(items) == 1
    with pytest.raises(RuntimeError, match="broken photo"):
        next(items)
    endless = prefetch(iter(lambda: 0, 1))
    next(endless)
    endless.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("clothes-batches")]
