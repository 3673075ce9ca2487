"""The studio's page in a browser, and what a person does there."""

import base64
import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

STATIONS = ("photos", "check", "train", "test", "improve", "use")
DROP = """([selector, name, data]) => {
    const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
    const transfer = new DataTransfer();
    transfer.items.add(new File([bytes], name));
    document.querySelector(selector).dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true }));
}"""


@contextmanager
def opened(browser: Any, url: str, **more: Any) -> Iterator[Any]:
    """The page, once it shows the project. Fails on errors of its script and on requests to other hosts."""
    context = browser.new_context(permissions=["camera"], **more)
    page = context.new_page()
    page.set_default_timeout(60_000)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda sent: sent.url.startswith((url, "blob:", "data:")) or errors.append(sent.url))
    page.goto(url)
    page.wait_for_selector(".studio h1:not(:empty)")
    yield page
    stored = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")
    context.close()
    assert not errors
    assert "photos/" not in stored and ".png" not in stored


def drop(page: Any, selector: str, name: str, data: bytes) -> None:
    page.evaluate(DROP, [selector, name, base64.b64encode(data).decode()])


def chips(page: Any, wanted: dict[str, int]) -> None:
    """Waits until the page shows these numbers of photos by class."""
    page.wait_for_function(
        """(wanted) => JSON.stringify(wanted) === JSON.stringify(Object.fromEntries(
            [...document.querySelectorAll(".chip:not(.new)")].map((chip) =>
                [chip.dataset.name, Number(chip.querySelector("b").textContent)])))""",
        arg=wanted,
    )


def zipped(folder: Path) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for path in sorted(folder.glob("*/*")):
            archive.write(path, path.relative_to(folder))
    return file.getvalue()
