"""`train` with the quick model: what it takes, what it refuses, and what its run and bundle can do."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import clothes
from clothes.cli.commands.training import render_training
from clothes.errors import BundleError, ConfigError, PhotosError, RunError, SplitError
from clothes.inference import run as inference_run
from clothes.training.quick import quick_training
from tests.support.bundle_damage import flip, rename_output, replace_model
from tests.support.commands import run_command
from tests.support.pictures import SMALL, make_photos
from tests.support.quick import OLD
from tests.support.quick import train_quick as train


def model_of(run: clothes.Run) -> bytes:
    return run.bundle.file("model.tflite")


@pytest.fixture(scope="module")
def _trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("quick")
    make_photos(root / "photos", each=15)
    train(root / "photos", root / "runs" / "q")
    return root


@pytest.fixture
def place(_trained: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with photos and a quick run in runs/q."""
    monkeypatch.chdir(_trained)
    return _trained


@pytest.fixture
def photos(_trained: Path, tmp_path: Path) -> Path:
    """A copy of the photos with their split."""
    shutil.copytree(_trained / "photos", tmp_path / "photos")
    return tmp_path / "photos"


def test_trainings_of_one_second_have_a_run_each(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(inference_run, "stamp", lambda: "20260101-120000")
    runs = [train(photos, None) for _ in range(2)]
    assert [run.path for run in runs] == [Path("runs/20260101-120000"), Path("runs/20260101-120000-2")]
    with pytest.raises(PhotosError):
        train(tmp_path / "no photos", None)
    assert sorted(path.name for path in Path("runs").iterdir()) == [run.path.name for run in runs]


def test_the_answers_are_equal_in_library_command_and_a_copy(place: Path, tmp_path: Path) -> None:
    asked = [place / "photos" / kind / "003.png" for kind in ("bar", "frame", "square")]
    library = [clothes.load("runs/q").predict(photo) for photo in asked]
    shutil.copytree("runs/q/bundle", tmp_path / "copy")
    for bundle in ("runs/q", tmp_path / "copy"):
        shown = run_command("predict", *asked, "--model", bundle, "--json", "--top", 3)
        assert shown.status == 0, shown.err
        for line, answer in zip(shown.out.splitlines(), library, strict=True):
            expected = {"label": answer.label, "known": answer.known, "confidence": answer.confidence}
            assert json.loads(line).items() >= (expected | {"scores": answer.scores}).items()
    assert clothes.verify(tmp_path / "copy").holds


@pytest.mark.slow
def test_the_page_answers_as_the_library(place: Path) -> None:
    pytest.importorskip("gradio", reason="the page needs the extra 'serve'")
    from gradio_client import Client, handle_file

    from clothes.web.corrections import Inbox
    from clothes.web.predict_page import build_app
    from tests.support.served_page import served

    classifier, photo = clothes.load("runs/q"), place / "photos" / "bar" / "003.png"
    with Inbox(place / "inbox") as inbox, served(build_app(classifier, inbox=inbox)) as url:
        client = Client(url, analytics_enabled=False, download_files=False, verbose=False)
        answer = client.predict(handle_file(photo), api_name="/predict")
    expected = classifier.predict(photo)
    assert (answer["label"], answer["known"]) == (expected.label, expected.known)
    assert answer["scores"] == pytest.approx(expected.scores, abs=1e-9)


@pytest.mark.slow
def test_the_commands_work_on_a_quick_run(place: Path) -> None:
    pytest.importorskip("tensorflow", reason="the report needs the extra 'train'")
    ours = {"photos": "photos", "q": "runs/q"}
    expected = {
        "train {photos} --model quick --out runs/c --folds 3": "Cross-validated accuracy",
        "evaluate {q}": "accuracy",
        "evaluate runs/c": "accuracy",
        "report {q}": "What to photograph next",
        "report {q} --retrain": "What to photograph next",
        "report runs/c": "report.html",
        "compare {q} runs/c": "McNemar",
        "verify {q}": "is complete and answers as it was made to",
        "info {q}": "built on",
        "plot {q}": "confusion.png",
        "export {q} --format litert --out litert": "model.tflite",
        "export {q} --format space --out space": "app.py",
    }
    for line, words in expected.items():
        shown = run_command(*line.format(**ours).split())
        assert shown.status == 0 and words in shown.out, (line, shown.out, shown.err)
    assert "learnt from both" in (place / "runs/c/report.html").read_text()
    shown = run_command("report", "runs/c", "--retrain")
    assert shown.status == 1 and "learnt from its validation photos too (--folds)" in shown.err
    assert clothes.load("space/bundle").classes == ("bar", "frame", "square")


@pytest.mark.parametrize("name", ["onnx", "keras", "saved-model"])
def test_a_format_that_needs_weights_says_so(place: Path, tmp_path: Path, name: str) -> None:
    shown = run_command("export", "runs/q", "--format", name, "--out", tmp_path / "out")
    assert shown.status == 1 and not (tmp_path / "out").exists()
    assert "quick models do not. litert, space and web need none." in shown.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--epochs 3", "--epochs is not for the quick model"),
        ("--minutes 3", "--minutes is not for the quick model"),
        ("--image-size 64", "--image-size is not for the quick model"),
        ("--weights none", "--weights is not for the quick model"),
        ("--seed 1", "--seed is not for the quick model"),
        ("--folds 1", "--folds must be between 2 and 100; got 1"),
        ("--folds 99", "--folds 99 is more than there are photos to hold out"),
        ("--trunk nowhere", "nowhere is not a bundle: there is no such folder"),
        ("--trunk photos", "photos is not a bundle: it has no bundle.json"),
        ("--config runs/c.json --model quick", "Leave out --config or --model"),
    ],
)
def test_what_a_quick_model_has_not_is_refused_by_its_option(place: Path, words: str, message: str) -> None:
    (place / "runs/c.json").write_text(SMALL.to_json())
    shown = run_command("train", "photos", "--model", "quick", "--out", "runs/refused", *words.split())
    assert shown.status == 1 and message in shown.err, shown.err
    assert not (place / "runs/refused").exists()


def test_a_search_is_refused(place: Path) -> None:
    shown = run_command("tune", "photos", "--model", "quick")
    assert shown.status == 1 and "has no settings to search for" in shown.err


def test_other_networks_have_no_trunk_and_no_folds(photos: Path, tmp_path: Path) -> None:
    for more in ({"trunk": OLD, "folds": None}, {"trunk": None, "folds": 5}):
        with pytest.raises(ConfigError, match="is for the quick model, and this one is sequential"):
            train(photos, tmp_path / "run", changes={}, **more)


def test_a_run_of_the_same_config_is_the_same(place: Path, tmp_path: Path) -> None:
    config = clothes.Config.read("runs/q/config.json")
    again = train(place / "photos", tmp_path / "again", changes={}, config=config)
    assert model_of(again) == model_of(clothes.Run.open("runs/q"))


def test_another_quick_bundle_is_a_trunk_and_the_answers_stay(place: Path, tmp_path: Path) -> None:
    first = clothes.Run.open("runs/q")
    second = train(place / "photos", tmp_path / "second", trunk=first.path)
    assert second.bundle.info["trunk"]["name"] == "q"
    for photo in sorted((place / "photos").glob("*/*.png"))[::6]:
        ours, theirs = (clothes.load(run.path).predict(photo) for run in (first, second))
        assert ours.scores == pytest.approx(theirs.scores, abs=1e-4)


def test_a_trunk_that_is_damaged_or_has_no_features_is_refused(photos: Path, tmp_path: Path) -> None:
    model = (OLD / "bundle" / "model.tflite").read_bytes()
    for damage in (flip("model.tflite"), replace_model(rename_output(model, b"features", b"others"))):
        shutil.rmtree(tmp_path / "trunk", ignore_errors=True)
        shutil.copytree(OLD / "bundle", tmp_path / "trunk")
        damage(tmp_path / "trunk")
        with pytest.raises(BundleError, match="trunk"):
            train(photos, tmp_path / "run", trunk=tmp_path / "trunk")
    assert not (tmp_path / "run").exists()


def test_a_trunk_whose_name_is_no_text_is_refused_at_once(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--trunk .* is not UTF-8\. Rename"):
        train(photos, tmp_path / "run", trunk=tmp_path / "a\udcff")
    assert not (tmp_path / "run").exists()


def test_folds_fit_to_the_validation_photos_too(photos: Path, tmp_path: Path) -> None:
    run = train(photos, tmp_path / "run", folds=4)
    count = len(run.split.part("train")) + len(run.split.part("validation"))
    assert run.bundle.info["metrics"].keys() == {"cross-validation"}
    assert run.bundle.info["metrics"]["cross-validation"]["photos"] == count


@pytest.fixture
def killed(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A run that was stopped before its bundle was written."""

    def stop(*given: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(quick_training, "write_quick_bundle", stop)
        with pytest.raises(KeyboardInterrupt):
            train(photos, tmp_path / "killed", folds=3)
    yield tmp_path / "killed"


def test_a_killed_training_goes_on_with_its_own_settings(killed: Path, photos: Path, tmp_path: Path) -> None:
    shown = run_command("train", photos, "--out", killed, "--resume")
    assert shown.status == 0, shown.err
    assert model_of(clothes.Run.open(killed)) == model_of(train(photos, tmp_path / "whole", folds=3))
    with pytest.raises(RunError, match="other settings: folds"):
        train(photos, killed, folds=5, resume=True)


def test_a_run_is_replaced_only_if_asked(photos: Path, tmp_path: Path) -> None:
    train(photos, tmp_path / "run")
    with pytest.raises(RunError, match="is in use"):
        train(photos, tmp_path / "run", folds=3)
    assert "cross-validation" in train(photos, tmp_path / "run", folds=3, overwrite=True).bundle.info["metrics"]


def test_a_quick_model_has_nothing_to_draw_before_its_evaluation(photos: Path, tmp_path: Path) -> None:
    run = train(photos, tmp_path / "run")
    shown = run_command("plot", run.path)
    assert (shown.status, shown.out) == (1, "")
    assert shown.err.endswith(f"Evaluate it first: clothes evaluate {run.path}\n")


def test_retraining_on_a_share_notes_no_photo_that_it_leaves_out(photos: Path, tmp_path: Path) -> None:
    clothes.evaluate(train(photos, tmp_path / "run").path)
    shown = run_command("report", tmp_path / "run", "--retrain")
    assert shown.status == 0, shown.err
    assert shown.err.count("Run folder: ") == 3 and "not in the split" not in shown.err


def test_a_training_that_ended_early_says_so(
    run: clothes.Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    render_training(run, Path("my photos"), plot=Path("history.png"))
    assert "Ended before" not in capsys.readouterr().out
    trained = run.bundle.info["epochs"]["trained"]
    shutil.copytree(run.path, tmp_path / "longer")
    longer = run.config.changed({"train": {"epochs": trained + 1000, "patience": 7}})
    (tmp_path / "longer" / "config.json").write_text(longer.to_json())
    render_training(clothes.Run.open(tmp_path / "longer"), Path("my photos"), plot=Path("history.png"))
    assert f"Ended before epoch {trained + 1000:,}: the last 7 were no better." in capsys.readouterr().out


def test_a_sequential_training_ends_with_what_the_quick_model_reaches(
    run: clothes.Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    render_training(run, Path("my photos"), plot=Path("history.png"))
    *_, reached, command = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"The quick model, on the same validation photos: \d+\.?\d* % in [\d.]+ s\.", reached)
    assert command == "    clothes train 'my photos' --model quick"

    def refuse(*given: Any) -> None:
        raise SplitError("bar/000.png has changed.")

    monkeypatch.setattr(quick_training.QuickTraining, "prepare", refuse)
    render_training(run, Path("my photos"), plot=Path("history.png"))
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "The quick model could not be tried on the same photos. bar/000.png has changed."
