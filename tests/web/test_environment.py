"""The pages open with variables in the environment that their libraries read: proxies, certificates, the server."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

COMMANDS = {
    "serve": ["serve"],
    "camera": ["collect", "camera", "--into", "photos"],
    "review": ["corrections", "review", "inbox", "--into", "photos"],
}
NOWHERE = "http://127.0.0.1:9"
KINDS = {
    "socks": {"ALL_PROXY": "socks5://127.0.0.1:9", "all_proxy": "socks5h://127.0.0.1:9"},
    "http without exceptions": {"HTTP_PROXY": NOWHERE, "http_proxy": NOWHERE, "HTTPS_PROXY": NOWHERE},
    "IPv6 among the exceptions": {"HTTP_PROXY": NOWHERE, "NO_PROXY": "localhost,127.0.0.1,::1,fd00::/8,[::1]:80"},
    "no address": {"http_proxy": "proxy host:eighty", "https_proxy": "//[", "no_proxy": "http://[, *.,,"},
    "certificates": {"SSL_CERT_FILE": "no-such-file.pem", "SSL_CERT_DIR": "no-such-folder"},
    "the server": {
        "GRADIO_SERVER_PORT": "many",
        "GRADIO_NUM_PORTS": "all",
        "GRADIO_SERVER_NAME": "nonsense.invalid",
        "GRADIO_ALLOWED_PATHS": "/",
        "GRADIO_ANALYTICS_CACHE_FREQUENCY": "",
        "GRADIO_DEFAULT_CONCURRENCY_LIMIT": "many",
        "GRADIO_SHARE": "True",
        "GRADIO_SSR_MODE": "True",
        "GRADIO_MCP_SERVER": "True",
        "WEB_CONCURRENCY": "many",
    },
}


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT")
@pytest.mark.parametrize("command", [pytest.param(name, marks=pytest.mark.slow) for name in COMMANDS])
@pytest.mark.parametrize("kind", KINDS)
def test_a_page_opens(tmp_path: Path, command: str, kind: str) -> None:
    check_page(tmp_path, COMMANDS[command], KINDS[kind])


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT")
def test_a_page_opens_with_all_of_them(tmp_path: Path) -> None:
    check_page(tmp_path, COMMANDS["camera"], {name: value for kind in KINDS.values() for name, value in kind.items()})


def check_page(folder: Path, words: list[str], variables: dict[str, str]) -> None:
    """Opens a page by a command with these variables, asks for it, and ends it by Ctrl-C."""
    (folder / "inbox").mkdir()
    clean = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    with subprocess.Popen(
        [sys.executable, "-m", "clothes", *words, "--port", "0"],
        cwd=folder,
        env=clean | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as running:
        try:
            assert running.stdout and running.stderr
            found = re.search(r"http://\S+", running.stdout.readline())
            assert found, running.stderr.read()
            with httpx.Client(base_url=found[0], trust_env=False) as client:
                assert client.get("config").status_code == 200
                assert client.get("gradio_api/file=/etc/passwd").status_code == 403
            running.send_signal(signal.SIGINT)
            _, errors = running.communicate(timeout=100)
        finally:
            running.kill()
    assert running.returncode == 0 and "Traceback" not in errors, errors
