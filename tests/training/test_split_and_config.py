"""The split and the defaults of a training, and what fits into a time."""

import dataclasses
import shlex
import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("keras", reason="training needs the extra 'train'")

import clothes
from clothes.config import Config
from clothes.errors import SplitError
from clothes.inference.run import Run
from clothes.photos import split_file
from clothes.photos.split_file import Row, Split
from clothes.training import split_and_config
from clothes.training.callbacks import SearchCallback, TrainingCallback
from tests.support.commands import run_command
from tests.support.pictures import SMALL, draw, make_photos


def test_photos_decide_the_defaults(tmp_path: Path) -> None:
    small = clothes.split(make_photos(tmp_path / "small", each=10))
    assert split_and_config.typical_side(small) == 48
    for label in ("a", "b"):
        (tmp_path / "large" / label).mkdir(parents=True)
        for i in range(10):
            draw("bar", i, size=(200, 300)).save(tmp_path / "large" / label / f"{i}.jpg")
    assert split_and_config.typical_side(clothes.split(tmp_path / "large")) == 64


def test_others_alone_do_not_make_a_validation_part(tmp_path: Path) -> None:
    split = clothes.split(make_photos(tmp_path / "photos", each=20))
    rows = tuple(
        dataclasses.replace(row, label="_other", part="validation") if row.label == "frame" else row
        for row in split.rows
        if row.part == "train"
    )
    with pytest.raises(SplitError, match="The validation part is empty"):
        split_and_config.check_split(dataclasses.replace(split, rows=rows))


def test_two_spellings_in_a_split_of_the_user_are_not_two_classes(tmp_path: Path) -> None:
    rows = [Row(f"{name}/{i}.png", name, "train", "", "") for i, name in enumerate(("hat", "Shirt", "shirt "))]
    with pytest.raises(SplitError, match="Shirt and shirt  are spellings of one class"):
        split_and_config.check_split(Split(tmp_path, tuple(rows)))


def test_minutes_pick_size_and_epochs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    split = clothes.split(make_photos(tmp_path / "photos", each=20))
    config = Config.for_photos(400, architecture="efficientnet-lite0")
    estimate = lambda config, split: 1000.0  # noqa: E731 - of its 10 epochs at 224 pixels
    monkeypatch.setattr(split_and_config, "_estimate_seconds", estimate)

    def fitted(seconds: float) -> tuple[int, int]:
        chosen = split_and_config.fit_to_time(config, split, seconds=seconds, began=time.perf_counter())
        return chosen.model.image_size, chosen.train.epochs

    assert fitted(2000) == (224, 10)
    assert fitted(820) == (224, 6)
    assert fitted(500) == (192, 5)
    assert fitted(150) == (96, 6)
    assert fitted(5) == (32, 1)
    with pytest.raises(clothes.TrainingError, match=r"Not one epoch of 42 photos fits into 0.01 min"):
        fitted(0.6)


class StoppingAtStart(TrainingCallback):
    """Stops a training as soon as its run folder exists, and keeps the notes of its split."""

    def on_start(self, run: Run, config: Config, split: Split) -> None:
        self.notes = split.notes
        raise KeyboardInterrupt


class SearchStoppingAtStart(SearchCallback):
    def on_start(self, path: Path, config: Config, split: Split, *, most: int | None) -> None:
        self.notes = split.notes
        raise KeyboardInterrupt


def begin(photos: Path, out: Path, **options: Any) -> tuple[Split, tuple[str, ...]]:
    """The split of a training that was begun, and its notes."""
    callback = StoppingAtStart()
    with pytest.raises(KeyboardInterrupt):
        clothes.train(photos, out=out, config=SMALL, callback=callback, **options)
    return Run.open(out).split, callback.notes


def parts(split: Split) -> dict[str, str]:
    return {row.photo: row.part for row in split.rows}


def test_photos_that_are_added_later_change_no_part(tmp_path: Path) -> None:
    photos = make_photos(tmp_path / "photos", each=20)
    first, notes = begin(photos, tmp_path / "first")
    assert any(f"The parts are kept in {photos / 'split.csv'}" in note for note in notes)
    make_photos(photos, each=30, seed=0)  # ten more of each class
    assert parts(clothes.split(photos)) | parts(first) != parts(clothes.split(photos))  # else this tests nothing
    second, notes = begin(photos, tmp_path / "second")
    assert parts(second) == parts(first)
    assert "30 photos are not in the split and so not used" in notes[0]
    command = shlex.split(notes[0].rpartition("Take new ones in with: ")[2])
    assert run_command(*command[1:]).status == 0
    third, notes = begin(photos, tmp_path / "third")
    assert parts(third) | parts(first) == parts(third) and len(third.rows) == 90 and not notes


def test_photos_that_are_removed_are_left_out(tmp_path: Path) -> None:
    """Also those whose pixels are still in the cache."""
    photos = make_photos(tmp_path / "photos", each=20)
    first, _ = begin(photos, tmp_path / "first")
    gone = first.part("train")[0].photo
    (photos / gone).unlink()
    second, notes = begin(photos, tmp_path / "second")
    assert notes == (f"1 photo is gone and left out: {gone}.",)
    assert parts(second) == {photo: part for photo, part in parts(first).items() if photo != gone}
    begin(photos, tmp_path / "second", resume=True)
    begin(photos, tmp_path / "third", split=photos / "split.csv")
    begin(photos, tmp_path / "third", split=photos / "split.csv", resume=True)


def test_part_folders_and_a_given_split_need_no_file(tmp_path: Path) -> None:
    for i, part in enumerate(("train", "validation")):
        make_photos(tmp_path / "parts" / part, each=5, seed=1000 * i)
    begin(tmp_path / "parts", tmp_path / "first")
    assert not (tmp_path / "parts" / "split.csv").exists()
    photos = make_photos(tmp_path / "photos", each=20)
    split = clothes.split(photos)
    begin(photos, tmp_path / "second", split=split)
    assert not (photos / "split.csv").exists()


def test_photos_that_cannot_be_trained_on_get_no_split(tmp_path: Path) -> None:
    photos = make_photos(tmp_path / "photos", each=20, shapes=("bar",))
    with pytest.raises(SplitError, match="at least two classes"):
        clothes.train(photos, out=tmp_path / "run", config=SMALL)
    assert not (photos / "split.csv").exists()


def test_a_folder_that_cannot_be_written_to_is_trained_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photos = make_photos(tmp_path / "photos", each=20)

    real = split_file.write_bytes

    def refuse(path: Path, data: bytes) -> None:
        if path.parent == photos:
            raise PermissionError(13, "Permission denied")
        real(path, data)

    monkeypatch.setattr(split_file, "write_bytes", refuse)
    _, notes = begin(photos, tmp_path / "run")
    (note,) = [note for note in notes if "cannot be written to" in note]
    assert f"clothes split {photos} --out FILE, and --split FILE" in note


def test_a_search_keeps_its_parts_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("optuna", reason="tuning needs the extra 'tune'")
    photos = make_photos(tmp_path / "photos", each=20)
    callback = SearchStoppingAtStart()
    with pytest.raises(KeyboardInterrupt):
        clothes.tune(photos, out=tmp_path / "search", config=SMALL, trials=1, callback=callback)
    assert any("The parts are kept in" in note for note in callback.notes)
    assert (photos / "split.csv").read_bytes() == (tmp_path / "search" / "split.csv").read_bytes()
