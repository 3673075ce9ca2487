"""Heatmaps say what decided: covering what they call hot lowers the score."""

import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

import clothes
from clothes.inference.occlusion import covered, find_heatmap
from tests.support.pictures import SHARED, draw

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))


def test_the_part_that_a_score_looks_at_is_the_hottest() -> None:
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


def test_an_explanation_is_of_the_photo_as_it_is_seen(classifier: clothes.Classifier, tmp_path: Path) -> None:
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


def test_a_cover_hides_what_it_covers_and_nothing_else() -> None:
    picture = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    cover = np.zeros((4, 4))
    cover[0, 0] = 1
    hidden = covered(picture, cover)
    assert (hidden[0, 0] == np.round(picture.mean(axis=(0, 1)))).all()
    assert (hidden.reshape(16, 3)[1:] == picture.reshape(16, 3)[1:]).all()


def test_covering_the_hottest_fifth_lowers_the_score_more_than_a_random_fifth(
    classifier: clothes.Classifier, run: clothes.Run
) -> None:
    from heatmaps import falls

    photos = [run.photos / row.photo for row in run.split.part("test")]
    found = [falls(classifier, photo, classifier.explain(photo), seed=i) for i, photo in enumerate(photos)]
    more = sum(hot > chance for hot, chance in found)
    print(f"more on {more} of {len(photos)} test photos")
    assert more >= 0.75 * len(photos)  # a network of four epochs, unsure of most
    hot, chance = np.mean(found, axis=0)
    assert hot > 3 * chance


@pytest.mark.skipif(not SHARED.exists(), reason="the real photos are not at hand")
def test_it_holds_on_real_photos_and_is_quick() -> None:
    from heatmaps import falls

    box = clothes.load()
    photos = sorted((SHARED / "clothing-dataset-small" / "test").glob("*/*.jpg"))[::8]
    more, seconds = 0, []
    for i, photo in enumerate(photos):
        began = time.perf_counter()
        explanation = box.explain(photo)
        seconds.append(time.perf_counter() - began)
        hot, chance = falls(box, photo, explanation, seed=i)
        more += hot > chance
    print(f"more on {more} of {len(photos)} photos, {np.median(seconds):.2f} s each")
    assert more >= 0.8 * len(photos)  # on all of them 0.9 (benchmarks/heatmaps.py); so few may have less by chance
    assert np.median(seconds) < 1


def test_no_tensorflow_is_needed() -> None:
    code = (
        "import sys, numpy, clothes; clothes.load().explain(numpy.zeros((40, 30, 3), numpy.uint8)).overlay()\n"
        "print({'tensorflow', 'keras', 'matplotlib'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
