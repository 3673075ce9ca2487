"""Numbers from scores and labels: intervals, per-class figures, calibration. NumPy only."""

import math

import numpy as np


def wilson_interval(right: int, total: int, *, z: float = 1.959964) -> tuple[float, float]:
    """The 95 % interval of a proportion (Wilson, 1927), which holds for few photos and near 0 or 1 too."""
    if total == 0:
        return (0.0, 1.0)
    share, z2 = right / total, z * z
    centre = (share + z2 / (2 * total)) / (1 + z2 / total)
    half = z / (1 + z2 / total) * math.sqrt(share * (1 - share) / total + z2 / (4 * total * total))
    return (0.0 if right == 0 else centre - half, 1.0 if right == total else centre + half)


def confusion_matrix(truth: np.ndarray, answers: np.ndarray, classes: int) -> np.ndarray:
    """Counts int (classes, classes): row the truth, column the answer."""
    return np.bincount(truth * classes + answers, minlength=classes * classes).reshape(classes, classes)


def precision_recall_f1(confusion: np.ndarray) -> list[dict[str, float | int | None]]:
    """For each class its precision, recall, F1 and number of photos; None where nothing was there to divide by."""
    right, asked, answered = np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    return [
        {
            "precision": float(r / p) if p else None,
            "recall": float(r / t) if t else None,
            "f1": float(2 * r / (p + t)) if p + t else None,
            "photos": int(t),
        }
        for r, t, p in zip(right, asked, answered, strict=True)
    ]


def log_loss(scores: np.ndarray, labels: np.ndarray) -> float:
    """Mean negative log of the probability given to the truth, in nats."""
    return float(-np.log(np.maximum(scores[np.arange(len(labels)), labels], 1e-12)).mean())


def expected_calibration_error(confidence: np.ndarray, right: np.ndarray, *, bins: int = 10) -> float:
    """Mean distance of confidence and accuracy over bins of equally many photos (Nguyen and O'Connor, 2015)."""
    order = np.argsort(confidence, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    return float(sum(len(p) * abs(confidence[p].mean() - right[p].mean()) for p in parts) / max(1, len(order)))


def lowest_kept(confidence: np.ndarray, share: float) -> float:
    """The confidence that at least this share of these answers reach."""
    return float(np.sort(confidence)[math.floor((1 - share) * len(confidence))])


def apply_temperature(scores: np.ndarray, temperature: float) -> np.ndarray:
    """The scores as they would be had the logits been divided by `temperature`."""
    logits = np.log(np.maximum(scores.astype(np.float64), 1e-30)) / temperature
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def calibrate_temperature(scores: np.ndarray, labels: np.ndarray) -> float:
    """The temperature that minimises the log loss of these scores (Guo et al., 2017), between 0.2 and 5.

    Golden-section search on its logarithm: the loss has one minimum there.
    """
    low, high = math.log(0.2), math.log(5)
    golden = (math.sqrt(5) - 1) / 2

    def loss(log_temperature: float) -> float:
        return log_loss(apply_temperature(scores, math.exp(log_temperature)), labels)

    left, right = high - golden * (high - low), low + golden * (high - low)
    loss_left, loss_right = loss(left), loss(right)
    while high - low > 1e-4:
        if loss_left < loss_right:
            high, right, loss_right = right, left, loss_left
            left = high - golden * (high - low)
            loss_left = loss(left)
        else:
            low, left, loss_left = left, right, loss_right
            right = low + golden * (high - low)
            loss_right = loss(right)
    return math.exp((low + high) / 2)


def mcnemar(only_first: int, only_second: int) -> float:
    """The two-sided p-value of McNemar's exact test: how likely counts so unequal are if both are as often right.

    `only_first` and `only_second` count the photos on which just one of two was right.
    """
    total = only_first + only_second
    tail = term = 1  # of the binomial coefficients
    for k in range(min(only_first, only_second)):
        term = term * (total - k) // (k + 1)
        tail += term
    return min(1.0, 2 * tail / 2**total)
