"""Uploads: where they lie, how long they stay, and how much of them is taken."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections import namedtuple
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.exceptions import HTTPException

import clothes
from clothes.web import PAGE_FOLDER, USER_ID, process_folder, upload_form, uploads
from clothes.web.predict_page import build_app
from clothes.web.upload_form import Form
from clothes.web.uploads import Uploads
from tests.support.page_client import PageClient
from tests.support.pictures import photo
from tests.support.served_page import served

PART = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'
Usage = namedtuple("Usage", "total used free")


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


# --- the folder ---


def test_each_process_has_a_folder_below_the_given_one(tmp_path: Path) -> None:
    own, other = process_folder(tmp_path), process_folder(tmp_path)
    assert own != other and own.parent == other.parent == tmp_path / f"clothes-page-{USER_ID}"
    assert process_folder(own).parent == own.parent  # a child process inherits GRADIO_TEMP_DIR


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The user's folder, which does not exist yet."""
    monkeypatch.setattr(uploads, "PAGE_FOLDER", tmp_path / "pages" / "own")
    return tmp_path / "pages"


def test_a_folder_open_to_others_is_closed(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o777)
    uploads.prepare_folder()
    assert folder.stat().st_mode & 0o777 == (folder / "own").stat().st_mode & 0o777 == 0o700


def test_a_folder_that_is_a_link_or_not_ours_is_refused(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(clothes.ClothesError, match=r"a link or belongs to someone else\. .*GRADIO_TEMP_DIR"):
        uploads.prepare_folder()
    folder.unlink()
    folder.mkdir()
    monkeypatch.setattr(uploads, "USER_ID", USER_ID + 1)
    with pytest.raises(clothes.ClothesError, match=r"a link or belongs to someone else\. .*GRADIO_TEMP_DIR"):
        uploads.prepare_folder()
    folder.rmdir()
    folder.write_bytes(b"")
    with pytest.raises(clothes.ClothesError, match=r"File exists\. .*GRADIO_TEMP_DIR"):
        uploads.prepare_folder()


PAGE = """
import sys
from clothes.web import PAGE_FOLDER, uploads
uploads.prepare_folder()
kept = uploads.Uploads(PAGE_FOLDER)
path = kept.new_path("photo.jpg")
path.write_bytes(b"x")
kept.keep(path)
print(path, flush=True)
sys.stdin.read()
"""


def test_a_second_page_removes_only_what_ended_pages_left(tmp_path: Path) -> None:
    def start() -> tuple[subprocess.Popen[str], Path]:
        running = subprocess.Popen(
            [sys.executable, "-c", PAGE],
            env=os.environ | {"GRADIO_TEMP_DIR": str(tmp_path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert running.stdout
        return running, Path(running.stdout.readline().strip())

    (killed, left), (first, kept) = start(), start()
    beginning = left.parents[3] / "beginning"  # of a page that has not locked it yet
    beginning.mkdir()
    for folder in (left.parents[2], kept.parents[2]):
        os.utime(folder, (0, 0))
    killed.kill()
    killed.wait()
    assert left.exists()
    second, other = start()
    assert (left.exists(), kept.exists(), other.exists(), beginning.exists()) == (False, True, True, True)
    for page in (first, second):
        page.communicate()
    assert not files(tmp_path)


# --- how long they stay ---


def test_uploads_that_nobody_asks_about_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Uploads(tmp_path)
    paths = [kept.new_path(f"{number}.png") for number in range(3)]
    for path in paths:
        path.write_bytes(b"x")
        kept.keep(path)
    kept.forget(str(paths[1]), after=120)
    kept.forget(str(tmp_path / "other.png"))
    now = uploads.time.monotonic()
    for seconds, left in ((100, paths), (130, [paths[0], paths[2]]), (601, [])):
        monkeypatch.setattr(uploads.time, "monotonic", lambda: now + seconds)  # noqa: B023
        kept.remove_expired()
        assert files(tmp_path) == sorted(left) or set(files(tmp_path)) == set(left)
    assert kept._bytes == 0 and not list(kept.folder.iterdir())


def test_the_oldest_uploads_make_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "_MAX_KEPT", 4)
    monkeypatch.setattr(uploads, "_MAX_KEPT_BYTES", 100)
    kept = Uploads(tmp_path)

    def add(size: int) -> Path:
        path = kept.new_path("photo.png")
        path.write_bytes(bytes(size))
        kept.keep(path)
        return path

    small = [add(1) for _ in range(6)]
    assert [path.exists() for path in small] == [False, False, True, True, True, True]
    large = [add(60), add(60)]
    assert [path.exists() for path in (*small, *large)] == [False] * 7 + [True]


def test_the_end_of_a_page_removes_its_uploads(classifier: clothes.Classifier) -> None:
    with served(build_app(classifier)) as url, PageClient(url) as client:
        path = Path(client.upload(photo(1))["path"])
        assert path.exists() and path.name == "photo.jpg"
    assert not path.parent.parent.exists()


# --- how much is taken ---


@pytest.fixture(scope="module")
def url(classifier: clothes.Classifier) -> Any:
    with served(build_app(classifier)) as address:
        yield address


def post(url: str, **options: Any) -> tuple[int, str]:
    answer = httpx.post(f"{url}gradio_api/upload", timeout=60, **options)
    return answer.status_code, answer.text


def test_a_part_without_a_file_name_is_refused_before_its_content(url: str, tmp_path: Path) -> None:
    form = Form("multipart/form-data; boundary=x", Uploads(tmp_path))
    with pytest.raises(HTTPException, match="not an upload form"):
        form.write(b'--x\r\nContent-Disposition: form-data; name="files"\r\n\r\n')
    for fields in ([("files", (None, bytes(50_000_000)))], [("files", ("a.png", b"x")), ("data", (None, "x"))]):
        assert post(url, files=fields) == (400, '{"detail":"This is not an upload form."}')


def test_a_request_has_limits(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = files(PAGE_FOLDER)
    status, text = post(url, files=[("files", (f"{i}.png", b"x")) for i in range(501)])
    assert status == 413 and "More than 500 photos at once" in text
    status, text = post(url, files={"files": ("large.png", bytes(25_000_001))})
    assert status == 413 and "large.png has more than 25 MB" in text
    monkeypatch.setattr(upload_form, "_MAX_REQUEST_BYTES", 1_000_000)
    status, text = post(url, files=[("files", (f"{i}.png", bytes(300_000))) for i in range(4)])
    assert status == 413 and "More than 0.001 GB at once" in text
    assert files(PAGE_FOLDER) == before


def test_the_disk_is_looked_at_while_photos_are_written(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = files(PAGE_FOLDER)
    free = iter([5_000_000_000, 5_000_000_000, 10])
    monkeypatch.setattr(upload_form.shutil, "disk_usage", lambda _: Usage(0, 0, next(free)))
    status, text = post(url, files=[("files", (f"{i}.png", bytes(20_000_000))) for i in range(5)])
    assert status == 507 and "no room for photos" in text
    assert files(PAGE_FOLDER) == before


def test_the_disk_is_looked_at_at_each_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = [5_000_000_000]
    monkeypatch.setattr(upload_form.shutil, "disk_usage", lambda _: Usage(0, 0, free[0]))
    form = Form("multipart/form-data; boundary=x", Uploads(tmp_path))
    form.write(PART)
    free[0] = 10  # others have filled it
    with pytest.raises(HTTPException, match="507"):
        form.write(b"x")


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", b""),
        ("multipart/form-data; boundary=", b"--\r\n"),
        ("text/html", b"<html>"),
        ("multipart/form-data; boundary=" + "x" * 300, b""),
        ("multipart/form-data; boundary=x", b"--y\r\n\r\n"),
        ("multipart/form-data; boundary=x", PART + b"no end"),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\nno header\r\n--x--"),
        ("multipart/form-data; boundary=x", b"--x\r\n" + b"a: b\r\n" * 1000),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: " + b"y" * 100_000),
    ],
)
def test_other_forms_are_refused(url: str, content_type: str, body: bytes) -> None:
    before = files(PAGE_FOLDER)
    assert post(url, content=body, headers={"content-type": content_type})[0] == 400
    assert files(PAGE_FOLDER) == before


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("a photo.jpg", "a photo.jpg"),
        ("Käse.jpg", "Käse.jpg"),
        ("../../x.png", "x.png"),
        ("C:\\Users\\me\\x.png", "x.png"),
        ("..", "file"),
        ("", "file"),
        ("\x00.", "file"),
        (".hidden", "hidden"),
        ("x" * 1000, "x" * 200),
    ],
)
def test_names_of_photos_stay_readable_and_inside(tmp_path: Path, name: str, kept: str) -> None:
    form = Form("multipart/form-data; boundary=x", Uploads(tmp_path))
    head = f'--x\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'.encode()
    form.write(head + b"data\r\n--x--\r\n")
    (path,) = map(Path, form.finish())
    assert path.name == kept and path.is_relative_to(tmp_path) and path.read_bytes() == b"data"


def test_a_broken_off_upload_leaves_nothing(tmp_path: Path) -> None:
    async def receive() -> dict[str, Any]:
        return next(messages)

    async def answer() -> None:
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/gradio_api/upload",
            "headers": headers,
            "query_string": b"",
        }
        await upload_form.UploadForms(None, Uploads(tmp_path)).handle(scope, receive, None)  # type: ignore[arg-type]

    headers = [(b"content-type", b"multipart/form-data; boundary=x")]
    messages = iter([{"type": "http.request", "body": PART, "more_body": True}, {"type": "http.disconnect"}])
    asyncio.run(answer())
    assert not files(tmp_path)


def test_forms_keep_one_file_open(tmp_path: Path) -> None:
    descriptors = Path("/proc/self/fd")
    if not descriptors.exists():
        pytest.skip("looks into /proc")
    form = Form("multipart/form-data; boundary=x", Uploads(tmp_path))
    before = len(list(descriptors.iterdir()))
    for number in range(100):
        form.write(f'--x\r\nContent-Disposition: form-data; name="files"; filename="{number}"\r\n\r\nx\r\n'.encode())
    assert len(list(descriptors.iterdir())) <= before + 1
    with pytest.raises(HTTPException):
        form.finish()  # the last part has no end
    form.discard()
    assert not files(tmp_path)
    shutil.rmtree(tmp_path)
