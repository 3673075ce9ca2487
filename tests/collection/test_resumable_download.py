"""Downloads of one file from a server that breaks off, lies and recovers."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from clothes.collection import resumable_download as downloads
from clothes.collection.resumable_download import download
from clothes.errors import DownloadError
from tests.support.download_server import DownloadServer
from tests.support.web_server import OUTSIDE, Canary, Handler, Server, reply, running

CONTENT = np.random.default_rng(0).bytes(1_000_000)
MD5 = hashlib.md5(CONTENT).hexdigest()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[DownloadServer]:
    monkeypatch.setattr(downloads, "WAIT", 0.001)
    with running(DownloadServer()) as server:  # type: ignore[arg-type]
        yield server  # type: ignore[misc]


def test_a_broken_transfer_goes_on_where_it_stopped(server: DownloadServer, tmp_path: Path) -> None:
    server.files["a"] = CONTENT
    server.faults = ["break", "break"]
    seen: list[tuple[int, int]] = []
    download(server.url + "a", tmp_path / "a", md5=MD5, progress=lambda *step: seen.append(step))
    assert (tmp_path / "a").read_bytes() == CONTENT
    assert server.asked == [("a", None), ("a", "bytes=500000-"), ("a", "bytes=750000-")]
    assert seen == sorted(seen)
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    download(server.url + "a", tmp_path / "a", md5=MD5)
    assert len(server.asked) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_later_call_goes_on_too(server: DownloadServer, tmp_path: Path) -> None:
    server.files["a"] = CONTENT
    server.faults = ["break", *["503"] * downloads.TRIES]
    with pytest.raises(DownloadError, match=r"answered 503 .* Run the same command again to go on where it stopped"):
        download(server.url + "a", tmp_path / "a", md5=MD5)
    assert not (tmp_path / "a").exists()
    download(server.url + "a", tmp_path / "a", md5=MD5)
    assert (tmp_path / "a").read_bytes() == CONTENT
    assert server.asked[-1] == ("a", "bytes=500000-")


def test_a_wrong_checksum_is_fetched_once_more_and_then_refused(server: DownloadServer, tmp_path: Path) -> None:
    server.files["a"] = CONTENT
    server.faults = ["spoil"]
    download(server.url + "a", tmp_path / "a", md5=MD5)
    assert (tmp_path / "a").read_bytes() == CONTENT
    server.faults, server.asked = ["spoil", "spoil", "spoil"], []
    with pytest.raises(DownloadError, match=f"another MD5 than the published {MD5}"):
        download(server.url + "a", tmp_path / "b", md5=MD5)
    assert server.asked == [("a", None), ("a", None)]
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_file_that_changed_meanwhile_is_no_mixture(server: DownloadServer, tmp_path: Path) -> None:
    server.files["a"] = bytes(1_000_000)
    server.faults = ["break", *["503"] * downloads.TRIES]
    with pytest.raises(DownloadError):
        download(server.url + "a", tmp_path / "a")
    server.files["a"] = CONTENT
    download(server.url + "a", tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == CONTENT
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_servers_without_ranges_and_parts_that_are_too_long(server: DownloadServer, tmp_path: Path) -> None:
    server.files["a"] = CONTENT
    server.faults = ["break", "no-range"]
    download(server.url + "a", tmp_path / "a", md5=MD5)
    (tmp_path / "b.part").write_bytes(bytes(2_000_000))
    download(server.url + "a", tmp_path / "b", md5=MD5)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() == CONTENT


def test_a_server_that_does_not_say_the_length(server: DownloadServer, tmp_path: Path) -> None:
    """As GitHub's archives: a break shows in the chunks, and the progress goes by what is expected."""
    server.files["a"] = CONTENT
    server.faults = ["break"]
    server.says_length = False
    seen: list[tuple[int, int]] = []
    download(server.url + "a", tmp_path / "a", expect=1_200_000, progress=lambda *step: seen.append(step))
    assert (tmp_path / "a").read_bytes() == CONTENT
    assert len(server.asked) == 2
    assert {total for _, total in seen} == {1_200_000}


def test_what_cannot_be_had_is_explained(server: DownloadServer, tmp_path: Path) -> None:
    server.files["a"] = CONTENT
    with pytest.raises(DownloadError, match=r"/gone could not be downloaded: the server answered 404 .* --from"):
        download(server.url + "gone", tmp_path / "a")
    assert len(server.asked) == 1
    for server.says_length in (True, False):
        with pytest.raises(DownloadError, match="longer than 600,000 bytes"):
            download(server.url + "a", tmp_path / "a", most=600_000)
        assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 100
    with pytest.raises(DownloadError, match=r"could not be downloaded: .*refused"):
        download("http://127.0.0.1:9/a", tmp_path / "b")
    with pytest.raises(DownloadError, match="must begin with https://"):
        download("file:///etc/passwd", tmp_path / "b")
    assert not (tmp_path / "b").exists()


def test_a_redirect_leads_to_no_address_inside(tmp_path: Path, canary: Canary) -> None:
    with running(Server()) as outside:
        for address in (f"http://127.0.0.1:{canary.port}/", f"http://localhost:{canary.port}/", "ftp://127.0.0.1/x"):
            with pytest.raises(DownloadError, match="which is no public web address"):
                download(outside.url(f"to/{address}", OUTSIDE), tmp_path / "a")
    assert canary.hits == 0
    assert not list(tmp_path.iterdir())


def test_a_server_that_sends_next_to_nothing_each_time_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "WAIT", 0.001)

    def send_a_byte(handler: Handler) -> None:
        start = int(handler.headers.get("Range", "bytes=0-")[6:-1])
        about = {"Content_Length": "900000", "Content_Range": f"bytes {start}-899999/900000"}
        handler.wfile.write(reply(b"x", status=206 if start else 200, **about))

    with running(Server()) as outside:
        outside.answers["a"] = send_a_byte
        with pytest.raises(DownloadError, match="the connection broke off"):
            download(outside.url("a", OUTSIDE), tmp_path / "a")
        assert outside.asked["a"] == downloads.TRIES
