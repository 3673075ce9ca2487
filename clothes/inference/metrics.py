"""Metrics of scores and labels: intervals, figures per class, calibration."""

import math

import numpy as np


def wilson_interval(right: int, total: int) -> tuple[float, float]:
    """Returns the 95 % interval of a proportion (Wilson, 1927), valid for few photos and near 0 or 1 too."""
    if total == 0:
        return (0.0, 1.0)
    share, z = right / total, 1.959964
    z2 = z * z
    centre = (share + z2 / (2 * total)) / (1 + z2 / total)
    half = z / (1 + z2 / total) * math.sqrt(share * (1 - share) / total + z2 / (4 * total * total))
    return (0.0 if right == 0 else centre - half, 1.0 if right == total else centre + half)


def confusion_matrix(truth: np.ndarray, answers: np.ndarray, classes: int) -> np.ndarray:
    """Returns counts int (classes, classes): a row for each true class, a column for each predicted one."""
    return np.bincount(truth * classes + answers, minlength=classes * classes).reshape(classes, classes)


def precision_recall_f1(confusion: np.ndarray) -> list[dict[str, float | int | None]]:
    """Returns precision, recall, F1 and number of photos of each class; None instead of a division by zero."""
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
    """Returns the mean negative log-probability of the true class, in nats."""
    right = np.clip(scores[np.arange(len(labels)), labels], 1e-12, 1)
    return float(0.0 - np.log(right).mean())  # not -0.0


def expected_calibration_error(confidence: np.ndarray, right: np.ndarray, *, bins: int = 10) -> float:
    """Returns the mean gap of confidence and accuracy in bins of equal size (Nguyen and O'Connor, 2015)."""
    order = np.argsort(confidence, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    return float(sum(len(p) * abs(confidence[p].mean() - right[p].mean()) for p in parts) / max(1, len(order)))


def lowest_kept(confidence: np.ndarray, share: float) -> float:
    """Returns the confidence that at least this share of the predictions reach."""
    return float(np.sort(confidence)[math.floor((1 - share) * len(confidence))])


def apply_temperature(scores: np.ndarray, temperature: float) -> np.ndarray:
    """Returns the scores after dividing the logits by `temperature`."""
    logits = np.log(np.maximum(scores.astype(np.float64), 1e-30)) / temperature
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def calibrate_temperature(scores: np.ndarray, labels: np.ndarray) -> float:
    """Returns the temperature from 0.2 to 5 with the lowest log loss (Guo et al., 2017), by golden-section search."""
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
    """Returns the two-sided p-value of McNemar's exact test, for two models that are right alone on so many photos."""
    total, fewer = only_first + only_second, min(only_first, only_second)
    return min(1.0, 2 * sum(math.comb(total, k) for k in range(fewer + 1)) / 2**total)
