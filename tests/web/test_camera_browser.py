"""The camera page in a headless Chromium, with a camera that Chromium draws."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.photo_folders import stored_hashes
from tests.support.pictures import draw, photo
from tests.support.served_page import served_camera

pytestmark = pytest.mark.browser


def opened(browser: Any, url: str, **more: Any) -> Any:
    page = browser.new_context(permissions=["camera"], **more).new_page()
    page.set_default_timeout(30_000)
    page.goto(url)
    page.wait_for_selector(".camera .main")  # after the search for a camera
    return page


def counts(page: Any, wanted: dict[str, int]) -> None:
    """Waits until the page shows these numbers of photos by class."""
    page.wait_for_function(
        """(wanted) => JSON.stringify(wanted) === JSON.stringify(Object.fromEntries(
            [...document.querySelectorAll(".classes button")].map((chip) =>
                [chip.dataset.name, Number(chip.querySelector("b").textContent)])))""",
        arg=wanted,
    )


def test_a_person_takes_three_photos_and_undoes_one(browser: Any, tmp_path: Path) -> None:
    (tmp_path / "hat").mkdir()
    draw("bar", 1).save(tmp_path / "hat" / "mine.png")
    with served_camera(tmp_path) as url:
        page = opened(browser, url)
        take = page.get_by_role("button", name="Take a photo")
        take.click()
        page.get_by_text("Name the class first.").wait_for()
        page.get_by_role("button", name="hat 1").click()
        assert page.get_by_label("Class", exact=True).input_value() == "hat"
        page.get_by_label("Class", exact=True).fill("jacket")
        for number in (1, 2, 3):
            take.click()
            counts(page, {"hat": 1, "jacket": number})
        stored = collected_hashes(tmp_path)
        assert len(stored) == 3
        assert page.locator(".taken img").count() == 3
        page.get_by_role("button", name="Undo").click()
        counts(page, {"hat": 1, "jacket": 2})
        page.get_by_text("Removed from jacket.").wait_for()
        assert stored.items() > collected_hashes(tmp_path).items()
        assert page.locator(".taken img").count() == 2
        page.get_by_label("Class", exact=True).fill("a/b")
        take.click()
        page.locator(".status.problem").get_by_text("No class can be called 'a/b': it has /").wait_for()
        for number in (1, 0):
            page.get_by_role("button", name="Undo").click()
            counts(page, {"hat": 1, "jacket": number} if number else {"hat": 1})
        assert page.get_by_role("button", name="Undo").is_disabled()
        page.context.close()
    assert [path.name for path in (tmp_path / "hat").iterdir()] == ["mine.png"]


def collected_hashes(root: Path) -> dict[str, str]:
    """`stored_hashes` without the photo that was not collected."""
    mine = root / "hat" / "mine.png"
    data = mine.read_bytes()
    mine.unlink()
    try:
        return stored_hashes(root)
    finally:
        mine.write_bytes(data)


@pytest.mark.slow
def test_a_burst_keeps_each_photo(browser: Any, tmp_path: Path) -> None:
    with served_camera(tmp_path) as url:
        page = opened(browser, url)
        page.get_by_label("Class", exact=True).fill("jacket")
        page.evaluate(
            """async () => {
                for (let i = 0; i < 10; i++) {
                    document.querySelector(".take").click();
                    await new Promise((done) => setTimeout(done, 100));
                }
            }"""
        )
        counts(page, {"jacket": 10})
        page.context.close()
    assert len(stored_hashes(tmp_path)) == 10


@pytest.mark.slow
def test_a_phone_over_plain_http_takes_photos_with_its_own_camera(browser: Any, tmp_path: Path) -> None:
    with served_camera(tmp_path) as url:
        phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
        page = opened(browser, url.replace("127.0.0.1", "192.0.2.7"), **phone)
        assert not page.evaluate("isSecureContext")
        assert not page.locator(".take").is_visible()
        assert not page.locator("video").is_visible()
        picker = page.locator(".camera input[type=file]")
        assert (picker.get_attribute("capture"), picker.get_attribute("accept")) == ("environment", "image/*")
        assert page.locator(".files.main").inner_text() == "Take a photo"
        page.get_by_label("Class", exact=True).fill("a long class name without any end in sight, it seems")
        for i in range(2):
            picker.set_input_files({"name": "image.jpg", "mimeType": "image/png", "buffer": photo(i)})
        counts(page, {"a long class name without any end in sight, it seems": 2})
        picker.set_input_files({"name": "image.jpg", "mimeType": "image/jpeg", "buffer": bytes(25_000_001)})
        page.get_by_text("Not stored: it has more than 25 MB.").wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.context.close()
    assert sorted(path.read_bytes() for path in tmp_path.glob("*/*")) == sorted([photo(0), photo(1)])
    assert len(stored_hashes(tmp_path)) == 2


@pytest.mark.slow
def test_two_browsers_undo_their_own(browser: Any, tmp_path: Path) -> None:
    with served_camera(tmp_path) as url:
        pages = [opened(browser, url) for _ in range(2)]
        for number, page in enumerate(pages, 1):
            page.get_by_label("Class", exact=True).fill(f"class {number}")
            page.get_by_role("button", name="Take a photo").click()
            page.get_by_text(f"Stored as class {number}.").wait_for()
        counts(pages[1], {"class 1": 1, "class 2": 1})
        pages[0].get_by_role("button", name="Undo").click()
        counts(pages[0], {"class 2": 1})
        assert pages[0].get_by_role("button", name="Undo").is_disabled()
        for page in pages:
            page.context.close()
    assert {name.split("/")[0] for name in stored_hashes(tmp_path)} == {"class 2"}
