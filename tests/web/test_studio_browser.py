"""The studio's page in a headless Chromium, with a camera that Chromium draws."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from clothes.studio import jobs
from tests.support.jobs import make_project, wait_until_ended
from tests.support.pictures import make_photos, photo
from tests.support.studio_browser import STATIONS, chips, drop, opened, zipped
from tests.support.studio_page import served_studio

pytestmark = pytest.mark.browser


def test_photos_are_sorted_by_keyboard_and_undone(browser: Any, tmp_path: Path) -> None:
    (tmp_path / "photos" / "hat").mkdir(parents=True)
    (tmp_path / "photos" / "jacket").mkdir()
    for number in range(3):
        (tmp_path / "photos" / "hat" / f"{number}.png").write_bytes(photo(number))
    with served_studio(tmp_path) as url, opened(browser, url) as page:
        chips(page, {"hat": 3, "jacket": 0})
        page.get_by_role("listbox").focus()
        for key in ("Space", "Shift+ArrowRight"):
            page.keyboard.press(key)
        page.get_by_text("2 selected").wait_for()
        page.keyboard.press("2")
        chips(page, {"hat": 1, "jacket": 2})
        page.keyboard.press("Control+z")
        chips(page, {"hat": 3, "jacket": 0})
        page.locator(".cell").nth(2).wait_for()
        page.get_by_role("listbox").focus()
        page.keyboard.press("0")
        chips(page, {"": 1, "hat": 2, "jacket": 0})
        page.keyboard.press("Control+z")
        chips(page, {"hat": 3, "jacket": 0})
        page.locator(".cell").nth(2).click()
        page.get_by_label("Move to").select_option("0  Unsorted")
        page.get_by_role("button", name="Move", exact=True).click()
        chips(page, {"": 1, "hat": 2, "jacket": 0})
        page.get_by_role("button", name="Undo").click()
        chips(page, {"hat": 3, "jacket": 0})
        page.locator(".cell").nth(2).wait_for()
        page.get_by_role("listbox").focus()
        page.keyboard.press("Enter")
        page.locator("dialog img").wait_for()
        page.keyboard.press("Escape")
        page.keyboard.press("Delete")
        chips(page, {"hat": 2, "jacket": 0})
        page.reload()
        page.get_by_role("button", name="Undo").click()
        chips(page, {"hat": 3, "jacket": 0})


def test_a_dropped_photo_is_added_and_a_refused_one_has_its_reason(browser: Any, tmp_path: Path) -> None:
    with served_studio(tmp_path) as url, opened(browser, url) as page:
        drop(page, ".drop", "coat.png", photo(1))
        chips(page, {"": 1})
        page.get_by_text("1 photo added.").wait_for()
        drop(page, ".drop", "notes.png", b"no photo")
        page.get_by_text("1 file not added").click()
        assert "notes.png: " in page.locator(".refused li").inner_text()
        page.get_by_role("button", name="New class").click()
        page.get_by_label("Name of the new class").fill("coat")
        page.keyboard.press("Enter")
        chips(page, {"": 1, "coat": 0})
        drop(page, ".chip[data-name=coat]", "second.png", photo(2))
        chips(page, {"": 1, "coat": 1})


@pytest.mark.parametrize(
    ("files", "wanted"),
    [
        (["shirt/1.png", "shirt/2.png"], {"shirt": 2}),
        (["all/shirt/old/1.png", "all/shirt/new/2.png", "all/hat/3.png", "all/4.png"], {"": 1, "hat": 1, "shirt": 2}),
        (["all/train/shirt/1.png", "all/val/shirt/2.png", "all/test/hat/3.png", "all/a.txt"], {"hat": 1, "shirt": 2}),
    ],
)
def test_a_chosen_folder_has_its_classes_as_on_the_command_line(
    browser: Any, tmp_path: Path, files: list[str], wanted: dict[str, int]
) -> None:
    for number, name in enumerate(files):
        path = tmp_path / "chosen" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"no photo" if name.endswith(".txt") else photo(number))
    with served_studio(tmp_path / "project") as url, opened(browser, url) as page:
        page.set_input_files(".directory", tmp_path / "chosen" / Path(files[0]).parts[0])
        chips(page, wanted)


def test_a_folder_is_copied_and_a_second_project_is_opened_by_keyboard(
    browser: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOTHES_CONFIG", str(tmp_path / "config"))
    folder = make_photos(tmp_path / "mine", each=2)
    (folder / "bar" / "note.doc").write_text("x")
    look = {"viewport": {"width": 320, "height": 800}}
    with served_studio(tmp_path / "one") as url, opened(browser, url, **look) as page, opened(browser, url) as second:
        page.get_by_text("A folder on this computer").click()
        page.get_by_label("Its path").fill(str(folder))
        page.get_by_role("button", name="Copy in").press("Enter")
        chips(page, {"bar": 2, "frame": 2, "square": 2})
        page.get_by_text("6 photos added.").wait_for()
        page.get_by_text("1 file not added").wait_for()
        page.get_by_text("From the web").click()
        page.get_by_label("Class of these photos").fill("hat")
        page.get_by_label("Web addresses of photos").fill("http://127.0.0.1:9/1.png\nnone")
        page.get_by_role("button", name="Fetch them").press("Enter")
        page.get_by_text("No photo came from 2 addresses").wait_for()
        page.get_by_text("2 files not added").wait_for()
        page.get_by_text("Projects", exact=True).click()
        assert page.evaluate("document.documentElement.scrollWidth") <= 320
        page.get_by_label("New project").fill("two")
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="two", exact=True).wait_for()
        second.get_by_role("heading", name="two", exact=True).wait_for()  # it follows
        page.get_by_text("Projects", exact=True).click()
        page.get_by_role("button", name="Open the project one").press("Enter")
        page.get_by_role("heading", name="one", exact=True).wait_for()
        chips(page, {"bar": 2, "frame": 2, "square": 2})


def test_a_phone_takes_photos_of_one_garment_into_the_chosen_class(browser: Any, tmp_path: Path) -> None:
    (tmp_path / "photos" / "bag").mkdir(parents=True)
    (tmp_path / "photos" / "hat").mkdir()
    with served_studio(tmp_path) as url, opened(browser, url) as page:
        page.locator(".chip[data-name=hat]").click()
        page.get_by_text("Your phone").click()
        page.get_by_role("button", name="Open a page for the phone").press("Enter")
        page.get_by_role("img", name="QR code of http://127.0.0.1:").wait_for()
        address, user, password = page.locator(".reached b").all_inner_texts()
        context = browser.new_context(viewport={"width": 360, "height": 800})
        phone = context.new_page()
        phone.goto(f"{address}?class=hat")
        phone.get_by_label("username").fill(user)
        phone.get_by_label("password").fill(password)
        phone.get_by_role("button", name="Login").click()
        phone.locator(".chip[data-name=hat][aria-pressed=true]").wait_for()
        phone.get_by_label("These photos show one garment").check()
        files = [{"name": f"{n}.png", "mimeType": "image/png", "buffer": photo(n)} for n in range(3)]
        phone.locator("input.files").set_input_files(files)
        chips(phone, {"bag": 0, "hat": 3})
        assert phone.locator(".chip[data-name=hat]").get_attribute("title") == "3 photos, 1 garment"
        assert phone.evaluate("document.documentElement.scrollWidth") <= 360
        assert not phone.get_by_text("Your phone").is_visible()
        context.close()
        page.get_by_role("button", name="Close it").press("Enter")
        page.get_by_role("button", name="Open a page for the phone").wait_for()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (320, "dark")])
def test_no_station_scrolls_sideways(browser: Any, tmp_path: Path, width: int, scheme: str) -> None:
    make_photos(tmp_path / "photos", each=2)
    look = {"viewport": {"width": width, "height": 800}, "color_scheme": scheme}
    with served_studio(tmp_path) as url, opened(browser, url, **look) as page:
        for station in STATIONS:
            page.locator(f"nav button[data-step={station}]").click()
            assert page.locator("section:visible").get_attribute("data-step") == station
            assert page.evaluate("document.documentElement.scrollWidth") <= width, station


@pytest.mark.slow
def test_of_many_photos_only_those_in_view_are_in_the_page(browser: Any, tmp_path: Path) -> None:
    folder = tmp_path / "photos" / "hat"
    folder.mkdir(parents=True)
    for number in range(1000):
        (folder / f"{number:04}.png").write_bytes(photo(number))
    with served_studio(tmp_path) as url, opened(browser, url) as page:
        page.locator(".cell").first.wait_for()
        page.get_by_role("listbox").focus()
        page.keyboard.press("End")
        page.locator(".cell[aria-posinset='1000']").wait_for()
        assert page.locator(".cell").count() < 200
        page.keyboard.press("Control+a")
        page.get_by_text("1,000 selected").wait_for()


@pytest.mark.slow
def test_a_labelled_zip_is_trained_and_tested_in_two_clicks(browser: Any, tmp_path: Path) -> None:
    data = zipped(make_photos(tmp_path / "made", each=20))
    project = tmp_path / "project"
    with served_studio(project) as url, opened(browser, url) as page:
        drop(page, ".drop", "clothes.zip", data)
        page.get_by_role("button", name="Train a quick recogniser").click()
        page.locator("section[data-step=train] h3").first.wait_for()  # started: it may be done by now
        page.reload()  # the training does not mind
        page.get_by_role("button", name="Test it").click(timeout=120_000)
        verdict = page.locator("section[data-step=test] .verdict")
        verdict.wait_for(timeout=120_000)
        result = json.loads(next((project / "runs").glob("*/evaluation.json")).read_text())
        right = round(result["accuracy"] * result["photos"])
        assert verdict.inner_text().startswith(f"{right} of {result['photos']} right.")
        assert "used once" in page.locator("section[data-step=test]").inner_text()
        page.locator(".confusion button").first.click()
        page.locator("dialog .cell").first.wait_for()
        page.wait_for_function("document.querySelector('dialog .cell img').naturalWidth > 0")
        page.keyboard.press("Escape")

        page.locator("nav button[data-step=use]").click()
        drop(page, ".asking .drop", "bar.png", next((project / "photos" / "bar").iterdir()).read_bytes())
        page.locator(".said .verdict").wait_for()
        page.get_by_role("button", name="What each layer sees").click()
        page.locator(".layers li").nth(5).wait_for()
        assert page.evaluate("document.activeElement.textContent") == "What each layer sees"
        sizes = page.evaluate("[...document.querySelectorAll('.layers img')].map((image) => image.naturalWidth)")
        assert len(sizes) == 7 and all(sizes)
        drop(page, ".asking .drop", "other.png", photo(5))
        page.locator(".layers li").first.wait_for(state="detached")
        with page.expect_download() as download:
            page.get_by_role("link", name="Download").click()
        assert zipfile.ZipFile(download.value.path()).testzip() is None


@pytest.mark.slow
def test_two_classes_by_camera_make_a_recogniser_that_answers_live(browser: Any, tmp_path: Path) -> None:
    with served_studio(tmp_path) as url, opened(browser, url) as page:
        page.get_by_role("button", name="Use the camera").click()
        for number, name in enumerate(("here", "there"), 1):
            page.get_by_label("Class", exact=True).fill(name)
            page.get_by_role("button", name="Hold to shoot").hover()
            page.mouse.down()
            page.wait_for_function("document.querySelector('.status').textContent.startsWith('12 frames')")
            page.mouse.up()
            page.wait_for_function(
                "(number) => document.querySelectorAll('.chip:not(.new)').length === number", arg=number
            )
        state = page.evaluate("fetch('studio/state').then((answer) => answer.json())")
        assert [found["garments"] for found in state["classes"]] == [1, 1]
        assert all(found["photos"] >= 10 for found in state["classes"])


@pytest.mark.slow
def test_a_training_is_stopped_and_goes_on(browser: Any, tmp_path: Path) -> None:
    make_photos(tmp_path / "photos", each=20)
    with served_studio(tmp_path) as url, opened(browser, url) as page:
        page.locator("nav button[data-step=train]").click()
        page.get_by_text("Learn how it works").click()
        page.get_by_role("button", name="Start", exact=True).click()
        page.locator(".curves").wait_for(timeout=120_000)  # an epoch is done
        with opened(browser, url) as second:
            second.locator("nav button[data-step=train]").click()
            second.locator("section[data-step=train] .numbers").get_by_text("Epoch ").wait_for()
            second.locator("section[data-step=train] .stop").click()
        page.get_by_text("was stopped; the best model so far is kept.").first.wait_for(timeout=60_000)
        page.locator("section[data-step=train] .body").get_by_role("button", name="Go on").first.click()
        page.locator("section[data-step=train] .stop").wait_for()
        page.locator("section[data-step=train] .stop").click()
        page.get_by_role("button", name="Test it").wait_for(timeout=60_000)


@pytest.mark.slow
def test_a_wrong_photo_shows_what_it_is_like_and_an_asked_one_is_added(browser: Any, tmp_path: Path) -> None:
    project = make_project(tmp_path / "project", each=30)
    for number in range(0, 30, 3):  # mixed up, so that some answers are wrong
        one, other = (project.photos / label / f"{number:03}.png" for label in ("bar", "frame"))
        one.rename(tmp_path / "kept")
        other.rename(one)
        (tmp_path / "kept").rename(other)
    for kind in ("train", "test", "report"):
        jobs.start(project, kind, run="a")
        assert wait_until_ended(project).state == "done"
    with served_studio(project.root) as url, opened(browser, url) as page:
        page.evaluate("location.hash = 'test'")
        page.locator("section[data-step=test] .cell").first.dblclick()
        page.wait_for_selector("dialog .near img")
        assert page.locator("dialog .near img").count() == 3
        page.keyboard.press("Escape")
        page.evaluate("location.hash = 'use'")
        drop(page, ".asking .drop", "asked.png", photo(77))
        page.select_option(".asking select", "square")
        page.click("text=Add it to the photos")
        page.wait_for_function("document.querySelector('.status').textContent.includes('1 photo added')")
        assert len(list((project.photos / "square").iterdir())) == 31
