"""Serves a web page: its folder for uploads, its looks, its safe settings, its address."""

import ctypes
import errno
import functools
import ipaddress
import os
import shutil
import socket
import ssl
import stat
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from importlib.resources import files
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.routes import App, ORJSONResponse
from starlette.middleware import Middleware

from clothes.errors import ClothesError, PhotoError
from clothes.web import PAGE_FOLDER, USER_ID
from clothes.web.security import security_middleware

MAX_MEGABYTES = 25  # of one upload
KEEP_SECONDS = 600  # uploads
_MAX_SESSIONS = 200  # in Gradio's memory, 33 KB each: every question to the API opens one and never closes it

_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8  # parameters of glibc's mallopt, from malloc.h

_THEME = gr.themes.Default(
    primary_hue="blue",
    font=["system-ui", "-apple-system", "Segoe UI", "sans-serif"],
    font_mono=["ui-monospace", "monospace"],
).set(body_text_color_subdued="*neutral_600")  # Gradio's neutral_400 is too pale to read on white


class Page(gr.Blocks):  # type: ignore[misc]  # Gradio is not typed
    """A Gradio page whose `launch` has this project's looks and safe settings as its defaults.

    Its styles are static/NAME.css. `max_function` is the longest call of its own functions in bytes, for a page that
    has some.
    """

    def __init__(self, name: str, *, title: str, head: str = "", footer: tuple[str, ...] = (), max_function: int = 0):
        prepare_folder()
        super().__init__(title=f"{title} · clothes", analytics_enabled=False, delete_cache=(60, KEEP_SECONDS))
        self._looks = {"css": static("page.css") + static(f"{name}.css"), "head": head, "footer_links": list(footer)}
        self._max_function = max_function

    def launch(self, **options: Any) -> Any:
        app = PageApp(
            default_response_class=ORJSONResponse,
            middleware=security_middleware(
                PAGE_FOLDER, max_upload=MAX_MEGABYTES * 1_000_000, max_function=self._max_function
            ),
        )
        return super().launch(**{"_app": app, "theme": _THEME, **self._looks, **safe_settings(), **options})


class PageApp(App):  # type: ignore[misc]
    """Gradio's application, in which the given middleware comes before Gradio's own.

    Gradio adds one that answers other websites. Starlette would put that first.
    """

    def add_middleware(self, middleware_class: Any, *args: Any, **options: Any) -> None:
        self.user_middleware.append(Middleware(middleware_class, *args, **options))


def safe_settings() -> dict[str, Any]:
    """Settings of `launch`: nothing is shared, no file of the disk is served, nobody is told."""
    return {
        "share": False,
        "show_error": False,
        "enable_monitoring": False,
        "ssr_mode": False,
        "strict_cors": True,
        "max_file_size": f"{MAX_MEGABYTES}mb",
        "state_session_capacity": _MAX_SESSIONS,
        "allowed_paths": [],
        "blocked_paths": [str(path) for path in (Path.home(), Path.cwd()) if not PAGE_FOLDER.is_relative_to(path)],
    }


def static(name: str) -> str:
    """The text of a file in static/."""
    return (files("clothes.web") / "static" / name).read_text(encoding="utf-8")


def scripted_html(name: str, *functions: Callable[[Any], dict[str, Any]], **properties: Any) -> gr.HTML:
    """A part of a page: static/NAME.html with static/NAME.js, which calls these functions by their names."""

    def plain(method: Callable[[Any], dict[str, Any]]) -> Callable[[Any], dict[str, Any]]:
        @functools.wraps(method)  # Gradio sets an attribute, which methods do not allow
        def call(given: Any = None) -> dict[str, Any]:
            return method(given)

        return call

    return gr.HTML(
        html_template=static(f"{name}.html"),
        js_on_load=static(f"{name}.js"),
        server_functions=[plain(function) for function in functions],
        apply_default_css=False,
        **properties,
    )


def describe_problem(error: ClothesError, failed: str) -> str:
    """The sentence for a visitor: what failed, and why."""
    return f"{failed}: {error.reason}." if isinstance(error, PhotoError) else str(error)


def prepare_folder() -> None:
    """Makes the pages' folder, for its owner only, and removes the uploads that an earlier page left there."""
    try:
        PAGE_FOLDER.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = PAGE_FOLDER.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != USER_ID:
            raise PermissionError(errno.EPERM, "it is a link or belongs to someone else")
        PAGE_FOLDER.chmod(0o700)
        remove_old(PAGE_FOLDER)
    except OSError as error:
        raise ClothesError(
            f"The page cannot keep its photos in {PAGE_FOLDER}: {error.strerror}. "
            "Set GRADIO_TEMP_DIR to a folder of yours."
        ) from None


def remove_old(folder: Path) -> None:
    """Removes old uploads and answers. Gradio forgets those of a process that was killed."""
    for child in folder.iterdir():
        with suppress(OSError):  # another page may remove it too
            if time.time() - child.lstat().st_mtime > KEEP_SECONDS:
                shutil.rmtree(child)


def serve(
    app: gr.Blocks,
    *,
    host: str,
    port: int,
    auth: tuple[str, str] | None,
    certificate: tuple[Path, Path] | None = None,
    on_ready: Callable[[str], None],
) -> None:
    """Serves a page until Ctrl-C and calls `on_ready` with its address.

    `certificate` holds the PEM files of a certificate and its key, for https. Raises ClothesError if the page cannot be
    opened.
    """
    give_memory_back()
    port = free_port(host, port)
    name = f"[{host}]" if ":" in host else host  # an IPv6 address in a link has brackets
    https = {}
    if certificate:
        _check_certificate(*certificate)
        # Without ssl_verify Gradio's own request to the page works with a self-signed certificate too.
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
    """Makes glibc give the memory of a decoded photo back to the system.

    By default it keeps blocks of that size, and keeps them for each thread.
    """
    if sys.platform == "linux":
        with suppress(AttributeError):  # another C library
            mallopt = ctypes.CDLL(None).mallopt
            mallopt(_M_MMAP_THRESHOLD, 1_000_000)
            mallopt(_M_ARENA_MAX, 2)


def refuse_strangers(host: str, auth: tuple[str, str] | None, act: str) -> None:
    """Raises ClothesError if anyone on the network could do this without a password."""
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
    except (OSError, ValueError):  # no such host: `serve` reports it
        return True


def address_for_others(url: str) -> str:
    """The address at which other machines reach a page that is open to the network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing, but chooses this machine's address
            return url.replace("localhost", probe.getsockname()[0])
        except OSError:
            return url.replace("localhost", socket.gethostname())


def _check_certificate(certificate: Path, key: Path) -> None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
    except OSError as error:  # SSLError too
        raise ClothesError(
            f"{certificate} and {key} cannot be used for https: {error.strerror or error}. --ssl-certfile takes a "
            "certificate, --ssl-keyfile its key without a password, both PEM files."
        ) from None


def free_port(host: str, port: int) -> int:
    """The port, or a free one for 0. Raises ClothesError if a page cannot be opened there."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (socket.gaierror, UnicodeError):
        raise ClothesError(
            f"There is no host {host!r}. --host 127.0.0.1 opens the page to this machine, 0.0.0.0 to the network."
        ) from None
    with socket.socket(family, kind) as server:
        if os.name == "posix":  # Windows would share a port that is taken
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
