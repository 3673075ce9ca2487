"""A training and a search on a terminal and in a log."""

import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("keras", reason="training needs the extra 'train'")
pytest.importorskip("optuna", reason="tuning needs the extra 'tune'")

from rich.console import Console
from rich.live import Live

import clothes
from clothes.cli.live_display import SearchDisplay, training_display
from clothes.training.search.results import Trial

SETTINGS = {"train.learning_rate": 0.001}
DONE = Trial(0, "done", 0.8125, 4, 12.0, SETTINGS)
AGAIN = Trial(1, "done", 0.75, 4, 11.0, SETTINGS, again=1)
FAILED = Trial(
    2, "failed", 0.0, 0, 1.0, {"train.learning_rate": 1.0}, kind="no memory", reason="no memory for [/f\x1b[2J]"
)
ROW = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy", "seconds")
RUNNING = Trial(3, "running", 0.5, 2, None, {"train.learning_rate": 0.01})


@pytest.fixture
def screen() -> Iterator[io.StringIO]:
    yield io.StringIO()


def show(run: clothes.Run, screen: io.StringIO, *, terminal: bool, most: int | None = 6) -> None:
    """Shows a search of four trials."""
    console = Console(file=screen, force_terminal=terminal, width=90, highlight=False, color_system=None)
    with Live(console=console, auto_refresh=False, transient=True) as live:
        display = SearchDisplay(live, lambda: None, None)
        display.on_start(Path("tunings/small"), run.config, run.split, most=most)
        display.on_trials((DONE,))
        display.on_trials((DONE, AGAIN, FAILED, RUNNING))
        display.on_progress("train", 7, 20)
        display._draw()


def test_a_search_on_a_terminal_is_a_table(run: clothes.Run, screen: io.StringIO) -> None:
    show(run, screen, terminal=True)
    lines = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", screen.getvalue()).splitlines()
    assert lines[0] == "Search folder: tunings/small"
    assert "Trials of 4 epochs on 84 train, 12 validation photos of 28 x 28 pixels." in lines
    table = lines[len(lines) - lines[::-1].index(next(line for line in lines[::-1] if "accuracy" in line)) - 1 :]
    assert table[0].split() == ["trial", "state", "accuracy", "best", "epochs", "time"]
    assert table[1].split() == ["0", "done", "0.812", "0.812", "4/4", "12", "s"]
    assert table[2].split() == ["1", "done", "0.750", "0.812", "4/4", "11", "s", "trial", "0", "with", "seed", "+", "1"]
    assert "no memory for [/f?[2J]" in table[3]
    assert table[4].split() == ["3", "running", "0.500", "0.812", "2/4"]
    assert table[5].startswith("3 of 6 trials  about 24 seconds left  Training: 7 of 20")


def test_one_trial_of_one_epoch(run: clothes.Run, screen: io.StringIO) -> None:
    short = run.config.changed({"train": {"epochs": 1}})
    with Live(console=Console(file=screen), auto_refresh=False) as live:
        display = SearchDisplay(live, lambda: None, None)
        display.on_start(Path("tunings/small"), short, run.split, most=1)
        assert display._status() == "0 of 1 trial"
    assert "Trials of 1 epoch on" in screen.getvalue()


def test_a_search_in_a_log_is_a_line_per_ended_trial(run: clothes.Run, screen: io.StringIO) -> None:
    show(run, screen, terminal=False)
    assert screen.getvalue().splitlines()[2:5] == [
        "trial 0  done  0.812  best 0.812  epoch 4/4  12 s",
        "trial 1  done  0.750  best 0.812  epoch 4/4  11 s  trial 0 with seed + 1",
        "trial 2  failed  best 0.812  epoch 0/4  1 s  no memory for [/f?[2J]",
    ]


def test_a_training_in_a_log_is_a_line_per_epoch(run: clothes.Run, capsys: pytest.CaptureFixture[str]) -> None:
    with training_display() as display:
        display.on_progress("decode", 1, 2)
        display.on_start(run, run.config, run.split)
        display.on_estimate(200)
        for epoch, accuracy in enumerate((0.5, 0.75, 0.6), 1):
            row = {"epoch": epoch, "loss": 1, "accuracy": 0.5, "val_loss": 1, "val_accuracy": accuracy, "seconds": 2}
            display.on_epoch(row)
    lines = capsys.readouterr().err.splitlines()
    assert lines[:2] == [f"Run folder: {run.path}", "3 classes: 84 train, 24 test, 12 validation photos."]
    assert lines[2] == "Network: sequential, 28 x 28 pixels."
    assert lines[-5] == "4 epochs: about 3 minutes on this machine."
    assert lines[-4].split() == ["epoch", "loss", "accuracy", "val_loss", "val_accuracy", "time"]
    assert lines[-2].split() == ["2/4", "1.000", "0.500", "1.000", "0.750", "2.0", "s", "best"]
    assert [line.endswith("best") for line in lines[-3:]] == [True, True, False]


def test_of_equal_accuracies_the_one_with_less_loss_is_best(capsys: pytest.CaptureFixture[str]) -> None:
    with training_display() as display:
        for epoch, loss in enumerate((1.0, 0.5, 0.75), 1):
            display.on_epoch(dict.fromkeys(ROW, 0.5) | {"epoch": epoch, "val_loss": loss})
    lines = capsys.readouterr().err.splitlines()
    assert [line.endswith("best") for line in lines[-3:]] == [True, True, False]
