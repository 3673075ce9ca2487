"""How each web page is served: its folder for uploads, its looks, what it keeps to itself, its address."""

import ctypes
import errno
import ipaddress
import os
import shutil
import socket
import ssl
import stat
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

_USER = os.getuid() if hasattr(os, "getuid") else 0  # 0: what Windows says owns each file


def _own_folder(given: Path) -> Path:
    """This user's own folder below a given one, which may already be it: child processes inherit GRADIO_TEMP_DIR."""
    name = f"clothes-page-{_USER}"
    return given if given.name == name else given / name


# Gradio reads where uploads go when it is imported.
PAGE_FOLDER = _own_folder(Path(os.environ.get("GRADIO_TEMP_DIR") or tempfile.gettempdir()).absolute())
os.environ["GRADIO_TEMP_DIR"] = str(PAGE_FOLDER)
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["GRADIO_ANALYTICS_MAX_EVENTS"] = "100"  # it notes each answer all the same, in memory

import gradio as gr
from starlette.middleware import Middleware

from clothes.errors import ClothesError
from clothes.web.security import FrontGate

MOST_MEGABYTES = 25  # of one upload
KEEP_SECONDS = 600  # uploads
_SESSIONS = 200  # that Gradio remembers, by 33 KB each: who asks the API opens one for each photo, and never closes it

_MMAP_THRESHOLD, _ARENA_MAX = -3, -8  # M_MMAP_THRESHOLD and M_ARENA_MAX of malloc.h

_THEME = gr.themes.Default(
    primary_hue="blue",
    font=["system-ui", "-apple-system", "Segoe UI", "sans-serif"],
    font_mono=["ui-monospace", "monospace"],
).set(body_text_color_subdued="*neutral_600")  # Gradio's own, neutral_400, is too pale to read on white
_CSS = """
.gradio-container { max-width: 860px !important; margin: 0 auto !important; }
#head h1 { font-size: 1.7rem; margin: .4rem 0 .1rem; }
#head p { color: var(--body-text-color-subdued); margin: 0; }
footer .divider { display: none !important; }
.hint { color: var(--body-text-color-subdued); padding: 1.5rem 0; text-align: center; }
.problem.problem { color: var(--error-text-color); }
"""


def prepare() -> None:
    """Makes the pages' folder, for its owner only, and removes what an earlier page left there."""
    try:
        PAGE_FOLDER.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = PAGE_FOLDER.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != _USER:
            raise PermissionError(errno.EPERM, "it is a link or belongs to someone else")
        PAGE_FOLDER.chmod(0o700)
        sweep(PAGE_FOLDER)
    except OSError as error:
        raise ClothesError(
            f"The page cannot keep its photos in {PAGE_FOLDER}: {error.strerror}. "
            "Set GRADIO_TEMP_DIR to a folder of yours."
        ) from None


def sweep(folder: Path) -> None:
    """Removes what is old in a folder of the page: Gradio forgets the uploads of a process that was killed."""
    for child in folder.iterdir():
        with suppress(OSError):  # another page sweeps too
            if time.time() - child.lstat().st_mtime > KEEP_SECONDS:
                shutil.rmtree(child)


def launch_settings(*, css: str, head: str = "", footer: tuple[str, ...] = (), most_body: int = 0) -> dict[str, Any]:
    """What every serving of a page has: a gate before it, nothing shared, nothing of the disk, no one told.

    `most_body` is in bytes, for a page whose script calls functions.
    """
    gate = Middleware(FrontGate, folder=PAGE_FOLDER, most=MOST_MEGABYTES * 1_000_000, most_body=most_body)
    return {
        "app_kwargs": {"middleware": [gate]},
        "theme": _THEME,
        "css": _CSS + css,
        "head": head,
        "share": False,
        "show_error": False,
        "enable_monitoring": False,
        "ssr_mode": False,
        "strict_cors": True,
        "max_file_size": f"{MOST_MEGABYTES}mb",
        "state_session_capacity": _SESSIONS,
        "allowed_paths": [],
        "blocked_paths": [str(path) for path in (Path.home(), Path.cwd()) if not PAGE_FOLDER.is_relative_to(path)],
        "footer_links": list(footer),
    }


def serve(
    app: gr.Blocks,
    *,
    host: str,
    port: int,
    auth: tuple[str, str] | None,
    certificate: tuple[Path, Path] | None = None,
    on_ready: Callable[[str], None],
) -> None:
    """Serves a page until Ctrl-C; `on_ready` is called with its address.

    `certificate` and its key, PEM files, make that https. Raises ClothesError when the page cannot be opened.
    """
    give_memory_back()
    port = _free_port(host, port)
    name = f"[{host}]" if ":" in host else host  # as an IPv6 address stands in a link
    https = {}
    if certificate:
        _check_certificate(*certificate)
        # It may be signed by its owner: Gradio looks whether the page answers.
        https = {"ssl_certfile": str(certificate[0]), "ssl_keyfile": str(certificate[1]), "ssl_verify": False}
    try:
        _, url, _ = app.launch(
            server_name=name, server_port=port, auth=auth, quiet=True, prevent_thread_lock=True, **https
        )
    except OSError:  # Gradio needs the port on 127.0.0.1 too
        raise ClothesError(_taken(port)) from None
    on_ready(url)
    app.block_thread()


def give_memory_back() -> None:
    """From now on what a photo took goes back to the system.

    Left alone, glibc learns to keep blocks of its size, and keeps them for each thread anew.
    """
    if sys.platform == "linux":
        with suppress(AttributeError):  # another C library
            mallopt = ctypes.CDLL(None).mallopt
            mallopt(_MMAP_THRESHOLD, 1_000_000)
            mallopt(_ARENA_MAX, 2)


def refuse_strangers(host: str, auth: tuple[str, str] | None, act: str) -> None:
    """Raises ClothesError when anyone on the network could do this without a password."""
    if auth is None and opens_to_others(host):
        raise ClothesError(
            f"At {host} anyone on the network could {act}. Ask for a password with --auth USER:PASSWORD, or open the "
            "page to this machine alone: --host 127.0.0.1."
        )


def opens_to_others(host: str) -> bool:
    """Whether a page at this host can be reached from other machines."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        return not all(ipaddress.ip_address(address[0]).is_loopback for *_, address in found)
    except (OSError, ValueError):  # no such host, which `serve` will say
        return True


def address_for_others(url: str) -> str:
    """The address of a page that is open to the network, as other machines there see it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing: it finds which address this machine would use
            return url.replace("localhost", probe.getsockname()[0])
        except OSError:
            return url.replace("localhost", socket.gethostname())


def _check_certificate(certificate: Path, key: Path) -> None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
    except OSError as error:  # an SSLError is one
        raise ClothesError(
            f"{certificate} and {key} cannot be used for https: {error.strerror or error}. --ssl-certfile takes a "
            "certificate, --ssl-keyfile its key without a password, both PEM files."
        ) from None


def _free_port(host: str, port: int) -> int:
    """The port, or for 0 a free one, once it is sure that the page can be opened there."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (socket.gaierror, UnicodeError):
        raise ClothesError(
            f"There is no host {host!r}. --host 127.0.0.1 opens the page to this machine, 0.0.0.0 to the network."
        ) from None
    with socket.socket(family, kind) as server:
        if os.name == "posix":  # elsewhere it would share a port that is taken
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind(address)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                message = _taken(port)
            elif error.errno == errno.EACCES:
                message = f"This user may not open port {port}. Take one above 1023, such as --port 7860."
            else:
                message = (
                    f"The page cannot be opened at {host}, port {port}: {error.strerror}. --host takes an address of "
                    "this machine: 127.0.0.1 for it alone, 0.0.0.0 for the network."
                )
            raise ClothesError(message) from None
        return int(server.getsockname()[1])


def _taken(port: int) -> str:
    return f"Port {port} is taken, perhaps by another page. Take another with --port, or any free one with --port 0."
