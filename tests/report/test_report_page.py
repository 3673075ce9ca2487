"""The report shows the evaluation in one file that needs no network and runs no code."""

import base64
import html
import io
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import clothes
from clothes.errors import RunError
from clothes.inference.confidence import percent
from tests.support.commands import run_command
from tests.support.pictures import draw

pytest.importorskip("jinja2", reason="the report needs the extra 'train'")


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
    name = "</title><img src=x onerror=alert(1)>\"'"
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
    assert "&lt;/title&gt;&lt;img src=x onerror=alert(1)&gt;&#34;&#39;" in page


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
    for width in (1100, 390):
        opened = browser.new_page(viewport={"width": width, "height": 844})
        opened.on("request", lambda request: requests.append(request.url))
        opened.on("console", lambda message: pytest.fail(message.text))
        opened.goto((evaluated.path / "report.html").as_uri())
        assert opened.evaluate("document.documentElement.scrollWidth") <= width
        assert opened.evaluate("[...document.images].every((i) => i.complete && i.naturalWidth > 0)")
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
