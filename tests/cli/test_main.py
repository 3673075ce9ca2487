"""The program as a whole: help, version, exit statuses and errors."""

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import typer

import clothes
from clothes.cli import main
from clothes.cli.commands import photos as photo_commands
from tests.support.commands import run_command


def commands(group: object, name: str = "") -> list[str]:
    """The names of all commands, such as "collect folder"."""
    below = getattr(group, "commands", {})
    return [found for word in below for found in commands(below[word], f"{name} {word}".strip())] or [name]


CHECK = "Check its permissions, and the room on its disk.\n"
COMMANDS = commands(typer.main.get_command(main.app))


def test_all_commands_are_there() -> None:
    single = "demo data check split tune train evaluate predict outfit info serve studio plot report look verify export"
    groups = ["collect folder", "collect urls", "collect web", "collect camera", "drive push", "drive pull"]
    assert sorted(COMMANDS) == sorted([*single.split(), *groups, "compare", "corrections review"])


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_has_an_example(name: str) -> None:
    shown = run_command(*name.split(), "--help")
    assert shown.status == 0
    assert f"Example: clothes {name}" in shown.out


def test_the_overview_shows_each_command_with_a_whole_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for words in ([], ["collect"], ["drive"], ["corrections"]):
        overview = run_command(*words, "--help").out
        lines = overview.partition("Commands:\n")[2].splitlines()
        assert lines and all(line.endswith(".") and not line.endswith("...") for line in lines), overview


def test_without_a_command_the_studio_is_named_first() -> None:
    overview = run_command().err  # with the status of wrong usage
    assert "Start with: clothes studio" in overview
    assert overview.partition("Commands:\n")[2].split()[0] == "studio"


def test_the_version() -> None:
    assert run_command("--version").out == f"clothes {clothes.__version__}\n"


@pytest.mark.parametrize(
    "words",
    [
        "predict",
        "fly",
        "split x --seed -1",
        "serve --auth nobody",
        "train photos --epochs many",
        "evaluate run --out folder",
    ],
)
def test_wrong_usage_has_status_2(words: str) -> None:
    shown = run_command(*words.split())
    assert (shown.status, shown.out) == (2, "")
    assert "Error: " in shown.err and "Traceback" not in shown.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("train photos --epochs many", "Invalid value for '--epochs': must be a valid integer"),
        ("train photos --minutes many", "Invalid value for '--minutes': must be a valid number"),
        ("serve --port 99999", "Invalid value for '--port': must be less than or equal to 65535"),
        ("data fashion", "Invalid value for 'NAME': 'fashion' is not one of 'fashion-mnist', 'clothing-small'."),
        ("data", "Missing argument 'NAME'. Choose from:\n    fashion-mnist,\n    clothing-small"),
    ],
)
def test_wrong_values_are_named_in_words(words: str, message: str) -> None:
    assert run_command(*words.split()).err.endswith(f"Error: {message}\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("check none", "Error: There is no folder none."),
        ("train empty", "Error: No photo below empty"),
        ("split photos --ratios 1/2", "Error: --ratios must look like 70/20/10"),
        ("predict bar.png --model bar.png", "Error: bar.png is not a bundle: it is a file."),
        ("predict runs/small", "Error: runs/small is a model, not a folder of photos. Give it by --model."),
        ("train runs/small", "Error: runs/small is a model, not a folder of photos. Name the photos."),
        ("train all.ZIP", "Error: all.ZIP is a zip file. Make a folder of class folders of it: clothes collect"),
        ("check runs/small/bundle", "Error: runs/small/bundle is a model, not a folder of photos. Name the photos."),
        ("outfit runs/small/bundle", "Error: runs/small/bundle is a model, not a folder of photos."),
        ("compare bar.png runs/small", "Error: There is no folder bar.png. Name a run"),
        ("train photos --model big", "Error: --model must be sequential, quick,"),
        ("train photos --epochs 0", "Error: --epochs must be between 1 and"),
        pytest.param(
            *("tune photos --model big", "Error: --model must be sequential, quick,"),
            marks=pytest.mark.skipif(not find_spec("optuna"), reason="tuning needs the extra 'tune'"),
        ),
        ("predict bar.png --model none", "Error: none is not a bundle: there is no such folder."),
        ("evaluate runs", "Error: runs is not a bundle: it has no bundle.json."),
        ("info photos", "Error: photos is not a bundle"),
        ("serve --model none", "Error: none is not a bundle"),
        ("plot photos", "Error: photos is not a run folder"),
        ("data fashion-mnist --from empty --to fm", "Error: empty/train-images-idx3-ubyte.gz cannot be read: No such"),
        ("data fashion-mnist --to bar.png/data", "Error: "),
    ],
)
def test_an_error_is_one_sentence(place: Path, words: str, message: str) -> None:
    shown = run_command(*words.split())
    assert shown.status == 1
    assert shown.err.splitlines()[-1].startswith(message)
    assert shown.err.count("Error: ") == 1 and "Traceback" not in shown.err


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (clothes.PhotosError("No photo."), 1, "Error: No photo.\n"),
        (PermissionError(13, "Permission denied", "photos"), 1, "Error: photos: Permission denied. " + CHECK),
        (OSError(28, "No space left", "report.html"), 1, "Error: report.html: No space left. " + CHECK),
        (FileExistsError(17, "File exists", "drawn"), 1, "Error: drawn: File exists. Name another folder.\n"),
        (OSError("the disk is gone"), 1, "Error: the disk is gone.\n"),
        (KeyboardInterrupt(), 130, "Stopped.\n"),
        (ModuleNotFoundError(name="onnx.helper"), 1, "Error: This command needs the extra 'export'."),
        (ModuleNotFoundError(name="no_such.thing"), 1, "Error: This command needs the package no_such, which is not"),
    ],
)
def test_errors_of_the_user_and_the_system_have_no_traceback(
    error: BaseException, status: int, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise error

    monkeypatch.setattr(photo_commands.clothes, "check", fail, raising=False)
    shown = run_command("check", "photos")
    assert (shown.status, shown.out) == (status, "")
    assert shown.err.startswith(message)


@pytest.mark.parametrize("error", [ZeroDivisionError(), ModuleNotFoundError(name="clothes.gone")])
def test_an_error_of_the_program_has_a_traceback(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise error

    monkeypatch.setattr(photo_commands.clothes, "check", fail, raising=False)
    with pytest.raises(type(error)):
        run_command("check", "photos")


def test_a_reader_that_leaves_ends_the_program_silently(place: Path) -> None:
    command = f"{sys.executable} -m clothes predict photos/bar --model runs/small | head -1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True)
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""


def test_file_names_in_any_bytes_and_terminals_without_unicode(place: Path) -> None:
    name = b"k\xe4se.png"
    shutil.copy("bar.png", name)
    shutil.copy("bar.png", "裙子.png")
    command = [sys.executable, "-m", "clothes", "predict", name, "裙子.png", "-", "--json", "--model", "runs/small"]
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, input=name + b"\n", capture_output=True, env=environment)
    Path(os.fsdecode(name)).unlink()
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 3


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="needs a shell of Unix")
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_no_error(tmp_path: Path, closed: str) -> None:
    """As some services start programs. A file that is opened next would become the stream."""
    command = f"exec {sys.executable} -m clothes collect urls - --class hat --into {tmp_path} {closed}"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 1  # no address, no photo
    assert "Traceback" not in done.stderr


def test_an_empty_argument_is_not_the_current_folder(place: Path) -> None:
    for words in (["train", ""], ["check", ""], ["train", "photos", "--out", ""]):
        shown = run_command(*words)
        assert (shown.status, shown.out) == (2, "")
        assert "an argument is empty. Has a variable of the shell no value?" in shown.err
