"""The commands as a person types them, in processes of their own."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

import clothes
from tests.support.pictures import SMALL, draw, make_photos


def clothes_command(*arguments: object, cwd: Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "clothes", *map(str, arguments)],
        cwd=cwd,
        input=stdin,
        capture_output=True,
        text=True,
        env=os.environ | {"COLUMNS": "120"},
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, run: clothes.Run) -> Path:
    """A folder with photos and a trained run in runs/small."""
    root = tmp_path_factory.mktemp("commands")
    shutil.copytree(run.path.parent / "photos", root / "photos")
    shutil.copytree(run.path, root / "runs" / "small")
    info = json.loads((root / "runs" / "small" / "run.json").read_text())
    (root / "runs" / "small" / "run.json").write_text(json.dumps(info | {"photos": "../../photos"}))
    draw("bar", 1).save(root / "bar.png")
    draw("square", 2).save(root / "[odd] name.png")
    (root / "page.jpg").write_text("<html>")
    return root


def test_every_command_has_help_with_an_example(tmp_path: Path) -> None:
    overview = clothes_command("--help", cwd=tmp_path).stdout
    groups = ("collect folder", "collect urls", "collect web", "drive push", "drive pull", "corrections review")
    single = (
        "demo",
        "data",
        "check",
        "split",
        "tune",
        "train",
        "evaluate",
        "predict",
        "info",
        "serve",
        "plot",
        "report",
        "look",
        "verify",
        "export",
        "compare",
    )
    for name in (*single, *groups):
        assert name.split()[0] in overview
        text = clothes_command(*name.split(), "--help", cwd=tmp_path).stdout
        assert f"Example: clothes {name}" in text


@pytest.mark.parametrize("arguments", [["--help"], ["check", "photos"], ["predict", "bar.png"], ["info", "runs/small"]])
def test_light_commands_import_nothing_heavy(place: Path, arguments: list[str]) -> None:
    code = (
        "import sys\n"
        "sys.argv = ['clothes', *sys.argv[1:]]\n"
        "from clothes.cli.main import main\n"
        "try: main()\n"
        "except SystemExit as status: assert not status.code, status.code\n"
        "heavy = {'tensorflow', 'keras', 'matplotlib', 'gradio', 'cv2', 'jax', 'torch', 'googleapiclient'}\n"
        "print('HEAVY', sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments], cwd=place, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "HEAVY []", done.stderr


def test_predict_says_what_photos_show(place: Path) -> None:
    photos = ("bar.png", "[odd] name.png", "photos/squ*/00[0-4].png")
    done = clothes_command("predict", *photos, "--top", 1, "--model", "runs/small", cwd=place)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 7
    assert lines[0].startswith("bar.png: ")
    assert done.stderr == ""


def test_predict_without_a_model_takes_the_one_in_the_box(place: Path) -> None:
    done = clothes_command("predict", "bar.png", "--json", cwd=place)
    assert "t-shirt" in json.loads(done.stdout)["scores"]


def test_predict_as_json_goes_on_after_a_bad_photo(place: Path) -> None:
    done = clothes_command(
        "predict", "-", "--json", "--model", "runs/small", cwd=place, stdin="bar.png\npage.jpg\nno.png\n"
    )
    assert done.returncode == 1
    good, bad, missing = map(json.loads, done.stdout.splitlines())
    assert list(good) == ["photo", "label", "confidence", "known", "scores"]
    assert set(good["scores"]) == {"bar", "frame", "square"}
    assert bad == {"photo": "page.jpg", "error": "this is not a picture of a known format", "code": "not-a-photo"}
    assert missing == {"photo": "no.png", "error": "there is no such file", "code": "missing"}
    top = clothes_command("predict", "bar.png", "--json", "--top", 2, "--model", "runs/small", cwd=place)
    assert len(json.loads(top.stdout)["scores"]) == 2


@pytest.mark.parametrize("folder", ["photos/frame", "photos/fr*", "pho*/frame/*.png"])
def test_predict_a_folder(place: Path, folder: str) -> None:
    done = clothes_command("predict", folder, "--json", "--model", "runs/small", cwd=place)
    assert len(done.stdout.splitlines()) == 40


def test_predict_nothing_is_an_error(place: Path) -> None:
    (place / "nothing").mkdir()
    for arguments in (["nothing"], ["-"]):
        done = clothes_command("predict", *arguments, "--model", "runs/small", cwd=place)
        assert done.returncode == 1
        assert done.stderr.startswith(f"Error: No photo in {arguments[0]}.")


def test_names_that_are_no_text_and_terminals_that_know_few_letters(place: Path) -> None:
    name = b"k\xe4se.png"
    shutil.copy(place / "bar.png", os.fsencode(place) + b"/" + name)
    shutil.copy(place / "bar.png", place / "裙子.png")
    command = [sys.executable, "-m", "clothes", "predict", name, "裙子.png", "-", "--json", "--model", "runs/small"]
    done = subprocess.run(
        command, cwd=place, input=name + b"\n", capture_output=True, env=os.environ | {"PYTHONIOENCODING": "ascii"}
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 3
    Path(os.fsdecode(os.fsencode(place) + b"/" + name)).unlink()


def test_every_error_of_many_is_seen(place: Path) -> None:
    missing = [f"none-{i}.png" for i in range(40)]
    done = clothes_command("predict", "bar.png", *missing, "bar.png", "--model", "runs/small", cwd=place)
    assert [line for line in done.stderr.splitlines() if line.startswith("Error: none-")] == [
        f"Error: {name}: there is no such file" for name in missing
    ]


def test_check_split_evaluate_info_plot(place: Path) -> None:
    check = clothes_command("check", "photos", cwd=place)
    assert check.returncode == 0 and "bar" in check.stdout
    assert json.loads(clothes_command("check", "photos", "--json", cwd=place).stdout)["photos"] == 120
    split = clothes_command("split", "photos", "--out", "split.csv", "--copy-to", "copies", cwd=place)
    assert split.returncode == 0, split.stderr
    assert split.stdout.splitlines()[0].split() == ["class", "train", "test", "validation"]
    assert len(list((place / "copies" / "test").rglob("*.png"))) == 24
    evaluate = clothes_command("evaluate", "runs/small", cwd=place)
    assert evaluate.returncode == 0, evaluate.stderr
    assert "95 % interval" in evaluate.stdout
    assert (place / "runs/small/confusion.png").stat().st_size > 2000
    data = json.loads(clothes_command("evaluate", "runs/small", "--photos", "photos", "--json", cwd=place).stdout)
    assert data["photos"] == 24
    (results,) = (place / "evaluations").iterdir()
    assert sorted(path.name for path in results.iterdir()) == ["confusion.png", "evaluation.json", "predictions.csv"]
    info = clothes_command("info", "runs/small", cwd=place).stdout
    assert "test accuracy" in info and "3: bar, frame, square" in info
    plot = clothes_command("plot", "runs/small", "--format", "svg", cwd=place)
    assert plot.stdout.split() == ["runs/small/history.svg", "runs/small/confusion.svg"]


def test_train_ends_with_the_numbers_and_the_next_command(tmp_path: Path) -> None:
    pytest.importorskip("keras", reason="training needs the extra 'train'")
    make_photos(tmp_path / "photos", each=12)
    (tmp_path / "small.json").write_text(SMALL.to_json())
    done = clothes_command(
        "train", "photos", "--config", "small.json", "--epochs", 2, "--out", "runs/a b", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert "epoch 2/2" in done.stderr
    assert "Validation accuracy" in done.stdout
    assert done.stdout.splitlines()[-1] == "Next, the honest number:  clothes evaluate 'runs/a b'"
    assert (tmp_path / "runs/a b/history.png").stat().st_size > 2000
    again = clothes_command("train", "photos", "--config", "small.json", "--out", "runs/a b", cwd=tmp_path)
    assert again.returncode == 1
    assert again.stderr.startswith("Error: runs/a b is in use.")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["check", "none"], "Error: There is no folder none."),
        (["train", "empty"], "Error: No photo below empty"),
        (["split", "photos", "--ratios", "1/2"], "Error: --ratios must look like 70/20/10"),
        (["predict", "bar.png", "--model", "none"], "Error: none is not a bundle: there is no such folder."),
        (["evaluate", "runs"], "Error: runs is not a bundle: it holds no bundle.json."),
        (["info", "photos"], "Error: photos is not a bundle"),
        (["serve", "--model", "none"], "Error: none is not a bundle"),
        (["plot", "photos"], "Error: photos is not a run folder"),
        (["data", "fashion-mnist", "--from", "empty", "--to", "fm"], "Error: "),
    ],
)
def test_an_error_is_a_sentence(place: Path, arguments: list[str], message: str) -> None:
    (place / "empty").mkdir(exist_ok=True)
    done = clothes_command(*arguments, cwd=place)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(message)
    assert "Traceback" not in done.stderr


def test_what_the_system_refuses_is_a_sentence(place: Path) -> None:
    done = clothes_command("data", "fashion-mnist", "--to", "bar.png/data", cwd=place)
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert done.stderr.startswith("Error: ")


def test_the_version(tmp_path: Path) -> None:
    assert clothes_command("--version", cwd=tmp_path).stdout == f"clothes {clothes.__version__}\n"


def test_wrong_usage_has_status_2(tmp_path: Path) -> None:
    for arguments in (["predict"], ["fly"], ["split", "x", "--seed", "-1"], ["serve", "--auth", "nobody"]):
        done = clothes_command(*arguments, cwd=tmp_path)
        assert done.returncode == 2, arguments
        assert "Traceback" not in done.stderr


def test_help_is_fast(tmp_path: Path) -> None:
    seconds = []
    for _ in range(5):
        started = time.perf_counter()
        clothes_command("--help", cwd=tmp_path)
        seconds.append(time.perf_counter() - started)
    assert min(seconds) < 0.6  # 0.4 on a quiet machine, see benchmarks


def test_demo_from_start_to_end(tmp_path: Path) -> None:
    pytest.importorskip("keras", reason="the demo needs the extra 'train'")
    (tmp_path / "shown").mkdir()
    (tmp_path / "shown" / "mine.txt").write_text("mine")
    done = clothes_command("demo", "--out", "shown", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "shown is in use and stays as it is." in done.stderr
    assert (tmp_path / "shown" / "mine.txt").read_text() == "mine"
    root = tmp_path / "shown-2"
    assert len(list((root / "photos").rglob("*.png"))) == 2000
    for name in ("bundle/bundle.json", "history.png", "confusion.png", "predictions.csv", "evaluation.json"):
        assert (root / "run" / name).exists()
    accuracy = json.loads((root / "run" / "evaluation.json").read_text())["accuracy"]
    assert accuracy > 0.8
    lines = done.stdout.splitlines()
    assert lines[-2].startswith("Test accuracy")
    assert lines[-1] == "Open the web page with:  clothes serve --model shown-2/run/bundle"
