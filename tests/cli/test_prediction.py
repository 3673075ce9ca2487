"""`clothes predict --engine ray`: what it says. `tests/inference/many` looks at the answers."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from clothes.cli import progress
from clothes.cli.progress import Pace
from tests.support.commands import run_command
from tests.support.pictures import make_photos


@pytest.mark.parametrize(
    "words",
    [
        "--engine ray",
        "--out answers",
        "--workers 2",
        "--engine ray --out answers --top 1",
        "--address auto",
        "--outfit",
        "--outfit --out answers",
    ],
)
def test_options_that_do_not_go_together(words: str) -> None:
    shown = run_command("predict", "photos", *words.split())
    assert (shown.status, shown.out) == (2, "")
    assert "--engine" in shown.err
    assert ("clothes outfit" in shown.err) == ("--outfit" in words)


def test_what_is_said_of_photos_that_were_answered_and_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray itself is left out: `tests/inference/many/test_ray_engine.py` has it."""
    pytest.importorskip("pyarrow", reason="many photos need the extra 'ray'")
    from clothes.inference.many import ray_engine
    from clothes.inference.many.answers import Answers
    from clothes.inference.many.ray_engine import Part
    from clothes.inference.many.task import Task
    from clothes.outfits.many import OutfitTask
    from tests.support.many_photos import answer_here, labels

    monkeypatch.chdir(tmp_path)
    make_photos(tmp_path / "photos", each=1)
    (tmp_path / "photos" / "notes.txt").touch()
    given: dict[str, object] = {}

    def answer(answers: "Answers", task: "Task", **options: object) -> "Iterator[Part]":
        given.update(options, task=task)
        if not answers.missing():
            return
        yield Part(0, 0, "The bucket is closed.")
        if options["workers"]:
            answers.write(0, answer_here(task, answers.photos(0)))
            yield Part(3, 1, "")

    monkeypatch.setattr(ray_engine, "answer_missing", answer)
    words = ["predict", "photos", "--engine", "ray", "--out", "answers"]
    failed = run_command(*words)
    assert (failed.status, failed.out) == (1, "0 of 3 photos answered, in answers.\n")
    assert failed.err.splitlines() == [
        "Skipped notes.txt: not a photo by its name",
        "Ray is started on this computer, and ends with this command.",
        "Error: no answer yet to 3 photos. The bucket is closed.",
        "The answers so far are kept: the same command goes on.",
    ]
    done = run_command(*words, "--workers", 2, "--address", "ray://other:10001")
    assert given == {"address": "ray://other:10001", "workers": 2, "task": labels()}
    assert (done.status, done.out) == (0, "3 of 3 photos answered, in answers.\n")
    assert done.err == "1 of them could not be read: the column code says why.\n"
    again = run_command(*words)
    assert (again.status, again.out, again.err) == (0, done.out, "")
    garments = run_command(*words[:-1], "garments", "--outfit", "--workers", 2)
    assert garments.out == "3 of 3 photos answered, in garments.\n"
    assert isinstance(given["task"], OutfitTask)


def test_the_pace_tells_the_speed_and_the_time_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = itertools.count(0, 6)
    monkeypatch.setattr(progress.time, "monotonic", lambda: float(next(clock)))
    pace = Pace(10_000, 6_000)
    for _ in range(3):
        pace.add(300)
    assert capsys.readouterr().err == "4,600 of 10,000 photos, 50.0 a second, about 2 minutes left\n"
