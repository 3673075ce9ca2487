"""`evaluate` measures the saved bundle on photos that it was not trained on, and counts openings of the test part."""

import csv
import json
import shutil
from collections import Counter
from pathlib import Path

import pytest

import clothes
from clothes.errors import PhotosError, RunError
from clothes.evaluation.results import read_evaluation
from clothes.inference.run import MOST_OPENINGS
from tests.support.commands import run_command
from tests.support.pictures import make_photos


def test_metrics_agree_with_the_predictions(copy: clothes.Run) -> None:
    result = clothes.evaluate(copy.path)
    classifier = clothes.load(copy.path)
    rows = copy.split.part("test")
    assert result.photos == len(rows) == 24
    answers = [classifier.predict(copy.photos / row.photo) for row in rows]
    right = [answer.label == row.label for answer, row in zip(answers, rows, strict=True)]
    assert result.accuracy == pytest.approx(sum(right) / 24)
    assert result.interval[0] < result.accuracy < result.interval[1] or result.accuracy in (0, 1)
    assert sum(map(sum, result.confusion)) == 24
    for i, name in enumerate(result.classes):
        figures = result.per_class[name]
        assert figures["photos"] == 8
        assert figures["recall"] == pytest.approx(result.confusion[i][i] / 8)
    assert [(truth, p.label, p.photo) for truth, p in result.predictions] == [
        (row.label, answer.label, row.photo) for row, answer in zip(rows, answers, strict=True)
    ]


def test_results_are_written_into_the_run(copy: clothes.Run) -> None:
    result = clothes.evaluate(copy.path)
    data = json.loads((copy.path / "evaluation.json").read_text())
    assert set(data) >= {"photos", "classes", "accuracy", "interval", "loss", "per_class", "confusion", "ece"}
    assert data["test_part_opened"] == copy.info["test_part_opened"] == 1
    with (copy.path / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["photo", "truth", "label", "confidence", "known", "bar", "frame", "square"]
    assert sum(row["known"] == "true" for row in rows) / len(rows) == pytest.approx(result.known)
    assert (result.others, result.others_known) == (0, None)
    assert sum(row["truth"] == row["label"] for row in rows) / len(rows) == pytest.approx(result.accuracy)
    assert clothes.load(copy.path).info["metrics"]["test"]["accuracy"] == result.accuracy
    clothes.evaluate(copy.path / "bundle")
    assert copy.info["test_part_opened"] == 2


def test_folder_of_class_folders(copy: clothes.Run, tmp_path: Path) -> None:
    photos = make_photos(tmp_path / "other", each=5, shapes=("bar", "square"), seed=1000)
    (photos / "hat").mkdir()
    shutil.copy(photos / "bar" / "000.png", photos / "hat" / "000.png")
    (photos / "bar" / "bad.jpg").write_bytes(b"")
    result = clothes.evaluate(copy.path / "bundle", photos=photos)
    assert result.photos == 10
    assert {item.path: item.reason for item in result.skipped} == {
        "hat/000.png": "the bundle knows no class 'hat'",
        "bar/bad.jpg": "the file is empty",
    }
    assert result.per_class["frame"]["recall"] is None
    assert copy.info["test_part_opened"] == 0
    assert not (copy.path / "evaluation.json").exists()
    clothes.evaluate(copy.path / "bundle", photos=photos, out=tmp_path / "new" / "results")
    assert read_evaluation(tmp_path / "new" / "results")["photos"] == 10
    assert len((tmp_path / "new" / "results" / "predictions.csv").read_text().splitlines()) == 11
    with pytest.raises(PhotosError, match="is of a class that the bundle knows"):
        clothes.evaluate(copy.path, photos=make_photos(tmp_path / "none", each=1, shapes=("circle",)))


def test_photos_of_no_class_count_separately(copy: clothes.Run, tmp_path: Path) -> None:
    photos = make_photos(tmp_path / "new", each=5, shapes=("bar", "square"), seed=1000)
    alone = clothes.evaluate(copy.path / "bundle", photos=photos)
    (photos / "bar").rename(photos / "_other")
    with pytest.raises(PhotosError, match="is of a class that the bundle knows"):
        (photos / "square").rename(photos / ".square")
        clothes.evaluate(copy.path / "bundle", photos=photos)
    (photos / ".square").rename(photos / "square")
    result = clothes.evaluate(copy.path / "bundle", photos=photos)
    assert (result.photos, result.others) == (5, 5)
    assert result.accuracy == alone.per_class["square"]["recall"]
    answers = [p.known for truth, p in result.predictions if truth == "_other"]
    assert result.others_known == sum(answers) / 5
    assert result.known == sum(p.known for truth, p in result.predictions if truth == "square") / 5


def test_train_and_validation_photos_are_left_out(copy: clothes.Run, tmp_path: Path) -> None:
    expected = clothes.evaluate(copy.path)
    copy.photos.rename(tmp_path / "moved")
    with pytest.raises(PhotosError, match=r"No test photo can be used below .* \(the first of 24: "):
        clothes.evaluate(copy.path)
    assert copy.info["test_part_opened"] == 1  # a failed evaluation does not count
    found = clothes.evaluate(copy.path, photos=tmp_path / "moved")
    assert (found.photos, found.confusion) == (24, expected.confusion)
    assert Counter(item.reason for item in found.skipped) == {
        "it is one of the model's train photos": 84,
        "it is one of the model's validation photos": 12,
    }
    assert copy.info["test_part_opened"] == 2
    for row in copy.split.part("test"):
        (tmp_path / "moved" / row.photo).unlink()
    with pytest.raises(PhotosError, match="was trained on every photo in"):
        clothes.evaluate(copy.path, photos=tmp_path / "moved")


def test_other_spellings_of_the_bundles_classes_are_measured(copy: clothes.Run, tmp_path: Path) -> None:
    photos = make_photos(tmp_path / "other", each=4, shapes=("bar", "square"), seed=1000)
    (photos / "bar").rename(photos / "BAR")
    result = clothes.evaluate(copy.path / "bundle", photos=photos)
    assert (result.photos, result.skipped) == (8, ())
    assert result.per_class["bar"]["photos"] == 4
    assert result.notes == ("BAR and bar are spellings of one class: counted as bar. Rename the folder BAR.",)
    shown = run_command("evaluate", copy.path / "bundle", "--photos", photos, "--out", tmp_path / "results")
    assert result.notes[0] in shown.err
    assert read_evaluation(tmp_path / "results")["notes"] == list(result.notes)


def test_a_test_photo_that_is_another_one_now_is_not_measured(copy: clothes.Run) -> None:
    (learnt, *_), (row, *_) = copy.split.part("train"), copy.split.part("test")
    shutil.copy(copy.photos / learnt.photo, copy.photos / row.photo)
    result = clothes.evaluate(copy.path)
    assert result.photos == 23
    assert [(item.path, item.reason) for item in result.skipped] == [
        (row.photo, "it has changed since the split was made")
    ]


def test_folder_without_readable_photos_is_refused(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "photos" / "bar").mkdir(parents=True)
    (tmp_path / "photos" / "bar" / "empty.jpg").write_bytes(b"")
    with pytest.raises(PhotosError, match=r"No photo in .* can be read \(the first of 1: the file is empty\)"):
        clothes.evaluate(bundle, photos=tmp_path / "photos")


def test_error_names_the_first_unreadable_photo(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "photos" / "bar").mkdir(parents=True)
    (tmp_path / "photos" / "bar" / "a.txt").write_text("no photo at all")
    (tmp_path / "photos" / "bar" / "b.jpg").write_bytes(b"")
    (tmp_path / "photos" / "bar" / "c.jpg").write_text("<html>")
    with pytest.raises(PhotosError, match=r"the first of 2: the file is empty"):
        clothes.evaluate(bundle, photos=tmp_path / "photos")


def test_a_huge_number_of_openings_leaves_the_run_readable(copy: clothes.Run) -> None:
    copy.note(test_part_opened=MOST_OPENINGS)
    clothes.evaluate(copy.path)
    assert copy.info["test_part_opened"] == read_evaluation(copy.path)["test_part_opened"] == MOST_OPENINGS
    copy.note(test_part_opened=2**63 - 1)
    with pytest.raises(RunError, match="test_part_opened must be an integer from 0"):
        clothes.evaluate(copy.path)


def test_run_that_cannot_count_openings_is_not_evaluated(copy: clothes.Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: clothes.Run, **changes: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(clothes.Run, "note", refuse)
    with pytest.raises(RunError, match="cannot record that its test part was opened"):
        clothes.evaluate(copy.path)
    assert not (copy.path / "evaluation.json").exists()


def test_bundle_outside_a_run_needs_photos(bundle: Path, tmp_path: Path) -> None:
    shutil.copytree(bundle, tmp_path / "alone")
    with pytest.raises(RunError, match="Name photos to evaluate on"):
        clothes.evaluate(tmp_path / "alone")
