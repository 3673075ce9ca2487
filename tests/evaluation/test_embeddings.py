"""Embeddings are computed once, kept in the run, and never those of the test part."""

import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import pytest

import clothes
from clothes.evaluation import embeddings
from clothes.evaluation.embeddings import Embeddings, read_embeddings
from clothes.inference.litert import Outputs
from clothes.photos.split_file import Row


def test_embeddings_are_computed_once_and_not_for_the_test_part(copy: clothes.Run) -> None:
    classifier = clothes.load(copy.path)
    calls: list[tuple[int, int]] = []
    first = read_embeddings(copy, classifier, progress=lambda *at: calls.append(at))
    assert calls == [(n, 96) for n in range(1, 97)] and len(first.rows) == 96
    assert {row.part for row in first.rows} == {"train", "validation"}
    again = read_embeddings(copy, classifier, progress=lambda *_: pytest.fail("computed again"))
    assert (again.values == first.values).all() and (again.answers == first.answers).all()
    nearest = first.nearest(first.values[:5], 1)[:, 0]
    assert all(first.rows[i].part == "train" for i in nearest)


def test_embeddings_and_answers_are_those_of_the_classifier(copy: clothes.Run) -> None:
    classifier = clothes.load(copy.path)
    found = read_embeddings(copy, classifier)
    photos = [copy.photos / row.photo for row in found.rows]
    assert (found.values == np.array(list(classifier.features_many(photos)))).all()
    answers = [answer.label for answer in classifier.predict_many(photos)]  # type: ignore[union-attr]
    assert [classifier.classes[i] for i in found.answers] == answers
    assert [classifier.classes[i] for i in found.labels] == [row.label for row in found.rows]


def test_damaged_or_old_files_are_computed_again(copy: clothes.Run) -> None:
    classifier = clothes.load(copy.path)
    first = read_embeddings(copy, classifier)
    path = copy.path / "features.npz"
    whole = path.read_bytes()
    with np.load(path) as file:
        kept = dict(file)
    for damaged in (b"PK", b"", whole[:-100], whole[:300] + bytes([whole[300] ^ 255]) + whole[301:]):
        path.write_bytes(damaged)
        assert (read_embeddings(copy, classifier).values == first.values).all()
    odd = {
        "key": np.array("of an older version"),
        "values": kept["values"] * np.nan,
        "answers": kept["answers"] + 3,
    }
    for name, value in odd.items():
        np.savez_compressed(path, **kept | {name: value})
        found = read_embeddings(copy, classifier)
        assert (found.values == first.values).all() and (found.answers == first.answers).all(), name


def test_photos_that_come_back_are_read_again(copy: clothes.Run) -> None:
    classifier = clothes.load(copy.path)
    away = copy.photos.rename(copy.photos.with_name("away"))
    with pytest.raises(clothes.RunError, match="None of the 96 train and validation photos"):
        read_embeddings(copy, classifier)
    away.rename(copy.photos)
    assert len(read_embeddings(copy, classifier).rows) == 96


def test_a_photo_that_is_another_one_now_is_left_out(copy: clothes.Run) -> None:
    one, other = copy.split.part("train")[:2]
    (copy.photos / one.photo).write_bytes((copy.photos / other.photo).read_bytes())
    found = read_embeddings(copy, clothes.load(copy.path))
    assert {row.photo for row in copy.split.rows if row.part != "test"} - {row.photo for row in found.rows} == {
        one.photo
    }
    assert [found.labels[i] for i in (0, -1)] == [copy.split.classes.index(found.rows[i].label) for i in (0, -1)]
    assert not (copy.path / "features.npz").exists()


def test_reduced_embeddings_keep_the_distances() -> None:
    from tests.support.embeddings import clusters

    found = clusters(20)
    assert found.reduced() is found
    rng = np.random.default_rng(0)
    wide = type(found)(found.rows, rng.normal(size=(20, 200)).astype(np.float32), found.labels, found.answers)
    small = wide.reduced().values
    assert small.shape == (20, 128)
    for i in range(1, 20):
        distance = np.linalg.norm(wide.values[0] - wide.values[i])
        assert np.linalg.norm(small[0] - small[i]) == pytest.approx(distance, rel=1e-3)


class WideNetwork:
    """A classifier of which only the embeddings matter: 40 kB each."""

    def __init__(self, classes: tuple[str, ...]) -> None:
        self.classes, self.info = classes, {"files": "wide"}

    def outputs_many(self, photos: Iterable[object]) -> Iterator[Outputs]:
        for i, _ in enumerate(photos):
            yield Outputs(np.full(len(self.classes), 0.5, np.float32), np.full(10_000, i, np.float32), 0.5)


def peak(act: Callable[[], Any]) -> int:
    tracemalloc.start()
    act()
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most


def test_embeddings_are_in_memory_once_while_they_are_read(copy: clothes.Run) -> None:
    network: Any = WideNetwork(copy.split.classes)
    # NumPy copies 16 MB at a time to compress them, here all 4 MB.
    assert peak(lambda: read_embeddings(copy, network)) < 2.5 * 96 * 40_000
    assert read_embeddings(copy, network).values[:, -1].tolist() == list(range(96))


def test_embeddings_are_not_copied_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    labels, values = np.arange(3000) % 3, np.random.default_rng(0).normal(size=(3000, 600)).astype(np.float32)
    found = Embeddings(tuple(Row(f"{i}", "a", "train", "", "") for i in range(3000)), values, labels, labels)
    reduced, nearest = found.reduced().values, found.nearest(values[:4], 5)
    monkeypatch.setattr(embeddings, "_BLOCK", 100)
    assert np.abs(found.reduced().values) == pytest.approx(np.abs(reduced), abs=1e-2)
    assert (found.nearest(values[:4], 5) == nearest).all() and nearest[:, 0].tolist() == [0, 1, 2, 3]
    # The 1 MB of nearest positions and the 5 MB of reduced values and axes are not copies of the 7 MB.
    assert peak(lambda: found.nearest(values[:4], 5)) < 0.3 * values.nbytes
    assert peak(found.reduced) - reduced.nbytes < 0.8 * values.nbytes
