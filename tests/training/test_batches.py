"""Batches depend on seed and epoch alone; classes are balanced; the background thread ends."""

import dataclasses
import threading

import numpy as np
import pytest

pytest.importorskip("cv2", reason="training needs the extra 'train'")

from clothes.config import Augmentation, TrainConfig
from clothes.training.batches import balanced_order, batches, one_hot, prefetch, steps_per_epoch
from clothes.training.datasets import Pictures

STILL = dataclasses.replace(Augmentation().times(0), flip=False, warmup=0)


def test_batches_depend_on_seed_and_epoch_alone() -> None:
    pictures = Pictures(np.random.default_rng(0).integers(0, 256, (50, 16, 16, 3), dtype=np.uint8), np.arange(50) % 3)

    def epoch(seed: int, number: int) -> list[tuple[np.ndarray, np.ndarray]]:
        return list(batches(pictures, TrainConfig(batch_size=8, seed=seed), 3, epoch=number))

    one, same = epoch(0, 5), epoch(0, 5)
    assert all(np.array_equal(a[0], b[0]) and np.array_equal(a[1], b[1]) for a, b in zip(one, same, strict=True))
    assert not np.array_equal(one[0][0], epoch(0, 6)[0][0])
    assert not np.array_equal(one[0][0], epoch(1, 5)[0][0])
    assert len(one) == steps_per_epoch(50, 8) == 6
    assert one[0][1].sum(axis=1) == pytest.approx(np.ones(8))
    assert one[0][1].max() == pytest.approx(0.9 + 0.1 / 3)


def test_shares_of_a_batch_make_up_the_whole() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (50, 24, 24, 3), dtype=np.uint8)
    pixels[:30, :, :8] = pixels[:30, :, 16:] = pixels[:30, :8] = pixels[:30, 16:] = 250  # garments on white
    labels = np.arange(50) % 4 - 1
    pictures = Pictures(pixels, labels, taught=np.random.default_rng(1).random((50, 3), dtype=np.float32))
    config = TrainConfig(batch_size=12, augmentation=Augmentation(border="any", degrade=0.5, background=0.5))
    whole = list(batches(pictures, config, 3, epoch=2, step=1))
    shares = [list(batches(pictures, config, 3, epoch=2, step=1, share=(i, 3))) for i in range(3)]
    for number, (pictures_of_all, targets_of_all) in enumerate(whole):
        parts = [share[number] for share in shares]
        assert [len(part) for part, _ in parts] == [4, 4, 4]
        assert np.array_equal(np.concatenate([part for part, _ in parts]), pictures_of_all)
        assert np.array_equal(np.concatenate([targets for _, targets in parts]), targets_of_all)


def test_every_photo_comes_once_an_epoch() -> None:
    pictures = Pictures(
        np.arange(40, dtype=np.uint8)[:, None, None, None] * np.ones((1, 8, 8, 3), np.uint8), np.zeros(40, int)
    )
    seen = [
        int(picture[0, 0, 0])
        for batch, _ in batches(pictures, TrainConfig(batch_size=8, augmentation=STILL), 2, epoch=0)
        for picture in batch
    ]
    assert sorted(seen) == list(range(40))


def test_garments_are_laid_on_photos_of_no_class() -> None:
    """White pictures with a black square come back with the colours of the photos of no class around it."""
    pixels = np.full((40, 32, 32, 3), 255, np.uint8)
    pixels[:20, 10:22, 10:22] = 0
    pixels[20:] = np.arange(20, 40, dtype=np.uint8)[:, None, None, None]
    pictures = Pictures(pixels, np.where(np.arange(40) < 20, 0, -1))
    config = TrainConfig(batch_size=8, augmentation=dataclasses.replace(STILL, background=1.0))
    drawn = [picture for batch, _ in batches(pictures, config, 2, epoch=0) for picture in batch]
    garments = [picture for picture in drawn if (picture[16, 16] == 0).all()]
    behind = [set(picture[0].ravel()) for picture in garments]
    assert len(garments) == 20 and {255} not in behind
    assert sum(colors <= set(range(20, 40)) for colors in behind) >= 8


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


def test_the_first_epochs_change_photos_less() -> None:
    pixels = np.full((40, 24, 24, 3), 200, np.uint8)
    changes = Augmentation(**{**vars(STILL), "erase": 1.0, "warmup": 0.5})
    config = TrainConfig(batch_size=40, epochs=10, augmentation=changes)

    def erased(epoch: int) -> int:
        [(pictures, _)] = batches(Pictures(pixels, np.zeros(40, int)), config, 2, epoch=epoch)
        return int((pictures != pixels).any(axis=(1, 2, 3)).sum())

    assert erased(0) == 0 < erased(2) < erased(5) == erased(9) == 40
