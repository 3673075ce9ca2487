"""Heatmaps are faithful: covering what they call hot lowers the score."""

import subprocess
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import clothes
from clothes.collection.public_datasets import starter_pictures
from clothes.inference.occlusion import covered, find_heatmap
from tests.support.pictures import ROOT, SHARED, draw

sys.path.insert(0, str(ROOT / "benchmarks"))
falls = pytest.importorskip("heatmaps", reason="not in a checkout").falls


def test_pixels_that_the_score_depends_on_are_the_hottest() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    seen = slice(20, 40), slice(40, 60)

    def score(pictures: Iterable[np.ndarray]) -> list[float]:
        return [0.95 - np.abs(p[seen].astype(float) - picture[seen]).mean() / 100 for p in pictures]

    heatmap = find_heatmap(picture, score)
    assert heatmap.shape == (60, 80)
    row, column = np.unravel_index(heatmap.argmax(), heatmap.shape)
    assert 15 <= row < 45 and 35 <= column < 65
    assert heatmap[seen].mean() > 3 * abs(heatmap[40:, :40].mean())
    assert (find_heatmap(picture, score) == heatmap).all()


def test_explanation_has_the_shape_of_the_photo(classifier: clothes.Classifier, tmp_path: Path) -> None:
    draw("bar", 950, size=(60, 30)).save(tmp_path / "bar.png")
    found = classifier.explain(tmp_path / "bar.png")
    assert found.label == classifier.predict(tmp_path / "bar.png").label
    assert found.picture.shape == (14, 28, 3) and found.heatmap.shape == (14, 28)
    assert found.overlay(200).size == (200, 100)
    other = next(name for name in classifier.classes if name != found.label)
    assert classifier.explain(tmp_path / "bar.png", label=other).label == other
    with pytest.raises(clothes.PhotoError, match="no such file"):
        classifier.explain(tmp_path / "gone.jpg")
    assert classifier.explain(np.zeros((1, 300, 3), np.uint8)).heatmap.shape == (1, 28)


def test_cover_replaces_only_covered_pixels() -> None:
    picture = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    cover = np.zeros((4, 4))
    cover[0, 0] = 1
    hidden = covered(picture, cover)
    assert (hidden[0, 0] == np.round(picture.mean(axis=(0, 1)))).all()
    assert (hidden.reshape(16, 3)[1:] == picture.reshape(16, 3)[1:]).all()


def moved(explanation: clothes.Explanation) -> clothes.Explanation:
    """The same heatmap, moved by half a picture: one that is as coherent, and wrong."""
    height, width = explanation.heatmap.shape
    return replace(explanation, heatmap=np.roll(explanation.heatmap, (height // 2, width // 2), axis=(0, 1)))


def test_hottest_fifth_lowers_the_score_far_more_than_a_random_fifth() -> None:
    """On the bundled model, whose scores are the same on any machine, and photos that it accepts.

    On 24 pictures: 4.1 times; a heatmap moved by half a picture 0.9 times. One whose pixels are in random order is no
    control: covering single pixels is noise, which lowers the score by itself.
    """
    bundled = clothes.load()
    photos = [photo for photo in starter_pictures(20) if bundled.predict(photo).known][:6]
    true, broken = [], []
    for seed, photo in enumerate(photos):
        explanation = bundled.explain(photo)
        true.append(falls(bundled, photo, explanation, seed=seed))
        broken.append(falls(bundled, photo, moved(explanation), seed=seed))
    hot, chance = np.mean(true, axis=0)
    moved_hot, same_chance = np.mean(broken, axis=0)
    print(f"the hottest fifth takes off {hot:.3f}, a moved one {moved_hot:.3f}, a random one {chance:.3f}")
    assert chance == same_chance
    assert sum(hot > chance for hot, chance in true) >= 5
    assert hot > 3 * chance
    assert moved_hot < 2 * chance


@pytest.mark.slow
@pytest.mark.skipif(not SHARED.exists(), reason="the real photos are not at hand")
def test_hottest_fifth_lowers_the_score_more_on_real_photos() -> None:
    bundled = clothes.load()
    photos = sorted((SHARED / "clothing-dataset-small" / "test").glob("*/*.jpg"))[::8]
    found = [falls(bundled, photo, bundled.explain(photo), seed=i) for i, photo in enumerate(photos)]
    more = sum(hot > chance for hot, chance in found)
    print(f"more on {more} of {len(photos)} photos")
    assert more >= 0.8 * len(photos)  # on all of them 0.9 (benchmarks/heatmaps.py); so few may have less by chance


def test_explaining_imports_no_tensorflow() -> None:
    code = (
        "import sys, numpy, clothes; clothes.load().explain(numpy.zeros((40, 30, 3), numpy.uint8)).overlay()\n"
        "print({'tensorflow', 'keras', 'matplotlib'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
