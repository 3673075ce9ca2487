"""What the pages share: styles, safe settings, and `launch`."""

import functools
import os
import re
import secrets
import sys
from collections.abc import Awaitable, Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import gradio as gr
from fastapi import FastAPI
from gradio import networking
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.routing import Route as StarletteRoute

from clothes.errors import ClothesError, PhotoError
from clothes.web import PAGE_FOLDER
from clothes.web.allowed_routes import Route
from clothes.web.middleware import request_rules
from clothes.web.server import DEFAULT_PORT, Server, https_context, open_socket, page_url
from clothes.web.upload_form import MAX_MEGABYTES
from clothes.web.uploads import KEEP_SECONDS, Uploads, prepare_folder

_MAX_SESSIONS = 200  # in Gradio's memory, 33 KB each: every question to the API opens one and never closes it
_MAX_UNREAD = 100  # answers in Gradio's memory, up to 4 MB each

Endpoint = Callable[[Request], Awaitable[Response]]  # what answers a route

_THEME = gr.themes.Default(
    primary_hue="blue",
    font=["system-ui", "-apple-system", "Segoe UI", "sans-serif"],
    font_mono=["ui-monospace", "monospace"],
).set(body_text_color_subdued="*neutral_600")  # Gradio's neutral_400 is too pale to read on white


class Page(gr.Blocks):  # type: ignore[misc]  # Gradio is not typed
    """A Gradio page whose `launch` has this project's styles, rules for requests and safe settings.

    Its styles are static/NAME.css and those of its `parts`. A page that `writes` photos of visitors is closed to other
    websites more strictly. `max_function` is the longest call of its own functions in bytes, for a page that has some.
    `own_routes` are beside Gradio's.
    """

    def __init__(
        self,
        name: str,
        *,
        title: str,
        parts: tuple[str, ...] = (),
        head: str = "",
        footer: tuple[str, ...] = (),
        writes: bool = True,
        max_function: int = 0,
    ):
        prepare_folder()
        super().__init__(title=f"{title} · clothes", analytics_enabled=False, delete_cache=(60, KEEP_SECONDS))
        self.state_session_capacity = _MAX_SESSIONS
        self.uploads = Uploads(PAGE_FOLDER)
        css = "".join(static(f"{each}.css") for each in ("page", *parts, name))
        styles = {"css": css, "theme": _THEME, "head": head}
        self._settings = {**styles, "footer_links": list(footer), **safe_settings()}
        self._writes, self._max_function = writes, max_function
        self.own_routes: dict[Route, Endpoint] = {}

    def launch(
        self,
        *,
        server_name: str | None = None,
        server_port: int | None = None,
        share: bool = False,
        ssl_certfile: str | None = None,
        ssl_keyfile: str | None = None,
        prevent_thread_lock: bool = False,
        quiet: bool = True,
        **settings: Any,
    ) -> tuple[FastAPI, str, str | None]:
        """Serves the page; returns its application, its address, and with `share` its public address.

        Without a name or a port they are those of GRADIO_SERVER_NAME and GRADIO_SERVER_PORT, as a Space sets them, or
        127.0.0.1 and 7860. Waits for Ctrl-C if called by a script. `settings` are those of `gradio.mount_gradio_app`.
        Unlike Gradio's own `launch` it asks no server, so that no proxy is in its way. Raises ClothesError if the port
        cannot be opened or the certificate cannot be used.
        """
        self.close()
        https = https_context(ssl_certfile, ssl_keyfile) if ssl_certfile else None
        host = server_name or os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1")
        port = _port_of_environment() if server_port is None else server_port
        listening = open_socket(host, port)
        self.share, self.local_url = share, page_url(host, listening, https=https is not None)
        # A proxy that is trusted, or Gradio's for `share`, passes on requests with the names of other hosts.
        local_names_only = self._writes and not share and not os.environ.get("FORWARDED_ALLOW_IPS")
        rules = request_rules(
            self.uploads,
            local_names_only=local_names_only,
            waiting=self._waiting,
            max_function=self._max_function,
            routes=self.own_routes,
        )
        own: list[BaseRoute] = [
            StarletteRoute(route.path.replace("{path}", "{path:path}"), answer, methods=[route.method])
            for route, answer in self.own_routes.items()
        ]
        served = FastAPI(openapi_url=None, middleware=rules, routes=own, lifespan=self.uploads.lifespan)
        gr.mount_gradio_app(served, self, "/", **{**self._settings, **settings})
        self.server = Server(served, https)
        self.server.start(listening)
        self.share_url = _public_url(listening.getsockname()[1]) if share else None
        if not (prevent_thread_lock or hasattr(sys, "ps1")):
            self.block_thread()
        return served, self.local_url, self.share_url

    async def process_api(self, *arguments: Any, **options: Any) -> Any:
        """Answers a question."""
        await self._forget_unread()
        return await super().process_api(*arguments, **options)

    async def _forget_unread(self) -> None:
        """Ends the sessions that leave most answers unread: Gradio keeps each until it is fetched."""
        messages, asked = self._queue.pending_messages_per_session, self._queue.pending_event_ids_session
        for session in asked.keys() - messages.keys():
            del asked[session]
        unread = {session: len(events - self._queue.event_ids_to_events.keys()) for session, events in asked.items()}
        while sum(unread.values()) > _MAX_UNREAD:
            session = max(unread, key=unread.__getitem__)
            await self._queue.clean_events(session_hash=session)
            for kept in (messages, asked, unread):
                kept.pop(session, None)

    async def preprocess_data(self, block_fn: Any, inputs: list[Any], *arguments: Any, **options: Any) -> Any:
        """Reads a question. Raises an error without a traceback if the page's script would not send it."""
        try:
            if inputs[:1] == [None] and isinstance(block_fn.inputs[0], gr.Dataset):
                raise ValueError  # Gradio's function for examples fails at it
            return await super().preprocess_data(block_fn, inputs, *arguments, **options)
        except (ValueError, TypeError, AttributeError):
            raise gr.Error("This is not a question that the page asks.", print_exception=False) from None

    def _waiting(self) -> list[str]:
        """The address of each question in the queue."""
        queues = self._queue.event_queue_per_concurrency_id.values()
        return [event.request.client.host for waiting in queues for event in waiting.queue]

    def block_thread(self) -> None:
        """Waits for Ctrl-C, then closes the page."""
        try:
            self.server.wait()
        except KeyboardInterrupt:
            pass
        finally:
            self.close()

    def close(self, verbose: bool = False) -> None:
        """Ends the server and removes the uploads."""
        if self.is_running:
            self.is_running: bool = False
            self.server.close()


def _port_of_environment() -> int:
    text = os.environ.get("GRADIO_SERVER_PORT") or str(DEFAULT_PORT)
    if not (re.fullmatch("[0-9]{1,5}", text) and int(text) <= 65535):
        raise ClothesError(f"GRADIO_SERVER_PORT is {text[:50]!r}. Set it to a port from 0 to 65535, or remove it.")
    return int(text)


def _public_url(port: int) -> str:
    """Opens the page to everyone through Gradio's share server. Returns its public address."""
    return networking.setup_tunnel(
        local_host="127.0.0.1",
        local_port=port,
        share_token=secrets.token_urlsafe(32),
        share_server_address=None,
        share_server_tls_certificate=None,
    )


def safe_settings() -> dict[str, Any]:
    """Settings of Gradio: no file of the disk is served, the browser keeps nothing, no use is reported."""
    return {
        "show_error": False,
        "run_history": False,
        "enable_monitoring": False,
        "ssr_mode": False,
        "mcp_server": False,
        "max_file_size": f"{MAX_MEGABYTES}mb",
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
