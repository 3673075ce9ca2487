"""The answers of the predict page, through its API and the server's own routes."""

import threading
from pathlib import Path

import httpx
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

import clothes
from clothes.web import PAGE_FOLDER, base_page, predict_page
from tests.support.page_client import PageClient
from tests.support.pictures import draw, photo
from tests.support.served_page import served


@pytest.fixture(scope="module")
def client(predict_url: str) -> Client:
    return Client(predict_url, analytics_enabled=False, download_files=False, verbose=False)


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
            "known": expected.known,
            "scores": pytest.approx(expected.scores, abs=1e-9),
        }


def test_only_predict_is_offered(client: Client) -> None:
    assert list(client.view_api(return_format="dict")["named_endpoints"]) == ["/predict"]


def test_a_file_that_is_no_photo_is_refused(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "page.jpg"
    path.write_text("<html>not found</html>")
    with pytest.raises(AppError, match="cannot be used: this is not a picture"):
        client.predict(handle_file(path), api_name="/predict")


def test_only_uploads_are_looked_at(predict_url: str, tmp_path: Path) -> None:
    def ask(path: Path | str) -> str:
        photo = {"path": str(path), "meta": {"_type": "gradio.FileData"}}
        started = httpx.post(f"{predict_url}gradio_api/call/predict", json={"data": [photo]})
        if started.status_code != 200:
            return started.text
        return httpx.get(f"{predict_url}gradio_api/call/predict/{started.json()['event_id']}").text

    draw("bar", 904).save(tmp_path / "own.png")
    files = {"files": ("own.png", (tmp_path / "own.png").read_bytes())}
    uploaded = httpx.post(f"{predict_url}gradio_api/upload", files=files).json()[0]
    assert "confidence" in ask(uploaded)
    assert "Only uploads are looked at" in ask(tmp_path / "own.png")


def test_the_page_asks_no_other_server(predict_url: str) -> None:
    text = httpx.get(predict_url).text
    assert "fonts.googleapis.com" not in text
    config = httpx.get(f"{predict_url}config").json()
    assert "#head h1" in config["css"] and config["run_history"] is False
    assert httpx.get(f"{predict_url}gradio_api/file=/etc/passwd").status_code == 403
    large = {"files": ("large.png", bytes(27_000_000))}
    assert httpx.post(f"{predict_url}gradio_api/upload", files=large).status_code == 413


def test_an_upload_stays_in_the_page_folder_until_it_is_answered(predict_url: str, tmp_path: Path) -> None:
    draw("bar", 905).save(tmp_path / "own.png")
    with PageClient(predict_url) as client:
        first, second = (client.upload((tmp_path / "own.png").read_bytes(), "own.png") for _ in range(2))
        assert PAGE_FOLDER.stat().st_mode & 0o777 == 0o700
        assert Path(first["path"]).is_relative_to(PAGE_FOLDER)
        assert first["path"] != second["path"]  # the answer to one visitor does not remove the other's photo
        assert client.call(first)[0] == "complete"
        assert [Path(photo["path"]).exists() for photo in (first, second)] == [False, True]
        assert client.call(second)[0] == "complete"
        assert not list(PAGE_FOLDER.rglob("own.png"))


def test_a_full_queue_answers_busy_and_keeps_no_photo(
    classifier: clothes.Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = threading.Event()
    real = classifier.predict
    monkeypatch.setattr(classifier, "predict", lambda photo: (free.wait(60), real(photo))[1])  # a busy machine
    with served(predict_page.build_app(classifier)) as url, PageClient(url) as client:
        events, busy = [], 0
        for number in range(90):
            upload = client.upload(b"not a photo", f"busy-{number}.png")
            answer: httpx.Response = client.http.post("gradio_api/call/predict", json={"data": [upload]})
            assert answer.status_code in (200, 503)
            if answer.status_code == 503:
                busy += 1
                assert not Path(upload["path"]).exists()
                assert "wait for an answer" in answer.json()["detail"]
            else:
                events.append(answer.json()["event_id"])
        assert busy >= 10 and len(events) >= 32
        free.set()
        for event in events:
            assert "event: error" in client.http.get(f"gradio_api/call/predict/{event}").text
    assert not list(PAGE_FOLDER.rglob("busy-*.png"))


def test_sessions_of_programs_are_forgotten(classifier: clothes.Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base_page, "_MAX_SESSIONS", 5)
    page = predict_page.build_app(classifier)
    with served(page) as url, PageClient(url) as client:
        for _ in range(20):
            assert client.call(client.upload(photo(906)))[0] == "complete"
        assert len(page.state_holder.session_data) <= 6


def test_answers_that_nobody_fetches_are_forgotten(
    classifier: clothes.Classifier, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(base_page, "_MAX_UNREAD", 5)
    page = predict_page.build_app(classifier)
    with served(page) as url, PageClient(url) as client:
        for number in range(60):
            question = {"fn_index": 0, "data": [None], "session_hash": f"unread-{number % 2 or number}"}
            client.http.post("gradio_api/queue/join", json=question).raise_for_status()
            assert len(client.join(0, None)["data"]) == 3  # a visitor who reads is answered
        queue = page._queue
        assert sum(map(len, queue.pending_event_ids_session.values())) <= 7
        assert sum(unread.qsize() for unread in queue.pending_messages_per_session.values()) < 40
    assert "Traceback" not in capfd.readouterr().err
