"""Two runs on the same test photos: counts by hand, p-values by brute force."""

import csv
import json
import shutil
from itertools import product
from pathlib import Path

import pytest

import clothes
from clothes.errors import RunError
from clothes.inference.metrics import mcnemar
from tests.support.commands import run_command

HEAD = ["photo", "truth", "label", "confidence", "known", "bar", "frame", "square"]


@pytest.mark.parametrize("counts", [(0, 0), (1, 0), (0, 5), (5, 5), (2, 9), (9, 2), (4, 8)])
def test_p_value_is_the_share_of_coin_tosses_at_least_as_uneven(counts: tuple[int, int]) -> None:
    total, apart = sum(counts), abs(counts[0] - counts[1])
    tosses = [abs(2 * sum(toss) - total) >= apart for toss in product((0, 1), repeat=total)]
    assert mcnemar(*counts) == pytest.approx(sum(tosses) / len(tosses))


def test_p_value_of_many_photos_is_a_number() -> None:
    assert 0 <= mcnemar(5000, 3000) < 1e-100
    assert mcnemar(4000, 4000) == 1


def write(folder: Path, answers: dict[str, tuple[str, str]], hashes: dict[str, str] | None = None) -> Path:
    """The files of `evaluate` for these answers: photo -> (true class, prediction)."""
    folder.mkdir()
    with (folder / "predictions.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEAD)
        writer.writerows([photo, truth, label, 0.9, "true", 0.9, 0, 0.1] for photo, (truth, label) in answers.items())
    if hashes:
        rows = [f"{photo},{answers[photo][0]},test,,{sha256}" for photo, sha256 in hashes.items()]
        (folder / "split.csv").write_text("\n".join(["photo,class,part,group,sha256", *rows]) + "\n")
    return folder


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    """Ten photos: both right on 4, the first alone on 1, the second alone on 3, both wrong on 2."""
    truth = {f"bar/{i}.png": "bar" for i in range(10)}
    first = dict.fromkeys([0, 1, 2, 3, 4], "bar")
    second = dict.fromkeys([0, 1, 2, 3, 5, 6, 7], "bar") | {8: "frame"}
    a = {photo: ("bar", first.get(i, "square")) for i, photo in enumerate(truth)}
    b = {photo: ("bar", second.get(i, "square")) for i, photo in enumerate(truth)}
    return write(tmp_path / "a", a), write(tmp_path / "b", b)


def test_counts_and_differences(two: tuple[Path, Path]) -> None:
    result = clothes.compare(*two)
    assert (result.both_right, result.only_first, result.only_second, result.both_wrong) == (4, 1, 3, 2)
    assert result.accuracy == (0.5, 0.7)
    assert result.p == 0.625  # 2 (1 + 4) / 2**4
    assert [(d.photo, d.first, d.second) for d in result.differences] == [
        ("bar/4.png", "bar", "square"),
        ("bar/5.png", "square", "bar"),
        ("bar/6.png", "square", "bar"),
        ("bar/7.png", "square", "bar"),
        ("bar/8.png", "square", "frame"),
    ]
    back = clothes.compare(*reversed(two))
    assert (back.p, back.only_first, back.only_second) == (result.p, 3, 1)


def test_only_photos_of_both_runs_count(tmp_path: Path) -> None:
    here = {"bar/1.png": ("bar", "bar"), "bar/2.png": ("bar", "bar"), "_other/3.png": ("_other", "bar")}
    there = here | {"bar/1.png": ("bar", "square"), "bar/4.png": ("bar", "bar")}
    a = write(tmp_path / "a", here, {"bar/1.png": "1", "bar/2.png": "2"})
    b = write(tmp_path / "b", there, {"bar/1.png": "1", "bar/2.png": "other"})
    result = clothes.compare(a, b)
    assert (result.photos, result.left_out) == (1, 2)
    (b / "split.csv").unlink()  # without checksums photos are compared by name
    assert clothes.compare(a, b).photos == 2
    c = write(tmp_path / "c", {"bar/9.png": ("bar", "bar")})
    with pytest.raises(RunError, match="none in common"):
        clothes.compare(a, c)


def test_one_photo_is_not_many(tmp_path: Path) -> None:
    both = {"bar/1.png": ("bar", "bar")}
    done = run_command("compare", write(tmp_path / "a", both), write(tmp_path / "b", both | {"x": ("bar", "bar")}))
    assert "1 photo: both right on 1" in done.out
    assert "Left out: 1 photo that only one of the runs was tested on." in done.err


def test_folder_without_evaluation_is_refused(two: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(RunError, match="has not been evaluated yet"):
        clothes.compare(two[0], tmp_path)
    for place in (tmp_path / "none", two[0] / "predictions.csv"):
        with pytest.raises(RunError, match=f"There is no folder {place}"):
            clothes.compare(two[0], place)
    (two[1] / "predictions.csv").write_text("photo,label\n1,bar\n")
    with pytest.raises(RunError, match="its columns are not photo, truth"):
        clothes.compare(*two)
    (two[1] / "predictions.csv").write_bytes(b"\xff\xfe")
    with pytest.raises(RunError, match="cannot be read"):
        clothes.compare(*two)


def test_command_prints_the_comparison(copy: clothes.Run) -> None:
    clothes.evaluate(copy.path)
    second = shutil.copytree(copy.path, copy.path.with_name("other"))
    text = (second / "predictions.csv").read_text().splitlines()
    text[1] = text[1].replace("bar,bar", "bar,frame")  # the first photo
    (second / "predictions.csv").write_text("\n".join(text) + "\n")
    done = run_command("compare", copy.path, second)
    assert done.status == 0, done.err
    assert "24 photos" in done.out
    assert "McNemar's exact test: p = 1. " in done.out
    data = json.loads(run_command("compare", copy.path, second, "--json").out)
    assert data["photos"] == 24
    assert len(data["differences"]) <= 1
