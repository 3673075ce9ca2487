"""Corrections in a headless Chromium: one person corrects an answer, another decides."""

from pathlib import Path
from typing import Any

import pytest

import clothes
from clothes.web.corrections import Inbox, Review, list_corrections, read_correction
from tests.support.killed_corrections import ANSWER
from tests.support.photo_folders import below, rows
from tests.support.pictures import draw, photo
from tests.support.served_page import served

app = pytest.importorskip("clothes.web.predict_page", reason="the pages need the extra 'serve'")
review = pytest.importorskip("clothes.web.review_page", reason="the pages need the extra 'serve'")

pytestmark = pytest.mark.browser


def opened(browser: Any, url: str) -> Any:
    page = browser.new_context(viewport={"width": 1000, "height": 900}).new_page()
    page.set_default_timeout(30_000)
    page.goto(url)
    return page


@pytest.mark.slow
def test_a_person_corrects_an_answer(
    browser: Any,
    inbox: Inbox,
    classifier: clothes.Classifier,
    tmp_path: Path,
) -> None:
    path = tmp_path / "bar.png"
    draw("bar", 902).save(path)
    with served(app.build_app(classifier, inbox=inbox)) as url:
        page = opened(browser, url)
        page.wait_for_selector("#photo input[type=file]", state="attached")
        assert not page.locator("#correct").is_visible()
        page.set_input_files("#photo input[type=file]", str(path))
        page.wait_for_selector(".bars")
        page.get_by_role("button", name="Send photo and correction").click()
        page.get_by_text("Choose first what it is.").wait_for()
        page.get_by_label("Wrong? Say what it is").click()
        assert page.get_by_role("option").all_inner_texts() == ["bar", "frame", "square", "none of these"]
        page.get_by_role("option", name="frame").click()
        page.get_by_role("button", name="Send photo and correction").click()
        page.get_by_text("Thank you. The photo is kept as: frame.").wait_for()
        page.get_by_text("except those that you send with a correction").wait_for()
        page.context.close()
    (name,) = list_corrections(inbox.root)[0]
    found = read_correction(inbox.root / name)
    assert (found.photo, found.label) == (path.read_bytes(), "frame")
    assert found.answer == classifier.predict(path).label


def test_another_decides(browser: Any, inbox: Inbox, tmp_path: Path) -> None:
    for i, label in enumerate(("bar", "frame", "square")):
        inbox.keep(photo(i), ANSWER, label)
    names = list_corrections(inbox.root)[0]
    with Review(inbox.root, tmp_path / "photos") as deciding, served(review.build_page(deciding)) as url:
        page = opened(browser, url)
        page.get_by_text("3 to decide.").wait_for()
        assert page.locator(".review img").count() == 3
        page.wait_for_function("[...document.querySelectorAll('.review img')].every((image) => image.naturalWidth > 0)")
        first = page.locator(".review article").first
        label = first.locator("strong").inner_text()
        first.get_by_role("button", name="Yes").click()
        page.get_by_text("Accepted: the next training uses it. 2 to decide.").wait_for()
        page.locator(".review article").first.get_by_role("button", name="No").click()
        page.get_by_text("Refused: it is set aside. 1 to decide.").wait_for()
        page.get_by_role("button", name="Yes").click()
        page.get_by_text("Nothing is left to decide.").wait_for()
        page.context.close()
    table = rows(tmp_path / "photos")
    assert [row["origin"] for row in table] == ["correction", "correction"]
    assert table[0]["file"].startswith(f"{label}/")
    assert len(below(tmp_path / "photos")) == 3  # two photos and sources.csv
    assert len(list((inbox.root / "accepted").iterdir())) == 2
    assert [path.name for path in (inbox.root / "refused").iterdir()] == names[1:2]
