"""What the page is told in trouble: what happened, what is safe, and the next click."""

import errno
import os
import re
import shutil
from pathlib import Path
from typing import Any, get_args

import pytest

from clothes.studio import jobs
from clothes.studio.job_folder import JobFolder, Next
from clothes.web import studio_page
from clothes.web.base_page import static
from clothes.web.uploads import Uploads
from tests.support.jobs import make_project, wait_until_ended
from tests.support.pictures import photo
from tests.support.studio_browser import chips, drop, opened
from tests.support.studio_page import edit, served_studio, studio_client, upload

LOOK_AGAIN = "document.dispatchEvent(new Event('visibilitychange'))"  # what the page does when its tab is shown again


def test_a_folder_that_is_gone_is_named_and_no_empty_one_takes_its_place(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project", each=2)
    with studio_client(project.root) as client:
        project.root.rename(tmp_path / "moved")
        answers = [
            client.get("state"),
            edit(client, "add_class", label="hat"),
            client.post("job", json={"do": "start", "kind": "train"}),
            upload(client, "a.png", photo(1), "hat"),
        ]
        for answer in answers:
            assert answer.status_code == 400
            told = answer.json()["problem"]
            assert f"{project.photos} is gone" in told and "changed nothing. Put it back" in told
        assert not project.root.exists()
        (tmp_path / "moved").rename(project.root)
        assert client.get("state").json()["photos"] == 6


def test_a_full_disk_is_named_with_what_is_safe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = make_project(tmp_path / "project", each=2)

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with studio_client(project.root) as client:
        with monkeypatch.context() as patch:
            patch.setattr(JobFolder, "write", full)
            told = client.post("job", json={"do": "start", "kind": "train"}).json()["problem"]
        assert "No space left" in told and "Make room" in told and "photos and models are unchanged" in told
        with monkeypatch.context() as patch:
            patch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 10, 0))  # type: ignore[attr-defined]
            answer = upload(client, "a.png", photo(1), "hat")
        assert answer.status_code == 507 and "Nothing was lost; make room" in answer.json()["problem"]
        for place, name in ((Uploads, "new_path"), (studio_page, "_write")):  # as a quota does
            with monkeypatch.context() as patch:
                patch.setattr(place, name, full)
                answer = upload(client, "a.png", photo(1), "hat")
            told = answer.json()["problem"]
            assert answer.status_code == 507 and "No space left" in told and "Nothing was lost. Make room" in told
        assert client.get("state").json()["photos"] == 6


def test_a_training_that_cannot_begin_leads_to_the_photos(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project", each=1, shapes=("bar",))
    with studio_client(project.root) as client:
        client.post("job", json={"do": "start", "kind": "train"})
        wait_until_ended(project)
        job = client.get("state").json()["job"]
        assert job["state"] == "failed"
        assert "needs at least two classes" in job["problem"]["what"]
        assert "unchanged" in job["problem"]["safe"] and job["problem"]["next"] == "photos"


def test_a_class_of_one_photo_is_named_with_what_to_do(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project", each=20, shapes=("bar", "frame"))
    with studio_client(project.root) as client:
        upload(client, "a.png", photo(900), "hat")
        for kind in ("check", "train"):
            client.post("job", json={"do": "start", "kind": kind})
            wait_until_ended(project, kind)
        found = {item["kind"]: item for item in client.get("check").json()["check"]["findings"]}
        assert found["few"]["classes"] == ["hat: 1"] and found["few"]["advice"] == "Collect more first."
        state = client.get("state").json()
        assert (state["job"]["state"], state["photos"]) == ("done", 41)


def test_each_next_step_of_a_problem_has_its_button() -> None:
    listed = static("studio_train.js").partition("const nexts = {")[2].partition("};")[0]
    buttons = re.findall(r'^    "?([a-z ]+)"?: \(\) => \[', listed, re.MULTILINE)
    assert set(buttons) == set(get_args(Next))


@pytest.mark.browser
def test_the_page_tells_a_gone_folder_and_goes_on_when_it_is_back(browser: Any, tmp_path: Path) -> None:
    project = make_project(tmp_path / "project", each=2)
    with served_studio(project.root) as url, opened(browser, url) as page:
        chips(page, {"bar": 2, "frame": 2, "square": 2})
        project.root.rename(tmp_path / "moved")
        page.evaluate(LOOK_AGAIN)
        page.locator(".status.problem").get_by_text("is gone").wait_for()
        assert "Put it back" in page.locator(".status").inner_text()
        (tmp_path / "moved").rename(project.root)
        page.evaluate(LOOK_AGAIN)
        page.wait_for_function("document.querySelector('.status').textContent === ''")


@pytest.mark.browser
def test_an_answer_that_comes_after_a_later_one_is_not_shown(browser: Any, tmp_path: Path) -> None:
    with served_studio(tmp_path) as url, opened(browser, url) as page:
        held: list[Any] = []
        page.route("**/studio/state?*", lambda route: route.continue_() if held else held.append(route))
        page.evaluate(LOOK_AGAIN)
        with page.expect_response("**/studio/state?*"):
            page.evaluate(LOOK_AGAIN)
        with page.expect_response("**/studio/state?*"):
            held[0].fulfill(status=410, json={"problem": "The folder is gone."})
        page.evaluate("new Promise((done) => setTimeout(done, 100))")
        assert page.locator(".status").inner_text() == ""


@pytest.mark.browser
def test_the_page_tells_a_full_disk_for_each_photo(
    browser: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with served_studio(tmp_path) as url, opened(browser, url) as page:
        with monkeypatch.context() as patch:
            patch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 10, 0))  # type: ignore[attr-defined]
            drop(page, ".drop", "coat.png", photo(1))
            page.get_by_text("1 file not added").click()
            told = page.locator(".refused li").inner_text()
        assert "coat.png: The disk is almost full. Nothing was lost; make room, then send the rest again." in told
        drop(page, ".drop", "coat.png", photo(1))
        chips(page, {"": 1})
        page.locator(".refused").wait_for(state="hidden")


@pytest.mark.browser
@pytest.mark.parametrize(
    ("error", "told"),
    [
        ("NotFoundError", "No camera is connected. Connect one and try again, or choose photos."),
        ("NotAllowedError", "Allow it beside the page's address, then try again."),
        ("NotReadableError", "perhaps another program has it. Close that one and try again."),
    ],
)
def test_the_page_tells_what_a_camera_lacks(browser: Any, tmp_path: Path, error: str, told: str) -> None:
    with served_studio(tmp_path) as url, opened(browser, url) as page:
        page.evaluate(
            "(name) => { navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', name)); }",
            error,
        )
        page.get_by_role("button", name="Use the camera").click()
        page.locator(".status.problem").get_by_text(f"{told} Nothing was changed.").wait_for()
        assert not page.locator(".shooting").is_visible()


@pytest.mark.browser
def test_a_failed_training_leads_to_the_photos_by_its_button(browser: Any, tmp_path: Path) -> None:
    project = make_project(tmp_path / "project", each=1, shapes=("bar",))
    with served_studio(project.root, checks=True) as url, opened(browser, url) as page:
        page.locator("nav button[data-step=check]").click()
        page.get_by_text("1 class with under").first.wait_for()
        jobs.start(project, "train")
        wait_until_ended(project)
        page.evaluate(LOOK_AGAIN)
        page.locator("nav button[data-step=train]").click()
        trouble = page.locator("section[data-step=train] .trouble")
        trouble.get_by_text("needs at least two classes").wait_for()
        assert "unchanged" in trouble.inner_text()
        trouble.get_by_role("button", name="Add photos").click()
        assert page.locator("section:visible").get_attribute("data-step") == "photos"
