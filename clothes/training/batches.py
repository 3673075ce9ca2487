"""Makes shuffled, balanced, augmented batches in a background thread."""

import math
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar, cast

import numpy as np

from clothes.config import TrainConfig
from clothes.training.augmentation import augment
from clothes.training.backgrounds import replace_backgrounds
from clothes.training.datasets import Pictures

T = TypeVar("T")
Batch = tuple[np.ndarray, np.ndarray]  # pictures uint8 (N, size, size, 3), targets float32 (N, classes)

_AHEAD = 4  # batches made in advance


def batches(
    pictures: Pictures,
    config: TrainConfig,
    classes: int,
    *,
    epoch: int,
    step: int = 0,
    share: tuple[int, int] = (0, 1),
) -> Iterator[Batch]:
    """Yields the batches of an epoch from `step` on. Photos left over from full batches wait for another epoch.

    Each batch depends on (seed, epoch, step) alone, so a resumed training sees the same batches. With a `share`, which
    is (number from 0, of how many), only this part of each batch is made; its photos change as in the whole.
    """
    order = balanced_order(pictures.labels, config.balance, np.random.default_rng([config.seed, epoch]))
    augmentation = config.augmentation.after(epoch / config.epochs)
    size = min(config.batch_size, len(pictures))
    mine = slice(share[0] * size // share[1], (share[0] + 1) * size // share[1])
    others = np.flatnonzero(pictures.labels < 0)
    for number in range(step, len(order) // size):
        chosen = order[number * size : (number + 1) * size]
        rng = np.random.default_rng([config.seed, epoch, number])
        targets = make_targets(pictures, chosen[mine], classes, config)
        pixels = pictures.pixels[chosen]
        if augmentation.background:
            behind = pictures.pixels[rng.permutation(others)[:size]]
            pixels = replace_backgrounds(pixels, augmentation.background, behind, rng)
        yield augment(pixels, augmentation, rng, only=mine), targets


def steps_per_epoch(photos: int, batch_size: int) -> int:
    """Returns the number of full batches, at least 1."""
    return max(1, photos // batch_size)


def balanced_order(labels: np.ndarray, balance: float, rng: np.random.Generator) -> np.ndarray:
    """Returns len(labels) shuffled positions. A class of n photos gets a share proportional to n^(1 - balance)."""
    if not balance:
        return rng.permutation(len(labels))
    classes, counts = np.unique(labels, return_counts=True)
    shares = counts ** (1 - balance)
    ends = np.round(np.cumsum(shares) / shares.sum() * len(labels)).astype(int)
    drawn = []
    for label, wanted in zip(classes, np.diff(ends, prepend=0), strict=True):
        members = np.flatnonzero(labels == label)
        rounds = [rng.permutation(members) for _ in range(math.ceil(wanted / len(members)))]
        drawn.append(np.concatenate([members[:0], *rounds])[:wanted])
    return rng.permutation(np.concatenate(drawn))


def make_targets(pictures: Pictures, chosen: np.ndarray, classes: int, config: TrainConfig) -> np.ndarray:
    """Returns the targets float32 (N, classes) of the chosen photos: their labels, mixed with what a teacher says.

    The cross-entropy with mixed targets is the same mixture of the two cross-entropies.
    """
    targets = one_hot(pictures.labels[chosen], classes, config.label_smoothing)
    if pictures.taught is None:
        return targets
    share = np.float32(config.teacher_weight)
    return (1 - share) * targets + share * pictures.taught[chosen]


def one_hot(labels: np.ndarray, classes: int, smoothing: float = 0.0) -> np.ndarray:
    """Returns targets float32 (N, classes). Label -1 gives every class the same share (Hendrycks et al., 2019)."""
    rows = np.eye(classes + 1, classes, dtype=np.float32) * (1 - smoothing) + smoothing / classes
    rows[-1] = 1 / classes  # the row that label -1 selects
    return rows[labels]


def prefetch(items: Iterator[T]) -> Iterator[T]:
    """Yields the same items, made in a background thread while the caller works on the previous one."""
    pool, end = ThreadPoolExecutor(1, thread_name_prefix="clothes-batches"), object()
    try:
        ahead = deque(pool.submit(next, items, end) for _ in range(_AHEAD))
        while (item := ahead.popleft().result()) is not end:
            ahead.append(pool.submit(next, items, end))
            yield cast(T, item)
    finally:
        pool.shutdown(cancel_futures=True)
