"""The report shows the evaluation in one file that needs no network and runs no code."""

import base64
import html
import io
import json
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

import clothes
from clothes.config import Config
from clothes.errors import RunError
from clothes.inference.confidence import percent
from tests.support.commands import run_command
from tests.support.pictures import draw

pytest.importorskip("jinja2", reason="the report needs the extra 'train'")

from clothes.evaluation.embeddings import read_embeddings
from clothes.evaluation.recommendations import Confusion
from clothes.report.rendering import fill
from clothes.report.sections import show_confusions


@pytest.fixture(scope="module")
def evaluated(run: clothes.Run, tmp_path_factory: pytest.TempPathFactory) -> clothes.Run:
    """An evaluated copy of the run, with a new photo, a damaged one, and one with EXIF."""
    root = tmp_path_factory.mktemp("reported")
    shutil.copytree(run.path.parent, root / "copy")
    copy = clothes.Run.open(root / "copy" / "run")
    (copy.photos / "bar" / "<b>new.png").write_bytes((copy.photos / "bar" / "000.png").read_bytes())
    (copy.photos / "bar" / "bad.png").write_bytes(b"")
    (copy.photos / "notes.txt").write_text("hello")
    wrong = next(row for row in copy.split.part("test"))
    exif = Image.Exif()
    exif[0x010E] = "secret place"
    draw("bar", 3).save(copy.photos / wrong.photo, exif=exif)
    clothes.evaluate(copy.path)
    return copy


@pytest.fixture(scope="module")
def printed(evaluated: clothes.Run) -> Any:
    """The output of `clothes report --json`."""
    return json.loads(run_command("report", evaluated.path, "--json").out)


@pytest.fixture(scope="module")
def page(printed: Any) -> str:
    return Path(printed["report"]).read_text(encoding="utf-8")


def test_report_shows_the_evaluation(evaluated: clothes.Run, page: str) -> None:
    result = clothes.evaluate(evaluated.path)
    share = percent(result.accuracy).replace(" ", "\u00a0")
    assert f'<p class="big">{share}</p>' in page
    assert f"{result.photos} test photos are few" in page
    assert all(f"{result.per_class[name]['recall']:.3f}" in page for name in result.classes)
    numbers = [int(n) for n in re.findall(r'title="[^"]*predicted [^"]*">(\d+)</a>', page)]
    assert sum(numbers) == result.photos
    wrong = [p for truth, p in result.predictions if truth != p.label]
    assert wrong and page.count('alt="Heatmap for') == len(wrong)
    places = [
        re.search(rf"{re.escape(p.photo)}</bdi></small>\s*</p>", page)
        for p in sorted(wrong, key=lambda p: -p.confidence)
    ]
    order = [place.start() for place in places if place]
    assert len(order) == len(wrong)
    assert order == sorted(order)
    for text in (
        "sequential",
        evaluated.bundle.info["fingerprint"],
        "tensorflow",
        "it was added after the split was made",
    ):
        assert text in page
    assert "the file is empty" in page and "&lt;b&gt;new.png" in page


def test_one_photo_is_not_many(tmp_path: Path) -> None:
    tested = SimpleNamespace(skipped=())
    found = SimpleNamespace(pairs=[1], groups=1, random_torn=0, random_leaks=1, leaks=0, skipped=())
    page = fill("photos.html", evaluation=tested, audit=found, duplicates=[], max_skipped=9).decode()
    assert "1 pair of near-duplicates; 1 group (people, shops) given. A random split" in " ".join(page.split())


def test_page_begins_with_what_people_look_at(evaluated: clothes.Run, page: str) -> None:
    """Accuracy, confusion and wrong photos first, then short advice; all about uncertainty is one click away."""
    parts = (
        'class="big"',
        'class="matrix"',
        'alt="Heatmap for',
        ">What to photograph next<",
        ">Metrics of each class<",
    )
    places = [page.index(part) for part in parts]
    assert places == sorted(places)
    closed = re.compile(r"<details>.*?</details>", re.DOTALL)
    begin = closed.sub("", page[page.index("<body>") : places[1]])
    assert len(re.sub(r"<[^>]*>|\s+", " ", begin)) < 400
    assert "interval" in page and "interval" not in closed.sub("", page)


def test_cards_of_confused_classes_have_a_photo_of_each(evaluated: clothes.Run, tmp_path: Path) -> None:
    classifier = clothes.load(evaluated.path)
    found = read_embeddings(evaluated, classifier)
    answers = found.labels.copy()
    mistaken = np.flatnonzero(found.is_part("validation") & (found.labels == 2))[1]
    answers[mistaken] = 0
    pair = Confusion("bar", "square", 1, 8, (0.0, 0.5))
    args = (evaluated.photos, classifier.classes, replace(found, answers=answers), [pair])
    [(shown, figures)] = show_confusions(*args)
    assert shown is pair
    assert [figure.caption for figure in figures] == ["bar", "square, predicted bar"]
    assert figures[1].name == found.rows[mistaken].photo and all(figure.picture for figure in figures)
    assert {row.part for row in found.rows if row.photo in [figure.name for figure in figures]} == {"validation"}


@pytest.mark.parametrize(
    ("file", "old", "new", "reason"),
    [
        (
            "predictions.csv",
            r"\A(.*\n)bar/\d+\.png",
            r"\1frame/000.png",
            "which split.csv does not have as a test photo",
        ),
        ("predictions.csv", r"\A(.*\n)bar/\d+\.png", r"\1other/secret.png", "predictions.csv has other/secret.png"),
        ("predictions.csv", r"bar/\d+\.png", "../secret.png", "does not lie among the photos"),
        ("predictions.csv", r"\bbar\b(?!/)", "bat", "have different classes"),
        ("evaluation.json", r'"bar"', '"bat"', "have different classes"),
        ("split.csv", r",bar,", ",bat,", "have different classes"),
        ("predictions.csv", r"\n.*", "", "has no photo of the classes"),
    ],
)
def test_files_of_a_run_that_do_not_fit_are_refused(
    evaluated: clothes.Run, tmp_path: Path, file: str, old: str, new: str, reason: str
) -> None:
    shutil.copytree(evaluated.path, tmp_path / "run")
    changed = re.sub(old, new, (tmp_path / "run" / file).read_text())
    train = next(row.photo for row in evaluated.split.part("train") if row.label == "frame")
    (tmp_path / "run" / file).write_text(changed.replace("frame/000.png", train))
    with pytest.raises(RunError, match=reason) as error:
        clothes.write_report(clothes.Run.open(tmp_path / "run"))
    assert f"clothes evaluate {tmp_path / 'run'}" in str(error.value)


def test_commands_say_where_photos_lie_if_run_json_leads_elsewhere(
    evaluated: clothes.Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    told = f"The photos are read from {evaluated.photos}, which {evaluated.path / 'run.json'} names."
    for folder, expected in ((tmp_path, True), (evaluated.path.parent, False)):
        monkeypatch.chdir(folder)
        for command in ("report", "evaluate"):
            assert (told in run_command(command, evaluated.path).err) is expected


def test_each_command_stands_beside_the_way_in_the_studio(page: str) -> None:
    """The studio links to the report, and those who use it may have no terminal."""
    words = (files("clothes.web") / "static" / "studio_words.js").read_text("utf-8")
    paragraphs = [
        paragraph
        for template in (files("clothes.report") / "templates").iterdir()
        for paragraph in re.findall(r"<p\b.*?</p>", template.read_text("utf-8"), re.DOTALL)
        if "clothes " in paragraph or "--" in paragraph
    ]
    assert len(paragraphs) >= 3
    for paragraph in paragraphs:
        named = re.findall("<q>(.*?)</q>", paragraph)
        assert named and "in the studio" in paragraph, paragraph
        assert all(f'"{name}"' in words for name in named), named
    *before, _ = page.split("`clothes")  # in sentences of the library
    assert before and all(text.endswith(" On the command line, ") for text in before)


def test_report_needs_no_network_and_has_no_code(page: str) -> None:
    found: list[tuple[str, str]] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            assert tag not in ("script", "iframe", "object", "link", "form")
            found.extend((name, value or "") for name, value in attrs)

    Reader().feed(page)
    assert not [name for name, _ in found if name.startswith("on")]
    assert {value.partition(",")[0] for name, value in found if name == "src"} == {
        "data:image/jpeg;base64",
        "data:image/svg+xml;base64",
    }
    assert all(value.startswith("#") for name, value in found if name == "href")
    targets = {value for name, value in found if name == "id"}
    assert {value[1:] for name, value in found if name == "href"} <= targets


def test_report_has_no_exif_and_no_path(evaluated: clothes.Run, page: str) -> None:
    pictures = [base64.b64decode(data) for data in re.findall(r"data:image/jpeg;base64,([^\"]+)", page)]
    assert len(pictures) > 50
    assert not [data for data in pictures if dict(Image.open(io.BytesIO(data)).getexif())]
    assert b"secret" not in b"".join(pictures)
    assert str(evaluated.path.parent) not in page


def test_names_are_escaped(evaluated: clothes.Run, tmp_path: Path) -> None:
    """A class and a file with names that look like HTML are shown as text."""
    name = "<img src=x onerror=alert(1)>\"'<!--"
    shutil.copytree(evaluated.path.parent, tmp_path / "copy")
    copy = clothes.Run.open(tmp_path / "copy" / "run")
    for path in ("evaluation.json", "predictions.csv", "split.csv"):
        text = (copy.path / path).read_text()
        if path.endswith("json"):
            text = text.replace('"bar"', json.dumps(name))
        else:
            quoted = name.replace('"', '""')
            text = re.sub(r"(?<=,)bar(?=[,\n])", f'"{quoted}"', text)
            text = re.sub(r"bar/(\d+\.png)", rf'"{quoted}\1"', text)
        (copy.path / path).write_text(text)
    bundle = copy.bundle
    bundle.update(classes=[name, *bundle.classes[1:]], name=name)
    page = clothes.write_report(copy).path.read_text(encoding="utf-8")
    assert "<img src=x" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;&#34;&#39;&lt;!--" in page


def test_bundle_with_the_required_entries_alone_is_evaluated_and_reported(
    evaluated: clothes.Run, tmp_path: Path
) -> None:
    shutil.copytree(evaluated.path.parent, tmp_path / "copy")
    copy = clothes.Run.open(tmp_path / "copy" / "run")
    info = json.loads((copy.path / "bundle" / "bundle.json").read_text())
    needed = {name: info[name] for name in ("format", "classes", "image_size", "files", "threshold")}
    (copy.path / "bundle" / "bundle.json").write_text(json.dumps(needed))
    (copy.path / "run.json").write_text(json.dumps({"photos": "../photos", "finished": None}))
    clothes.evaluate(copy.path)
    page = clothes.write_report(copy).path.read_text(encoding="utf-8")
    assert "<h1><bdi>run</bdi></h1>" in page and "best epoch –" in page


@pytest.mark.parametrize(
    ("architecture", "told"), [("quick", "the last layer alone, fitted at once"), ("sequential", "best epoch –")]
)
def test_a_quick_training_has_no_epochs(architecture: str, told: str) -> None:
    config = Config().changed({"model": {"architecture": architecture}})
    run = {"run": SimpleNamespace(config=config), "run_info": {"finished": "today"}, "evaluation": {"created": "today"}}
    page = fill("settings.html", **run, info={"image_size": 224}, parts=(), classes=(), counts={}).decode()
    assert told in page and ("minutes" in page) == (architecture != "quick")


@pytest.mark.usefixtures("page")
def test_report_without_photos_or_evaluation(run: clothes.Run, evaluated: clothes.Run, tmp_path: Path) -> None:
    shutil.copytree(evaluated.path, tmp_path / "run")
    (tmp_path / "run" / "features.npz").unlink()
    page = clothes.write_report(clothes.Run.open(tmp_path / "run")).path.read_text(encoding="utf-8")
    assert "photo not found" in page and "cannot be checked" in page
    shutil.copytree(run.path, tmp_path / "fresh")
    (tmp_path / "fresh" / "evaluation.json").unlink(missing_ok=True)
    with pytest.raises(RunError, match="has not been evaluated yet"):
        clothes.write_report(clothes.Run.open(tmp_path / "fresh"))


@pytest.mark.browser
def test_report_fits_the_screen_and_its_matrix_opens_photos(browser: Any, evaluated: clothes.Run, page: str) -> None:
    requests = []
    for width, scheme in ((1100, "light"), (390, "light"), (390, "dark")):
        opened = browser.new_page(viewport={"width": width, "height": 844}, color_scheme=scheme)
        opened.on("request", lambda request: requests.append(request.url))
        opened.on("console", lambda message: pytest.fail(message.text))
        opened.goto((evaluated.path / "report.html").as_uri())
        assert opened.evaluate("document.documentElement.scrollWidth") <= width
        assert opened.evaluate("[...document.images].every((i) => i.complete && i.naturalWidth > 0)")
        background = opened.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (background == "rgb(255, 255, 255)") is (scheme == "light")
        uncertainty = opened.locator("text=95 % confidence interval").first
        assert not uncertainty.is_visible()
        opened.locator("summary").first.click()
        assert uncertainty.is_visible()
        opened.evaluate("document.querySelectorAll('details').forEach((d) => (d.open = true))")
        assert opened.evaluate("document.documentElement.scrollWidth") <= width
        link = opened.locator(".matrix a").first
        count, target = int(link.inner_text()), link.get_attribute("href")
        assert not opened.locator(".cell").first.is_visible()
        link.click()
        assert opened.locator(f"{target} figure").count() == min(count, 24)
        assert opened.locator(target).is_visible()
        opened.locator(f"{target} >> text=Close").click()
        assert not opened.locator(target).is_visible()
        opened.emulate_media(media="print")
        assert opened.locator("h1").is_visible() and not opened.locator(".screen").first.is_visible()
        opened.close()
    assert [url for url in requests if not url.startswith(("file:", "data:"))] == []


def test_command_prints_the_recommendations_and_the_path(evaluated: clothes.Run, printed: Any, page: str) -> None:
    assert printed["report"] == str(evaluated.path / "report.html")
    assert [photos for photos, _ in printed["advice"]["curve"]] == [21, 42, 63, 84]
    assert printed["advice"]["validation"] == 12 and not printed["advice"]["retrained"]
    lines = run_command("report", evaluated.path).out.splitlines()
    assert lines[0] == "What to photograph next:"
    assert lines[-1] == f"report  {evaluated.path / 'report.html'}"
    assert all(html.escape(line[2:]) in page for line in lines[1:-2])
