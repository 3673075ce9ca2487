"""The page's answers, through the API that a program uses and the server's own routes."""

import csv
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

import clothes
from clothes.inference.confidence import Prediction

gr = pytest.importorskip("gradio", reason="the page needs the extra 'serve'")
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from clothes.web import predict_page
from clothes.web import server as pages
from tests.support.pictures import draw, encode


@pytest.fixture(scope="module")
def server(classifier: clothes.Classifier) -> Iterator[str]:
    blocks = predict_page.build_app(classifier)
    port = pages._free_port("127.0.0.1", 0)
    _, url, _ = blocks.launch(server_name="127.0.0.1", server_port=port, quiet=True, prevent_thread_lock=True)
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
            "known": expected.known,
            "scores": pytest.approx(expected.scores, abs=1e-9),
        }


def test_only_predict_is_offered(client: Client) -> None:
    assert list(client.view_api(return_format="dict")["named_endpoints"]) == ["/predict"]


def test_a_file_that_is_no_photo_gets_a_sentence(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "page.jpg"
    path.write_text("<html>not found</html>")
    with pytest.raises(AppError, match="cannot be used: this is not a picture"):
        client.predict(handle_file(path), api_name="/predict")


def test_only_uploads_are_looked_at(server: str, tmp_path: Path) -> None:
    import httpx

    def ask(path: Path | str) -> str:
        photo = {"path": str(path), "meta": {"_type": "gradio.FileData"}}
        started = httpx.post(f"{server}gradio_api/call/predict", json={"data": [photo]})
        if started.status_code != 200:
            return started.text
        return httpx.get(f"{server}gradio_api/call/predict/{started.json()['event_id']}").text

    draw("bar", 904).save(tmp_path / "own.png")
    files = {"files": ("own.png", (tmp_path / "own.png").read_bytes())}
    uploaded = httpx.post(f"{server}gradio_api/upload", files=files).json()[0]
    assert "confidence" in ask(uploaded)
    assert "Only uploads are looked at" in ask(tmp_path / "own.png")


def test_the_page_is_local_and_tells_nobody(server: str) -> None:
    import httpx

    text = httpx.get(server).text
    assert "fonts.googleapis.com" not in text
    assert "#head h1" in httpx.get(f"{server}config").json()["css"]
    assert pages.launch_settings(css="")["share"] is False
    assert httpx.get(f"{server}gradio_api/file=/etc/passwd").status_code == 403
    large = {"files": ("large.png", bytes(27_000_000))}
    assert httpx.post(f"{server}gradio_api/upload", files=large).status_code == 413


def test_an_upload_lies_in_a_folder_of_our_own_until_it_is_answered(server: str, tmp_path: Path) -> None:
    from tests.support.page_client import PageClient

    draw("bar", 905).save(tmp_path / "own.png")
    with PageClient(server) as client:
        first, second = (client.upload((tmp_path / "own.png").read_bytes(), "own.png") for _ in range(2))
        assert pages.PAGE_FOLDER.stat().st_mode & 0o777 == 0o700
        assert Path(first["path"]).is_relative_to(pages.PAGE_FOLDER)
        assert first["path"] != second["path"]  # one person's answer does not take the other's photo
        assert client.call(first)[0] == "complete"
        assert [Path(photo["path"]).exists() for photo in (first, second)] == [False, True]
        assert client.call(second)[0] == "complete"
        assert not list(pages.PAGE_FOLDER.glob("*/*own.png"))


def test_a_full_queue_is_said_and_keeps_no_photo(
    classifier: clothes.Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    import httpx

    from tests.support.page_client import PageClient

    free = threading.Event()
    real = classifier.predict
    monkeypatch.setattr(classifier, "predict", lambda photo: (free.wait(60), real(photo))[1])  # the machine is busy
    blocks = predict_page.build_app(classifier)
    _, url, _ = blocks.launch(
        server_name="127.0.0.1", server_port=pages._free_port("127.0.0.1", 0), quiet=True, prevent_thread_lock=True
    )
    with PageClient(url) as client:
        photo = Path(__file__).parents[2] / "clothes" / "inference" / "bundled" / "bundle.json"  # any bytes will do
        events, busy = [], 0
        for number in range(90):
            upload = client.upload(photo.read_bytes(), f"busy-{number}.png")
            answer: httpx.Response = client.http.post("gradio_api/call/predict", json={"data": [upload]})
            assert answer.status_code in (200, 503)
            if answer.status_code == 503:
                busy += 1
                assert not Path(upload["path"]).exists()
                assert "full" in answer.json()["detail"]
            else:
                events.append(answer.json()["event_id"])
        assert busy >= 10 and len(events) >= 64
        free.set()
        for event in events:
            assert "event: error" in client.http.get(f"gradio_api/call/predict/{event}").text
    assert not list(pages.PAGE_FOLDER.glob("*/*busy-*.png"))
    blocks.close()


def test_who_asks_the_api_is_forgotten(classifier: clothes.Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.support.page_client import PageClient

    monkeypatch.setattr(pages, "_SESSIONS", 5)
    blocks = predict_page.build_app(classifier)
    _, url, _ = blocks.launch(
        server_name="127.0.0.1", server_port=pages._free_port("127.0.0.1", 0), quiet=True, prevent_thread_lock=True
    )
    photo = encode(draw("bar", 906), "PNG")
    with PageClient(url) as client:
        for _ in range(20):
            assert client.call(client.upload(photo))[0] == "complete"
    assert len(blocks.state_holder.session_data) <= 6
    blocks.close()


def test_bars_never_round_up_and_escape_names() -> None:
    scores = {"<script>alert(1)</script>": 0.9996, "b": 0.0003, "c": 0.0001}
    shown = predict_page._bars(Prediction("<script>alert(1)</script>", 0.9996, scores, known=True))
    assert "99.9\u00a0%" in shown
    assert "100\u00a0%" not in shown
    assert "<script>" not in shown
    assert "&lt; 0.1\u00a0%" in shown


def test_an_unknown_thing_is_not_sure_in_words() -> None:
    answer = Prediction("hat", 0.31, {"hat": 0.31, "b": 0.3}, known=False)
    shown = predict_page._bars(answer)
    assert "Not sure" in shown and "Best guess: hat 31.0\u00a0% sure" in shown
    assert "not sure (hat?)" in predict_page._table([("cat.jpg", answer)])


def test_the_csv_of_many_photos_is_safe_in_a_spreadsheet(tmp_path: Path) -> None:
    answer = Prediction("=cmd()", 0.75, {"=cmd()": 0.75, "b": 0.25}, known=True)
    bad = clothes.PhotoError("x.jpg", "empty", "the file is empty")
    path = predict_page._write_csv(tmp_path, ("=cmd()", "b"), [("=1+1.jpg", answer), ("x.jpg", bad)])
    with path.open(encoding="utf-8-sig", newline="") as file:
        head, first, second = csv.reader(file)
    assert head == ["photo", "label", "confidence", "known", "'=cmd()", "b", "problem"]
    assert first == ["'=1+1.jpg", "'=cmd()", "0.750000", "true", "0.750000", "0.250000", ""]
    assert second == ["x.jpg", "", "", "", "", "", "the file is empty"]


def test_the_page_says_what_the_model_is(classifier: clothes.Classifier) -> None:
    about = predict_page._about(classifier)
    assert "bar, frame, square" in about
    assert "95\u00a0% interval" in about
    assert str(classifier.info["created"])[:10] in about


def test_the_table_names_each_photo_and_escapes() -> None:
    answer = Prediction("<b>", 0.9996, {"<b>": 0.9996, "c": 0.0004}, known=True)
    bad = clothes.PhotoError("x.jpg", "empty", "the file is empty")
    shown = predict_page._table([("<i>.jpg", answer), ("x.jpg", bad)])
    assert "&lt;i&gt;.jpg</td><td>&lt;b&gt;</td>" in shown
    assert "99.9 %" in shown
    assert "x.jpg</td>" in shown
    assert "the file is empty" in shown
