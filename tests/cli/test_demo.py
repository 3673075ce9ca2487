"""`clothes demo`: its folder, and the whole way."""

import json
import signal
from pathlib import Path

import pytest

from clothes.cli.commands import demo
from clothes.cli.commands.demo import free_folder, is_interrupted
from clothes.collection.public_datasets import starter
from tests.support.commands import run_command


def test_an_interrupted_demo_continues_and_a_finished_one_stays(tmp_path: Path) -> None:
    wanted = tmp_path / "demo"
    assert free_folder(wanted) == wanted
    starter(wanted / "photos")
    assert is_interrupted(wanted)
    assert free_folder(wanted) == wanted
    (wanted / "run").mkdir()
    (wanted / "run" / "evaluation.json").write_text("{}")
    assert not is_interrupted(wanted)
    assert free_folder(wanted) == tmp_path / "demo-2"


def test_photos_of_another_data_set_are_not_a_demo(tmp_path: Path) -> None:
    (tmp_path / "demo" / "photos").mkdir(parents=True)
    (tmp_path / "demo" / "photos" / "SOURCE.txt").write_text("clothing-dataset-small, CC0.\n")
    assert free_folder(tmp_path / "demo") == tmp_path / "demo-2"


@pytest.mark.slow
def test_the_demo_from_start_to_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("keras", reason="the demo needs the extra 'train'")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shown").mkdir()
    (tmp_path / "shown" / "mine.txt").write_text("mine")
    shown = run_command("demo", "--out", "shown")
    assert shown.status == 0, shown.err
    assert "shown is in use and stays as it is." in shown.err
    assert (tmp_path / "shown" / "mine.txt").read_text() == "mine"
    root = tmp_path / "shown-2"
    assert len(list((root / "photos").rglob("*.png"))) == 2000
    for name in ("bundle/bundle.json", "history.png", "confusion.png", "predictions.csv", "evaluation.json"):
        assert (root / "run" / name).exists()
    assert json.loads((root / "run" / "evaluation.json").read_text())["accuracy"] > 0.8
    assert len((root / "run" / "history.csv").read_text().splitlines()) == 1 + 15  # which take most of the time
    lines = shown.out.splitlines()
    assert lines[-2].startswith("Test accuracy")
    assert lines[-1] == "Open the web page with:  clothes serve --model shown-2/run/bundle"


def test_a_second_ctrl_c_names_the_command_that_continues(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("keras", reason="the demo needs the extra 'train'")

    def interrupt(*given: object) -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(demo, "run_steps", interrupt)
    shown = run_command("demo", "--out", "my demo")
    assert shown.status == 130
    assert shown.err.splitlines()[-2:] == ["Continue with:  clothes demo --out 'my demo'", "Stopped."]
