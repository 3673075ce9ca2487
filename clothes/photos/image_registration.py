"""Registration of picture pairs: the small affine motion that moves one picture onto the other.

Written in NumPy for whole batches of pairs: OpenCV's `findTransformECC` takes one pair at a time, and the base install
has no OpenCV.
"""

import numpy as np

_IDENTITY = np.eye(3, dtype=np.float32)
# Coarse to fine: pixels a cell, steps, and the difference above which a pair is given up.
_LEVELS = ((4, 6, 0.50), (2, 8, 0.25))
_MAX_DEFORMATION, _MAX_SHIFT = 0.2, 0.25  # a larger motion is no next frame of a burst
_MAX_STEP = 0.1
_MIN_CONTRAST = 2.0  # gray levels: the least standard deviation that a picture is divided by


def registered_distance(pictures: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Returns the distance of pairs (N, 64, 64, 3) where they overlap, after one was moved onto the other.

    The same measure as `image_similarity.distance`; infinite where no small motion brings a pair together.
    """
    result = np.full(len(pictures), np.inf, dtype=np.float32)
    motion = np.tile(_IDENTITY, (len(pictures), 1, 1))
    left = np.arange(len(pictures))
    for cell, steps, max_difference in _LEVELS:
        if not len(left):
            break
        gray, target = (cell_means(batch[left], cell).mean(axis=3) for batch in (pictures, targets))
        motion, difference = _estimate_motion(gray, target, motion, steps)
        deviation = np.abs(motion - _IDENTITY)
        is_small = (deviation[:, :2, :2].max(axis=(1, 2)) < _MAX_DEFORMATION) & (
            deviation[:, :2, 2].max(axis=1) < _MAX_SHIFT
        )
        fits = (difference <= max_difference) & is_small
        left, motion = left[fits], motion[fits]
    if len(left):
        x, y = _moved_grid(motion, pictures.shape[1])
        is_inside = ((np.abs(x) <= 1) & (np.abs(y) <= 1)).astype(np.float32)[..., None]
        overlap = cell_means(is_inside, 2).min(axis=3) == 1
        moved = cell_means(_sample(pictures[left].astype(np.float32), x, y), 2)
        difference = _standardize(moved, overlap) - _standardize(cell_means(targets[left], 2), overlap)
        result[left] = np.sqrt((difference**2).sum(axis=(1, 2, 3)) / np.maximum(3 * overlap.sum(axis=(1, 2)), 1))
    return result


def cell_means(pictures: np.ndarray, cell: int) -> np.ndarray:
    """Returns the means of `cell` x `cell` pixels: (N, S, S, C) to float32 (N, S / cell, S / cell, C)."""
    count, side, _, channels = pictures.shape
    rows = pictures.astype(np.float32, copy=False).reshape(count, side // cell, cell, side * channels).mean(axis=2)
    return np.asarray(rows.reshape(count, side // cell, side // cell, cell, channels).mean(axis=3))


def _estimate_motion(
    gray: np.ndarray, target: np.ndarray, motion: np.ndarray, steps: int
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the affine motion (N, 3, 3) from gray pictures (N, S, S) to targets, and their remaining difference.

    Inverse compositional Gauss-Newton (Baker and Matthews 2004), in coordinates from -1 to 1, without the border.
    """
    count, side = len(gray), gray.shape[1]
    inner = (slice(None), slice(1, -1), slice(1, -1))
    wanted = _standardize(target[inner][..., None])[..., 0].reshape(count, -1)
    solver = _gauss_newton_solver(target, inner)
    for step in range(steps + 1):
        x, y = _moved_grid(motion, side)
        moved = _standardize(_sample(gray[..., None], x, y)[inner])[..., 0].reshape(count, -1)
        residual = moved - wanted
        if step == steps:
            break
        update = np.clip((solver @ residual[..., None])[..., 0], -_MAX_STEP, _MAX_STEP)
        change = np.tile(_IDENTITY, (count, 1, 1))
        change[:, 0] += update[:, [1, 2, 0]]
        change[:, 1] += update[:, [4, 5, 3]]
        motion = motion @ np.linalg.inv(change)
    return motion, root_mean_square(residual)


def _gauss_newton_solver(target: np.ndarray, inner: tuple[slice, ...]) -> np.ndarray:
    """Returns the matrices (N, 6, pixels) from residuals to the least-squares update of the six affine parameters."""
    count, side = len(target), target.shape[1]
    dy, dx = (slope[inner] * side / 2 for slope in np.gradient(target, axis=(1, 2)))
    x, y = _axes(side, slice(1, -1))
    jacobian = np.stack([dx, dx * x, dx * y, dy, dy * x, dy * y], axis=3).reshape(count, -1, 6)
    jacobian /= np.maximum(target[inner].std(axis=(1, 2)), _MIN_CONTRAST)[:, None, None]
    transposed = jacobian.transpose(0, 2, 1)
    hessian = transposed @ jacobian
    damping = (1e-3 * np.trace(hessian, axis1=1, axis2=2) + 1e-3)[:, None, None] / 6
    hessian += damping * np.eye(6, dtype=np.float32)
    return np.linalg.inv(hessian) @ transposed


def _axes(side: int, part: slice = slice(None)) -> tuple[np.ndarray, np.ndarray]:
    """Returns the x and y coordinates of pixel centres, from -1 to 1 across the picture."""
    axis = ((2 * np.arange(side, dtype=np.float32) + 1) / side - 1)[part]
    return axis[None, None, :], axis[None, :, None]


def _moved_grid(motion: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the coordinates x and y (N, side, side) that the pixels come from; outside of -1 to 1 is no picture."""
    x, y = _axes(side)
    m = motion[:, :, :, None, None]
    return m[:, 0, 0] * x + m[:, 0, 1] * y + m[:, 0, 2], m[:, 1, 0] * x + m[:, 1, 1] * y + m[:, 1, 2]


def _sample(pictures: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Returns pictures (N, S, S, C) at coordinates (N, S, S), by bilinear interpolation."""
    count, side, _, channels = pictures.shape
    column, row = ((place + 1) * side / 2 - 0.5 for place in (x, y))
    left = np.clip(np.floor(column), 0, side - 2).astype(np.int32)
    top = np.clip(np.floor(row), 0, side - 2).astype(np.int32)
    right_share, lower_share = np.clip(column - left, 0, 1)[..., None], np.clip(row - top, 0, 1)[..., None]
    index = left + top * side + np.arange(count, dtype=np.int32)[:, None, None] * side * side
    flat = pictures.reshape(-1, channels)
    upper = flat[index] * (1 - right_share) + flat[index + 1] * right_share
    lower = flat[index + side] * (1 - right_share) + flat[index + side + 1] * right_share
    return np.asarray(upper * (1 - lower_share) + lower * lower_share)


def _standardize(pictures: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
    """Returns pictures (N, H, W, C) with mean 0 and standard deviation 1 inside the mask (N, H, W), and 0 outside."""
    weight = np.ones((1, 1, 1, 1), np.float32) if mask is None else mask[..., None].astype(np.float32)
    number = np.broadcast_to(weight, pictures.shape).sum(axis=(1, 2, 3), keepdims=True).clip(1)
    centred = (pictures - (pictures * weight).sum(axis=(1, 2, 3), keepdims=True) / number) * weight
    deviation = np.sqrt((centred**2).sum(axis=(1, 2, 3), keepdims=True) / number)
    return np.asarray(centred / np.maximum(deviation, _MIN_CONTRAST), dtype=np.float32)


def root_mean_square(differences: np.ndarray) -> np.ndarray:
    """Returns the root mean square of each row."""
    return np.sqrt((differences**2).mean(axis=1))
