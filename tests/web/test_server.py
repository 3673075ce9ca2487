"""The server of the pages: its folder, its address, https, and when it needs a password."""

import os
import platform
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import clothes

gr = pytest.importorskip("gradio", reason="the pages need the extra 'serve'")
from clothes.web import predict_page, server, user_folder


def test_the_folder_is_below_the_given_one_but_not_below_itself(tmp_path: Path) -> None:
    own = user_folder(tmp_path)
    assert own == tmp_path / f"clothes-page-{server.USER_ID}"
    assert user_folder(own) == own


@pytest.fixture
def temp(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A temporary folder. The page's folder below it does not exist yet."""
    monkeypatch.setattr(server, "PAGE_FOLDER", tmp_path / "page")
    return tmp_path


def test_only_old_uploads_are_removed(temp: Path) -> None:
    server.prepare_folder()
    theirs, old, new = temp / "theirs", temp / "page" / "old", temp / "page" / "new"
    for folder in (theirs, old, new):
        folder.mkdir()
        (folder / "upload.jpg").write_bytes(b"x")
    for folder in (theirs, old):
        os.utime(folder, (0, 0))
    for link in (temp / "broken", temp / "page" / "broken"):
        link.symlink_to(temp / "nowhere")
    server.prepare_folder()
    assert not old.exists()
    assert new.exists()
    assert (theirs / "upload.jpg").exists()


def test_a_folder_open_to_others_is_closed(temp: Path) -> None:
    (temp / "page").mkdir()
    (temp / "page").chmod(0o777)
    server.prepare_folder()
    assert (temp / "page").stat().st_mode & 0o777 == 0o700


def test_a_folder_that_is_a_link_or_not_ours_is_refused(temp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (temp / "elsewhere").mkdir()
    (temp / "page").symlink_to(temp / "elsewhere")
    with pytest.raises(clothes.ClothesError, match=r"a link or belongs to someone else\. .*GRADIO_TEMP_DIR"):
        server.prepare_folder()
    (temp / "page").unlink()
    (temp / "page").mkdir()
    monkeypatch.setattr(server, "USER_ID", server.USER_ID + 1)
    with pytest.raises(clothes.ClothesError, match=r"a link or belongs to someone else\. .*GRADIO_TEMP_DIR"):
        server.prepare_folder()
    (temp / "page").rmdir()
    (temp / "page").write_bytes(b"")
    with pytest.raises(clothes.ClothesError, match=r"File exists\. .*GRADIO_TEMP_DIR"):
        server.prepare_folder()


def test_an_address_that_cannot_be_opened_gets_advice(
    classifier: clothes.Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(clothes.ClothesError, match=f"Port {port} is taken.*--port 0"):
            predict_page.launch(classifier, port=port)
        monkeypatch.setattr(server, "free_port", lambda host, port: port)  # taken in the meantime
        with pytest.raises(clothes.ClothesError, match=f"Port {port} is taken.*--port 0"):
            predict_page.launch(classifier, port=port)
    monkeypatch.undo()
    for host in ("nonsense.invalid", "nonsense..invalid"):
        with pytest.raises(clothes.ClothesError, match=f"no host '{host}'.*--host 127.0.0.1"):
            predict_page.launch(classifier, host=host)
    with pytest.raises(clothes.ClothesError, match=r"cannot be opened at 192\.0\.2\.1.*--host takes an address"):
        predict_page.launch(classifier, host="192.0.2.1")


def test_a_privileged_port_gets_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", refuse)
    with pytest.raises(clothes.ClothesError, match=r"may not open port 80\. .*above 1023"):
        server.free_port("127.0.0.1", 80)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0", "::1"])
def test_any_free_port(classifier: clothes.Classifier, monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    import httpx

    if host == "::1":
        try:
            socket.create_server((host, 0), family=socket.AF_INET6).close()
        except OSError:
            pytest.skip("no IPv6 here")
    monkeypatch.setattr(gr.Blocks, "block_thread", gr.Blocks.close)
    seen = []
    predict_page.launch(classifier, host=host, port=0, on_ready=lambda url: seen.append(httpx.get(url).status_code))
    assert seen == [200]


def test_hosts_that_others_reach() -> None:
    for host in ("127.0.0.1", "localhost", "127.0.0.2", "::1", "127.1"):
        assert not server.opens_to_others(host), host
    for host in ("0.0.0.0", "::", "192.0.2.1", "nonsense.invalid", ""):
        assert server.opens_to_others(host), host


def test_the_address_for_others_is_not_local() -> None:
    url = server.address_for_others("http://localhost:7860/")
    assert url.startswith("http://") and url.endswith(":7860/")
    assert ("localhost" not in url and "127.0.0.1" not in url) or socket.gethostname() == "localhost"


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
def test_https_with_a_self_signed_certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import httpx

    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    make = f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -keyout {key} -out {certificate}"
    subprocess.run(make.split(), check=True, capture_output=True)
    with gr.Blocks() as app:
        gr.HTML("here")
    monkeypatch.setattr(gr.Blocks, "block_thread", gr.Blocks.close)
    seen = []

    def look(url: str) -> None:
        seen.append((url.partition(":")[0], httpx.get(url, verify=False).status_code))

    given = {"host": "127.0.0.1", "port": 0, "auth": None, "on_ready": look}
    server.serve(app, **given, certificate=(certificate, key))
    assert seen == [("https", 200)]
    for wrong in ((key, certificate), (certificate, tmp_path / "none.pem")):
        with pytest.raises(clothes.ClothesError, match=r"cannot be used for https: .*--ssl-certfile"):
            server.serve(app, **given, certificate=wrong)


_DECODING = """
import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
import numpy as np
from PIL import Image
from clothes.photos import decode
from clothes.web import server
server.give_memory_back()
small = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
file = io.BytesIO()
Image.fromarray(small).resize((4000, 3000)).save(file, "JPEG", quality=92)
with ThreadPoolExecutor(4) as threads:
    for _ in range(4):
        list(threads.map(lambda _: decode.read_square(file.getvalue(), 96).sum(), range(16)))
        status = Path("/proc/self/status").read_text(encoding="ascii")
        print(next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) // 1000)
"""


@pytest.mark.slow
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc keeps memory")
def test_memory_of_photos_goes_back_to_the_system() -> None:
    first, *later = map(int, subprocess.check_output([sys.executable, "-c", _DECODING], text=True).split())
    print(f"MB after 16 photos: {first}; after 32, 48 and 64: {later}")
    assert max(later) < first + 60  # 200 more without
