"""`clothes predict`, `info`, `verify` and `export`."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import clothes
from clothes.cli.commands.inference import render_info
from clothes.cli.commands.prediction import find_photos
from clothes.inference.bundle import Bundle
from tests.support.commands import run_command

SMALL = ("--model", "runs/small")


def test_predict_prints_one_line_per_photo(place: Path) -> None:
    shown = run_command("predict", "bar.png", "[odd] name.png", "photos/squ*/00[0-4].png", "--top", 1, *SMALL)
    assert (shown.status, shown.err) == (0, "")
    lines = shown.out.splitlines()
    assert len(lines) == 7
    assert lines[0].startswith("bar.png: ")


def test_predict_uses_the_bundled_model_by_default(place: Path) -> None:
    assert "t-shirt" in json.loads(run_command("predict", "bar.png", "--json").out)["scores"]


def test_predict_as_json_continues_after_a_bad_photo(place: Path) -> None:
    shown = run_command("predict", "-", "--json", *SMALL, stdin="bar.png\npage.jpg\nno.png\n")
    assert shown.status == 1
    good, bad, missing = map(json.loads, shown.out.splitlines())
    assert list(good) == ["photo", "label", "confidence", "known", "scores"]
    assert set(good["scores"]) == {"bar", "frame", "square"}
    assert bad == {"photo": "page.jpg", "error": "this is not a picture of a known format", "code": "not-a-photo"}
    assert missing == {"photo": "no.png", "error": "there is no such file", "code": "missing"}
    top = run_command("predict", "bar.png", "--json", "--top", 2, *SMALL)
    assert len(json.loads(top.out)["scores"]) == 2


@pytest.mark.parametrize("folder", ["photos/frame", "photos/fr*", "pho*/frame/*.png"])
def test_predict_takes_folders_and_globs(place: Path, folder: str) -> None:
    shown = run_command("predict", folder, "--json", *SMALL)
    assert len(shown.out.splitlines()) == 40


@pytest.mark.parametrize("folder", ["sale [2024]", "[a-z]/b*", "what?", "{1,2}", "[", "[]", "***"])
def test_names_that_look_like_patterns_are_names(tmp_path: Path, folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / folder / "a [1]").mkdir(parents=True)
    for name in ("1.png", "[x].png", "a [1]/2.png"):
        (tmp_path / folder / name).touch()
    monkeypatch.chdir(tmp_path)
    for top in (tmp_path, Path()):

        def found(pattern: str, top: Path = top) -> list[str]:
            return sorted(path.as_posix() for path in find_photos([str(top / folder / pattern)])[0])

        expected = [(top / folder / name).as_posix() for name in ("1.png", "[x].png", "a [1]/2.png")]
        assert found("") == found("**/*.png") == expected
        assert found("*.png") == expected[:2]
        assert found("[x].png") == expected[1:2]
        assert found("a [1]") == found("a [1]/*") == found("a [[]1]/*") == expected[2:]
        assert found("none [1].png") == [(top / folder / "none [1].png").as_posix()]


def test_predict_without_any_photo_is_an_error(place: Path) -> None:
    for word in ("empty", "-"):
        shown = run_command("predict", word, *SMALL)
        assert shown.status == 1
        assert shown.err.startswith(f"Error: No photo in {word}.")


def test_predict_prints_every_error(place: Path) -> None:
    missing = [f"none-{i}.png" for i in range(40)]
    shown = run_command("predict", "bar.png", *missing, "bar.png", *SMALL)
    assert [line for line in shown.err.splitlines() if line.startswith("Error: none-")] == [
        f"Error: {name}: there is no such file" for name in missing
    ]


def test_verify_finds_a_changed_bundle(place: Path) -> None:
    shown = run_command("verify", "runs/small")
    assert (shown.status, shown.err) == (0, "")
    assert shown.out.endswith("is complete and answers as it was made to.\n")
    assert json.loads(run_command("verify", "runs/small", "--json").out)["holds"] is True
    model = next(place.glob("runs/small/bundle/model*"))
    content = model.read_bytes()
    try:
        model.write_bytes(content[:-1])
        shown = run_command("verify", "runs/small")
    finally:
        model.write_bytes(content)
    assert shown.status == 1
    assert "BAD " in shown.out
    assert shown.out.endswith("is damaged or changed: do not use it.\n")


def test_export_compares_and_lists_its_files(place: Path) -> None:
    shown = run_command("export", "runs/small", "--format", "litert", "--out", "exported")
    assert shown.status == 0, shown.err
    assert shown.out.startswith("compared with the bundle")
    assert shown.out.splitlines()[-1] == "exported/export.json"
    taken = run_command("export", "runs/small", "--format", "litert", "--out", "exported")
    assert taken.status == 1 and taken.err.startswith("Error: exported ")
    data = json.loads(run_command("export", "runs/small", "--format", "litert", "--out", "more", "--json").out)
    assert data["format"] == "litert"


LIST = ["bar.png", "[odd] name.png", "裙子.png", "photos/bar/000.png"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("line", ["{}\n", "{}\r\n", '"{}"\r\n', "'{}'\n", '"{}" \r'])
def test_lists_on_stdin_come_from_any_system(encoding: str, line: str, place: Path) -> None:
    """A byte-order mark, UTF-16 as PowerShell writes it, and "Copy as path" of Windows."""
    shutil.copy("bar.png", "裙子.png")
    text = "".join(line.format(name) for name in LIST)
    shown = run_command("predict", "-", "--json", stdin=text.encode(encoding))
    assert shown.status == 0, shown.err
    assert [json.loads(answer)["photo"] for answer in shown.out.splitlines()] == LIST


def test_lists_on_stdin_may_have_back_slashes(place: Path) -> None:
    shutil.copy("bar.png", "a\\b.png")
    shown = run_command("predict", "-", "--json", stdin="photos\\bar\\000.png\na\\b.png\n")
    assert [json.loads(answer)["photo"] for answer in shown.out.splitlines()] == ["photos/bar/000.png", "a\\b.png"]


def test_a_list_that_is_no_text_is_an_error(place: Path) -> None:
    shown = run_command("predict", "-", stdin=b"\xff\xfeb")
    assert (shown.status, shown.out) == (1, "")
    assert shown.err.startswith("Error: - is no list: it is not text in UTF-8 or UTF-16")


@pytest.mark.parametrize("odd", [{"epochs": {"more": 1}}, {"trunk": {}}, {"trunk": {"more": "x"}}, {}])
def test_a_bundle_that_says_little_of_its_origin_is_shown(odd: dict[str, Any], classifier: clothes.Classifier) -> None:
    info = {name: value for name, value in classifier.info.items() if name not in ("epochs", "trunk")}
    render_info(Bundle(classifier.path, info | odd))


def test_the_values_of_info_stand_below_each_other(
    classifier: clothes.Classifier, capsys: pytest.CaptureFixture[str]
) -> None:
    metrics = {"cross-validation": {"accuracy": 1.0, "interval": [0.5, 1.0], "photos": 9}}
    render_info(Bundle(classifier.path, dict(classifier.info) | {"metrics": metrics, "fingerprint": ""}))
    rows = [line.split("  ", 1) for line in capsys.readouterr().out.splitlines()]
    assert {"cross-validation accuracy", "photos"} < {name for name, _ in rows} and all(value for _, value in rows)
    assert len({len(name) + 2 + len(value) - len(value.lstrip()) for name, value in rows}) == 1
    assert "fingerprint" not in dict(rows)
