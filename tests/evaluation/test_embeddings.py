"""Embeddings are computed once, kept in the run, and never those of the test part."""

import numpy as np
import pytest

import clothes
from clothes.evaluation.embeddings import read_embeddings


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
