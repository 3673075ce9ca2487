"""The server of the pages: its folder, its address, https, and when it needs a password."""

import platform
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import gradio as gr
import pytest

import clothes
from clothes.web import predict_page, server
from clothes.web.base_page import Page


def test_an_address_that_cannot_be_opened_gets_advice(classifier: clothes.Classifier) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(clothes.ClothesError, match=f"Port {port} is taken.*--port 0"):
            predict_page.launch(classifier, port=port)
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
        server.open_socket("127.0.0.1", 80)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0", "::1"])
def test_any_free_port(classifier: clothes.Classifier, monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    import httpx

    if host == "::1":
        try:
            socket.create_server((host, 0), family=socket.AF_INET6).close()
        except OSError:
            pytest.skip("no IPv6 here")
    monkeypatch.setattr(Page, "block_thread", Page.close)  # Ctrl-C at once
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
    with Page("review", title="Here") as app:
        gr.HTML("here")
    monkeypatch.setattr(Page, "block_thread", Page.close)  # Ctrl-C at once
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
