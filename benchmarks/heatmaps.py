"""Measures heatmaps: their speed, and how far covering the hottest fifth of a photo lowers its score.

uv run python benchmarks/heatmaps.py PHOTOS [BUNDLE]

PHOTOS holds class folders of photos that the bundle was not trained on.
"""

import sys
import time
from pathlib import Path

import numpy as np

import clothes
from clothes.inference.occlusion import covered
from clothes.photos import decode
from clothes.photos.folders import list_class_folders

RANDOM = 8  # random fifths of a photo


def main(photos: Path, bundle: Path | None) -> None:
    classifier = clothes.load(bundle)
    chosen = sorted(photo.path for photo in list_class_folders(photos).photos)
    hot, chance, seconds = [], [], []
    for number, path in enumerate(chosen):
        began = time.perf_counter()
        explanation = classifier.explain(photos / path)
        seconds.append(time.perf_counter() - began)
        hottest, random = falls(classifier, photos / path, explanation, seed=number)
        hot.append(hottest)
        chance.append(random)
    truer = np.mean(np.array(hot) > np.array(chance))
    print(f"{len(chosen)} photos, {np.median(seconds):.2f} s each (median), {max(seconds):.2f} s at most")
    print(f"the score falls by {np.mean(hot):.3f} without the hottest fifth, by {np.mean(chance):.3f} without a random")
    print(f"one (mean of {RANDOM}); the hottest lowers it more on {truer:.1%} of the photos")


def falls(
    classifier: clothes.Classifier, photo: Path, explanation: clothes.Explanation, *, seed: int
) -> tuple[float, float]:
    """Returns how far the score falls without the hottest fifth of a photo, and without random fifths on average."""
    square = decode.read_square(photo, classifier.image_size)
    height, width = decode.read(photo).shape[:2]
    place = decode.place_in_square(width, height, classifier.image_size)
    rng = np.random.default_rng(seed)

    def score(cover: np.ndarray) -> float:
        picture = square.copy()
        picture[place] = covered(explanation.picture, cover)
        return classifier.predict(picture).scores[explanation.label]

    def random_fifth() -> np.ndarray:
        cells = rng.permutation(36) < 36 // 5 + 1  # at least a fifth
        rows, columns = (np.arange(side) * 6 // side for side in explanation.heatmap.shape)
        return cells.reshape(6, 6)[np.ix_(rows, columns)]

    whole = classifier.predict(square).scores[explanation.label]
    chance = np.mean([whole - score(random_fifth()) for _ in range(RANDOM)])
    return whole - score(hottest(explanation.heatmap, 0.2)), float(chance)


def hottest(heatmap: np.ndarray, share: float) -> np.ndarray:
    """Returns the mask of the hottest `share` of the pixels: bool (H, W)."""
    order = np.argsort(-heatmap, axis=None, kind="stable")
    mask = np.zeros(heatmap.size, dtype=bool)
    mask[order[: round(share * len(order))]] = True
    return mask.reshape(heatmap.shape)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None)
