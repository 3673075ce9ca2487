"""The commands that messages name do what they promise."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import clothes
from clothes.cli.commands.training import render_next_step
from clothes.errors import RunError
from clothes.inference.run import Run
from clothes.system.terminal_text import plain, quote
from tests.support.commands import Result, parse_line, run_command
from tests.support.pictures import draw, make_photos


def hints(shown: Result) -> list[list[str]]:
    """The words of each command after "Next:  " and the like."""
    found = re.findall(r"(?:  |, then )clothes ([a-z].*?)(?=, then|\n|$)", shown.out + shown.err)
    return [shlex.split(words) for words in found]


def test_hints_lead_from_photos_to_a_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make_photos(tmp_path / "mine", each=12)
    shown = run_command("collect", "folder", "mine", "--into", "my 'best' photos")
    for command in ("check", "split"):
        (words,) = hints(shown)
        assert words[0] == command
        shown = run_command(*words)
        assert shown.status == 0, shown.err
    (words,) = hints(shown)
    assert words == ["train", "my 'best' photos"]


def test_no_hint_names_a_command_that_would_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make_photos(tmp_path / "mine", each=12)
    shutil.copytree("mine/bar", "one/bar")
    shown = run_command("split", "one")
    assert shown.status == 0 and not hints(shown)
    assert "Not ready for training: A recogniser needs at least two classes" in shown.err
    for i in range(2):
        (tmp_path / "few" / str(i)).mkdir(parents=True)
        draw("bar", 100 + i).save(tmp_path / "few" / str(i) / "a.png")
    shown = run_command("split", "few")
    assert shown.status == 0 and not hints(shown) and "Not ready for training: " in shown.err
    (tmp_path / "bad" / "hat").mkdir(parents=True)
    (tmp_path / "bad" / "hat" / "page.jpg").write_text("<html>")
    assert not hints(run_command("check", "bad"))
    assert not hints(run_command("collect", "folder", "bad", "--into", "nothing"))


@pytest.mark.parametrize("others", [False, True])
def test_a_run_without_a_test_part_is_measured_on_other_photos(
    others: bool, run: clothes.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """After a training on folders train/ and validation/, or whose test part shows none of the classes."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(run.path, "a run")
    table = Path("a run/split.csv").read_text().splitlines()
    lines = [",_other,".join(line.split(",", 2)[::2]) for line in table if ",test," in line] if others else []
    Path("a run/split.csv").write_text("\n".join([*(line for line in table if ",test," not in line), *lines]))
    copied = Run.open("a run")
    copied.note(photos=str(run.photos))
    render_next_step(copied)
    out = capsys.readouterr().out
    words = hints(Result(0, out, ""))[-1]
    assert words == ["evaluate", "a run", "--photos", "DIR"]
    with pytest.raises(RunError, match="the test part of its split is empty"):
        clothes.evaluate(copied.path)
    make_photos(tmp_path / "DIR", each=2, seed=900)
    assert run_command(*words).status == 0


def test_a_folder_that_is_no_run_is_not_to_be_resumed(place: Path) -> None:
    """Neither --resume nor --overwrite would take it."""
    pytest.importorskip("keras", reason="training needs the extra 'train'")
    shown = run_command("train", "photos", "--out", "photos/bar")
    assert shown.err == "Error: photos/bar is in use and is not a run folder. Give another --out.\n"


def test_commands_in_errors_have_quoted_paths(place: Path) -> None:
    shutil.copytree("runs/small", "runs/not evaluated", dirs_exist_ok=True)
    Path("runs/not evaluated/evaluation.json").unlink(missing_ok=True)
    shown = run_command("report", "runs/not evaluated")
    assert shown.err.rstrip().endswith("Evaluate it first: clothes evaluate 'runs/not evaluated'")


@pytest.mark.skipif(sys.platform == "win32", reason="its shells are others")
def test_paths_of_any_bytes_reach_the_command() -> None:
    for path in (b"a'b\nc", b"caf\xe9 $(id)", "Hüte".encode(), b"\xe2\x80\xae\\x41a", b"\x1b[2Jf0"):
        words = quote(os.fsdecode(path))
        assert words == plain(words)
        assert subprocess.run(["bash", "-c", f"printf %s {words}"], capture_output=True).stdout == path


def test_paths_are_quoted_for_the_shell_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    assert quote(Path("my photos/it's")) == "'my photos/it'\"'\"'s'"
    monkeypatch.setattr(sys, "platform", "win32")
    assert quote(Path("my photos")) == '"my photos"'
    assert quote(Path("photos")) == "photos"
    assert quote("-v") == "./-v"  # else an option


def test_examples_in_the_help_can_be_parsed() -> None:
    page = Path(clothes.__file__).parents[1] / "docs" / "commands.md"
    if not page.exists():
        pytest.skip("not in a checkout")
    found = re.findall(r"Example: (clothes .*(?:\n  [a-z].*)?)", page.read_text(encoding="utf-8"))
    assert len(found) > 20
    assert all(parse_line(" ".join(example.split()) + " ") for example in found)


def test_another_seed_needs_overwrite_if_a_split_exists(tmp_path: Path) -> None:
    """`split --seed`: another seed gives another split; an existing one keeps its parts."""
    photos = make_photos(tmp_path / "photos", each=30)
    assert run_command("split", photos).status == 0
    first = (photos / "split.csv").read_text()
    refused = run_command("split", photos, "--seed", 1)
    assert refused.status == 1 and "--overwrite" in refused.err
    assert (photos / "split.csv").read_text() == first
    assert run_command("split", photos, "--seed", 1, "--overwrite").status == 0
    assert (photos / "split.csv").read_text() != first


def test_check_changes_nothing(tmp_path: Path) -> None:
    photos = make_photos(tmp_path / "photos", each=3)
    before = {path: path.stat().st_mtime_ns for path in photos.rglob("*")}
    report = json.loads(run_command("check", photos, "--json").out)
    assert report["photos"] == 9
    assert {path: path.stat().st_mtime_ns for path in photos.rglob("*")} == before
