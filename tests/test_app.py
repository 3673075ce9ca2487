"""The page's answers, through the API that a program uses and the server's own routes."""

import csv
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

import clothes
from clothes.prediction import Prediction

gr = pytest.importorskip("gradio", reason="the page needs the extra 'serve'")
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from clothes import app as page
from tests.conftest import draw


@pytest.fixture(scope="module")
def server(classifier: clothes.Classifier) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    page.sweep()
    blocks = page.build_app(classifier)
    blocks.queue(max_size=8, api_open=False)
    _, url, _ = blocks.launch(
        **page.launch_settings(), server_name="127.0.0.1", server_port=port, prevent_thread_lock=True
    )
    yield url
    blocks.close()


@pytest.fixture(scope="module")
def client(server: str) -> Client:
    return Client(server, analytics_enabled=False, download_files=False, verbose=False)


def test_the_api_answers_as_the_library_does(client: Client, classifier: clothes.Classifier, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    for name, options in [("turned.jpg", {"exif": exif}), ("plain.png", {}), ("small.webp", {"quality": 90})]:
        draw("bar", 901).save(tmp_path / name, **options)
        answer = client.predict(handle_file(tmp_path / name), api_name="/predict")
        expected = classifier.predict(tmp_path / name)
        assert answer == {
            "label": expected.label,
            "confidence": pytest.approx(expected.confidence, abs=1e-9),
            "scores": pytest.approx(expected.scores, abs=1e-9),
        }


def test_only_predict_is_offered(client: Client) -> None:
    assert list(client.view_api(return_format="dict")["named_endpoints"]) == ["/predict"]


def test_a_file_that_is_no_photo_gets_a_sentence(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "page.jpg"
    path.write_text("<html>not found</html>")
    with pytest.raises(AppError, match="cannot be used: this is not a picture"):
        client.predict(handle_file(path), api_name="/predict")


def test_the_page_is_local_and_tells_nobody(server: str) -> None:
    import httpx

    text = httpx.get(server).text
    assert "fonts.googleapis.com" not in text
    assert page.launch_settings()["share"] is False
    assert httpx.get(f"{server}gradio_api/file=/etc/passwd").status_code == 403


def test_bars_never_round_up_and_escape_names() -> None:
    scores = {"<script>alert(1)</script>": 0.9996, "b": 0.0003, "c": 0.0001}
    shown = page._bars(Prediction("<script>alert(1)</script>", 0.9996, scores))
    assert "99.9 %" in shown
    assert "100 %" not in shown
    assert "<script>" not in shown
    assert "&lt; 0.1 %" in shown


def test_the_csv_of_many_photos_is_safe_in_a_spreadsheet(tmp_path: Path) -> None:
    answer = Prediction("=cmd()", 0.75, {"=cmd()": 0.75, "b": 0.25})
    bad = clothes.PhotoError("x.jpg", "empty", "the file is empty")
    path = page._write_csv(tmp_path, ("=cmd()", "b"), [("=1+1.jpg", answer), ("x.jpg", bad)])
    with path.open(encoding="utf-8-sig", newline="") as file:
        head, first, second = csv.reader(file)
    assert head == ["photo", "label", "confidence", "'=cmd()", "b", "problem"]
    assert first == ["'=1+1.jpg", "'=cmd()", "0.750000", "0.750000", "0.250000", ""]
    assert second == ["x.jpg", "", "", "", "", "the file is empty"]


def test_the_page_says_what_the_model_is(classifier: clothes.Classifier) -> None:
    about = page._about(classifier)
    assert "bar, frame, square" in about
    assert "95 % interval" in about
    assert str(classifier.info["created"])[:10] in about


def test_what_an_earlier_page_left_is_swept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import os

    monkeypatch.setattr(page, "PAGE_FOLDER", tmp_path / "page")
    page.sweep()
    old, new = tmp_path / "page" / "old", tmp_path / "page" / "new"
    for folder in (old, new):
        folder.mkdir()
        (folder / "upload.jpg").write_bytes(b"x")
    os.utime(old, (0, 0))
    page.sweep()
    assert not old.exists()
    assert new.exists()
