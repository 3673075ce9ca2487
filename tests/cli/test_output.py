"""No name of a file or class controls the terminal, whatever command prints it."""

import ast
import json
import re
from pathlib import Path

import pytest

from clothes import cli
from clothes.cli import output
from tests.support.commands import Result, run_command
from tests.support.pictures import draw

HOSTILE = "a\x1b]0;title\x07\x1b[2J\x9b31m\r\u202eb\u2028c"
CONTROL = re.compile("[\0-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def test_only_one_file_prints() -> None:
    writes = {"print", "typer.echo", "typer.secho", "click.echo"}
    for path in Path(cli.__file__).parent.rglob("*.py"):
        calls = [node.func for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)]
        found = {ast.unparse(call) for call in calls if ast.unparse(call) in writes}
        found |= {ast.unparse(call) for call in calls if ast.unparse(call).endswith((".print", ".stdout.write"))}
        assert path.name == "output.py" or not found, path


def test_a_duration_is_told_in_one_unit() -> None:
    times = {0.2: "1 second", 1.4: "1 second", 1.6: "2 seconds", 89: "89 seconds", 100: "2 minutes", 9000: "2.5 hours"}
    assert {seconds: output.duration(seconds) for seconds in times} == times


@pytest.fixture(scope="module")
def hostile_photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Class folders with hostile names: photos, duplicates, files that are no photos, a folder."""
    root = tmp_path_factory.mktemp("hostile") / f"photos {HOSTILE}"
    for shape in ("bar", "frame"):
        (root / shape).mkdir(parents=True)
        for i in range(8):
            draw(shape, i // 2).save(root / shape / f"{i} {HOSTILE}.png")
        (root / shape / f"page {HOSTILE}.jpg").write_text("<html>")
        (root / shape / f"notes {HOSTILE}.txt").write_text("mine")
    draw("bar", 0).save(root / "frame" / f"twice {HOSTILE}.png")
    (root / HOSTILE).mkdir()
    draw("bar", 1).save(root / HOSTILE / "1.png")
    return root


@pytest.mark.parametrize(
    "words",
    [
        ("check", "PHOTOS"),
        ("check", "PHOTOS", "--json"),
        ("split", "PHOTOS", "--out", "OUT/split.csv"),
        ("split", "PHOTOS", "--out", "OUT/second.csv", "--copy-to", f"OUT/copies {HOSTILE}"),
        ("collect", "folder", "PHOTOS", "--into", f"OUT/{HOSTILE}"),
        ("collect", "folder", "PHOTOS", "--into", f"OUT/{HOSTILE}", "--json"),
        ("predict", "PHOTOS/bar", f"{HOSTILE}.jpg"),
        ("predict", "PHOTOS/bar", f"{HOSTILE}.jpg", "--json"),
        ("train", HOSTILE),
        ("tune", "PHOTOS", "--split", HOSTILE),
        ("evaluate", HOSTILE),
        ("info", HOSTILE),
        ("plot", HOSTILE),
        ("look", HOSTILE, "--out", f"OUT/{HOSTILE}.html"),
        ("serve", "--model", HOSTILE),
        ("collect", "urls", HOSTILE, "--class", "hat", "--into", "OUT/photos"),
        ("collect", "folder", "PHOTOS", "--class", HOSTILE, "--into", "OUT/photos"),
        (f"--{HOSTILE}",),
        (HOSTILE,),
        ("predict", "x", "--top", HOSTILE),
        ("train", "PHOTOS", "--weights", HOSTILE),
    ],
)
def test_names_carry_no_control_characters(words: tuple[str, ...], hostile_photos: Path, tmp_path: Path) -> None:
    placed = [word.replace("PHOTOS", str(hostile_photos)).replace("OUT", str(tmp_path)) for word in words]
    shown = run_command(*placed)
    assert "a" in shown.out + shown.err  # it printed something
    assert clean(shown), (shown.out, shown.err)


def clean(shown: Result) -> bool:
    return not CONTROL.search(shown.out + shown.err)


def test_json_keeps_names_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    output.show_json({HOSTILE: [HOSTILE, "裙子"]})
    shown = capsys.readouterr().out
    assert not CONTROL.search(shown)
    assert json.loads(shown) == {HOSTILE: [HOSTILE, "裙子"]}
    assert "裙子" in shown


def test_columns_of_any_script_are_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    output.show_table(["photo", "truth"], [["a", "裙子"], ["b", "hat"]])
    assert capsys.readouterr().out.splitlines() == ["photo  truth", "a       裙子", "b        hat"]


def test_a_split_with_hostile_names_is_shown_plainly(
    hostile_photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What `train` prints when it starts."""
    pytest.importorskip("keras", reason="training needs the extra 'train'")
    import clothes
    from clothes.cli.live_display import training_display
    from clothes.inference.run import Run

    split = clothes.split(hostile_photos)
    assert any(HOSTILE in line for line in split.notes) and split.skipped
    with training_display() as display:
        display.on_start(Run(tmp_path / HOSTILE), clothes.Config(), split)
    shown = capsys.readouterr().err
    assert "Run folder" in shown and not CONTROL.search(shown)


def test_the_facts_of_a_hostile_bundle_are_shown_plainly(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    from clothes.cli.commands.inference import render_info
    from clothes.inference.bundle import Bundle

    about = {"name": HOSTILE, "created": HOSTILE, "fingerprint": HOSTILE, "versions": {HOSTILE: HOSTILE}}
    render_info(Bundle(tmp_path, about | {"classes": (HOSTILE,), "image_size": 28}))  # type: ignore[arg-type]
    assert not CONTROL.search(capsys.readouterr().out)
