"""The numbers of the page are those of the commands, and its sentences say the same."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

import clothes
from clothes.errors import ClothesError, ConfigError, ExportError
from clothes.studio import jobs, results
from clothes.studio.downloads import downloads, make_zip
from clothes.studio.project import Project
from tests.support.commands import run_command
from tests.support.jobs import make_project, wait_until_ended
from tests.support.pictures import draw


def command(*words: object) -> Any:
    done = run_command(*words, "--json")
    assert done.status == 0, done.err
    return json.loads(done.out)


def plain(value: Any) -> Any:
    return json.loads(json.dumps(value))


def do(project: Project, kind: Any, **asked: Any) -> jobs.Status:
    jobs.start(project, kind, **asked)
    status = wait_until_ended(project, kind)
    assert status.state == "done", status.problem
    return status


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A project with two quick runs, both tested: the second one of more photos."""
    project = make_project(tmp_path_factory.mktemp("results") / "project", each=30)
    for shape, wrong in (("bar", "square"), ("square", "frame")):  # photos with a wrong label, so that some are missed
        for i in range(4):
            draw(wrong, 500 + i).save(project.photos / shape / f"wrong-{i}.png")
    do(project, "train", how="quick", run="first")
    do(project, "test", run="first")
    for i in range(30):
        draw("bar", 700 + i).save(project.photos / "bar" / f"new-{i:02}.png")
    do(project, "train", how="quick", run="second")
    do(project, "test", run="second")
    yield project


def test_a_check_lists_the_ids_of_the_photos(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project", each=21)
    assert results.check(project) is None
    shutil.copy(project.photos / "bar" / "000.png", project.photos / "frame" / "same.png")
    (project.photos / "bar" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    draw("bar", 900, size=(20, 300)).save(project.photos / "bar" / "long.png")
    for name in ("002", "003", "004"):
        (project.photos / "square" / f"{name}.png").unlink()
    do(project, "check")
    found = results.check(project)
    assert found
    assert found["report"] == command("check", project.photos)
    assert found["is_current"]
    findings = {item.pop("kind"): item for item in found["findings"]}
    assert findings["unreadable"]["photos"] == ["photos/bar/broken.png"]
    assert findings["across_classes"]["pairs"] == [["photos/bar/000.png", "photos/frame/same.png"]]
    assert findings["long"]["photos"] == ["photos/bar/long.png"]
    assert findings["few"]["classes"] == ["square: 18"]
    assert findings["few"]["words"] == "1 class with under 20 photos."
    for photo in findings["long"]["photos"]:
        assert project.photo_path(photo).exists()
    (project.photos / "bar" / "long.png").unlink()
    assert not (results.check(project) or {})["is_current"]


def test_the_split_is_told_in_words(project: Project, tmp_path: Path) -> None:
    assert results.split(Project.open(tmp_path / "empty")) is None
    found, written = results.split(project), clothes.Run.open(project.runs / "second").split
    assert found
    assert found["counts"] == written.counts()
    train, test, validation = (len(written.part(part)) for part in ("train", "test", "validation"))
    assert found["words"] == f"{train} to learn, {test} for the test, {validation} to choose by"


def test_a_later_training_takes_new_photos_in_and_moves_none(project: Project) -> None:
    first, second = (clothes.Run.open(project.runs / name).split for name in ("first", "second"))
    parts = {row.photo: row.part for row in second.rows}
    assert all(parts[row.photo] == row.part for row in first.rows)
    assert len(second.rows) == len(first.rows) + 30


def test_a_test_has_the_numbers_of_the_command(project: Project) -> None:
    before = results.test(project, "second")
    assert before
    said = command("evaluate", project.runs / "second")
    after = results.test(project, "second")
    assert after
    for found in (before, after):
        assert said == {name: plain(found["evaluation"])[name] for name in said}
    assert (before["opened"], after["opened"]) == (1, 2)
    assert before["opened_words"] == "The test photos of this run were used once."
    right = sum(said["confusion"][i][i] for i in range(3))
    assert before["words"].startswith(f"{right} of {said['photos']} right. On new photos")
    cells = {(cell["truth"], cell["answer"]): cell["photos"] for cell in before["cells"]}
    names = said["classes"]
    counted = [[len(cells.get((truth, answer), [])) for answer in names] for truth in names]
    assert counted == said["confusion"]
    assert 0 < len(before["wrong"]) == said["photos"] - right
    assert all(project.photo_path(item["photo"]).exists() for item in before["wrong"])


def test_a_comparison_has_the_numbers_of_the_command(project: Project) -> None:
    found = results.comparison(project, "second")
    assert found
    assert found["other"] == "first"
    assert plain(found["comparison"]) == command("compare", project.runs / "first", project.runs / "second")
    before, after = (f"{100 * share:.1f}"[:4] for share in found["comparison"]["accuracy"])
    assert found["words"].startswith(after[:2])
    assert f"after {before[:2]}" in found["words"]
    assert results.comparison(project, "first") is None


def test_runs_are_listed_with_their_numbers(project: Project) -> None:
    broken = project.runs / "broken"
    broken.mkdir()
    (broken / "run.json").write_text("{")
    found = {run["run"]: run for run in results.runs(project)}
    shutil.rmtree(broken)
    assert list(found) == ["second", "first", "broken"]
    info = command("info", project.runs / "second")
    assert found["second"]["test"] == info["metrics"]["test"]
    assert found["second"]["validation"] == info["metrics"]["validation"]
    assert found["second"]["photos"] == info["photos"]
    assert "cannot be read" in found["broken"]["problem"]
    assert results.history(project, "first") == []


def test_an_evaluation_of_an_earlier_bundle_does_not_count(project: Project, tmp_path: Path) -> None:
    copy = shutil.copytree(project.runs / "first", project.runs / "copy")
    try:
        assert results.test(project, "copy")
        info = clothes.Run.open(copy).bundle
        info.update(metrics={"validation": info.info["metrics"]["validation"]})  # as training on writes it
        assert results.test(project, "copy") is None
    finally:
        shutil.rmtree(copy)


@pytest.mark.parametrize("name", ["../first", "", ".", "..", "none", "first/bundle"])
def test_a_name_leads_to_no_other_folder(project: Project, name: str) -> None:
    for ask in (results.history, results.test, results.recommendations, results.report_page, downloads):
        with pytest.raises(ClothesError):
            ask(project, name)


@pytest.mark.slow
def test_a_report_recommends_what_the_command_does(project: Project) -> None:
    assert results.recommendations(project, "first") is None
    page, made_from = project.root / "exports" / "first-web", clothes.Run.open(project.runs / "first").bundle.info
    page.mkdir(parents=True)
    (page / "export.json").write_text(json.dumps({"made_from": {"created": made_from["created"]}}))
    do(project, "report", run="first")
    said = results.report_page(project, "first").read_text(encoding="utf-8")
    assert "<code>exports/first-web</code>" in said and "--format web" not in said
    shutil.rmtree(page)
    found = results.recommendations(project, "first")
    assert found
    assert found["advice"] == command("report", project.runs / "first")["advice"]
    assert found["lines"]
    assert all(project.photo_path(error["photo"]).exists() for error in found["label_errors"])
    wrong = {item["photo"] for item in (results.test(project, "first") or {})["wrong"]}
    parts = {f"photos/{row.photo}": row.part for row in clothes.Run.open(project.runs / "first").split.rows}
    assert found["nearest"].keys() == wrong != set()
    assert all(len(near) == 3 and {parts[photo] for photo in near} == {"train"} for near in found["nearest"].values())
    assert len(said) > 10_000


def test_downloads_are_whole_and_of_the_present_bundle(project: Project) -> None:
    before = {entry["format"]: entry for entry in downloads(project, "first")}
    assert [name for name, entry in before.items() if entry["is_ready"]] == ["bundle"]
    with pytest.raises(ExportError, match="no litert of first yet"):
        make_zip(project, "first", "litert")
    with pytest.raises(ConfigError):
        jobs.start(project, "export", run="first", format="../../x")
    do(project, "export", run="first", format="litert")
    entry = next(entry for entry in downloads(project, "first") if entry["format"] == "litert")
    assert entry["is_ready"]
    assert entry["bytes"] > 1_000_000
    assert entry["compared"][-1]["agreement"] == 1
    assert entry["notes"] == []
    with ZipFile(make_zip(project, "first", "bundle")) as archive:
        assert archive.testzip() is None
        archive.extractall(project.root / "taken")
    photo = project.photos / "bar" / "000.png"
    here, there = (clothes.load(path) for path in (project.runs / "first", project.root / "taken" / "first-bundle"))
    assert here.predict(photo) == there.predict(photo)
    exported = project.root / "exports" / "first-litert" / "export.json"
    exported.write_text(exported.read_text().replace('"created": "2', '"created": "1'))  # of another bundle, or damaged
    assert not next(entry for entry in downloads(project, "first") if entry["format"] == "litert")["is_ready"]
    do(project, "export", run="first", format="litert")
    assert next(entry for entry in downloads(project, "first") if entry["format"] == "litert")["is_ready"]
