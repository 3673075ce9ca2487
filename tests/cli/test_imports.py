"""Light commands and early refusals do not import heavy packages."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.pictures import make_photos

HEAVY = ("tensorflow", "keras", "sklearn", "scipy", "matplotlib", "cv2", "jax", "torch", "optuna", "googleapiclient")
CODE = """
import importlib.machinery, json, sys

class Finder(importlib.machinery.PathFinder):
    @classmethod
    def find_spec(cls, name, *given):
        return None if name in json.loads(sys.argv[2]) else super().find_spec(name, *given)

sys.meta_path = [finder for finder in sys.meta_path if finder is not importlib.machinery.PathFinder] + [Finder]
from clothes.cli.main import main

found = {}
for line in json.loads(sys.argv[1]):
    sys.argv = ["clothes", *line.split()]
    if line.startswith("serve"):
        import clothes.web.base_page
        clothes.web.base_page.Page.launch = lambda *a, **k: (None, "http://page", None)
        clothes.web.base_page.Page.block_thread = lambda *a, **k: None
    try: main()
    except SystemExit as ended: found[line] = [ended.code, sorted(set(json.loads(sys.argv[0])) & set(sys.modules))]
print("FOUND", json.dumps(found), file=sys.stderr)
"""


def imported(
    lines: list[str], heavy: tuple[str, ...] = HEAVY, *, hide: bool = False
) -> dict[str, tuple[int, list[str]]]:
    """The exit status of each command, and the heavy packages imported after it, in a new process.

    With `hide` these packages are as not installed.
    """
    code = CODE.replace("json.loads(sys.argv[0])", repr(list(heavy)))
    code = code.replace("json.loads(sys.argv[2])", repr(heavy if hide else ()))
    done = subprocess.run([sys.executable, "-c", code, json.dumps(lines)], capture_output=True, text=True)
    assert "FOUND " in done.stderr, done.stderr
    found = json.loads(done.stderr.rpartition("FOUND ")[2])
    return {line: (status, modules) for line, (status, modules) in found.items()}


def test_light_commands(place: Path) -> None:
    lines = ["--help", "check photos", "split photos --out new.csv", "info runs/small", "predict bar.png"]
    assert imported(lines, (*HEAVY, "gradio")) == {line: (0, []) for line in lines}


def test_help_imports_no_photos(place: Path) -> None:
    assert imported(["--help", "train --help"], ("numpy", "PIL", "rich.console")) == {
        line: (0, []) for line in ("--help", "train --help")
    }


@pytest.mark.slow
def test_the_web_page(place: Path) -> None:
    assert imported(["serve --port 0"]) == {"serve --port 0": (0, [])}


def test_early_refusals(place: Path) -> None:
    wrong_usage = ["train photos --epochs many", "train photos --no-such-option", "tune photos --epochs 0"]
    errors = [
        "train photos --config none.json",
        "tune photos --config none.json",
        "evaluate runs/none",
        "compare runs/none runs/small",
        "report runs/none",
        "export runs/none --format onnx --out new",
    ]
    expected = {line: (2, []) for line in wrong_usage} | {line: (1, []) for line in errors}
    assert imported([*wrong_usage, *errors]) == expected


def test_early_refusals_of_a_training(place: Path) -> None:
    lines = [
        "train empty",
        "train photos --out runs/small",
        "train photos --model no-such-network",
        "train photos --out runs/none --resume",
    ]
    assert imported(lines) == {line: (1, []) for line in lines}


def test_early_refusals_of_a_search(place: Path) -> None:
    lines = ["tune empty", "tune photos --trials 0"]
    assert imported(lines) == {line: (1, []) for line in lines}


def test_a_quick_model_needs_the_base_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures of an evaluation are drawn only where matplotlib is installed."""
    hidden = ("tensorflow", "keras", "sklearn", "scipy", "cv2", "matplotlib", "jinja2", "gradio")
    monkeypatch.chdir(tmp_path)
    make_photos(tmp_path / "photos", each=6)
    quick = "runs/quick"
    lines = [
        f"train photos --model quick --out {quick}",
        f"train photos --out {quick} --resume",
        f"train photos --config {quick}/config.json --out {quick}2 --trunk {quick}",
        f"evaluate {quick}",
        f"predict photos/bar --model {quick}",
        f"info {quick}",
        f"verify {quick}",
        f"export {quick} --format litert --out litert",
    ]
    assert imported(lines, hidden, hide=True) == {line: (0, []) for line in lines}
    refused = [
        f"export {quick} --format keras --out keras",
        f"report {quick}",
        f"look photos/bar/000.png --model {quick}",
        "tune photos --model quick",
    ]
    assert imported(refused, hidden, hide=True) == {line: (1, []) for line in refused}


def test_predicting_on_ray_without_its_extra_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    lines = ["predict photos --engine ray --out answers"]
    assert imported(lines, ("ray", "pyarrow"), hide=True) == {line: (1, []) for line in lines}
    assert not (tmp_path / "answers").exists()


def test_training_on_workers_is_refused_early(place: Path) -> None:
    assert imported(["train photos --workers 2"], ("jax",), hide=True) == {"train photos --workers 2": (1, [])}


@pytest.mark.slow
def test_the_report_of_a_quick_model_needs_no_tensorflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("matplotlib", "jinja2", "sklearn"):
        pytest.importorskip(module, reason="the report needs the extra 'report'")
    monkeypatch.chdir(tmp_path)
    make_photos(tmp_path / "photos", each=5)
    lines = ["train photos --model quick --out q", "evaluate q", "report q", "plot q"]
    assert imported(lines, ("tensorflow", "keras", "cv2", "gradio"), hide=True) == {line: (0, []) for line in lines}
