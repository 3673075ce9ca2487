"""What stands before a page: it lets through what the page itself asks for, and nothing else.

Other routes of Gradio's are closed, other websites refused, bodies bounded, wrong passwords slowed down. Uploads get a
place of their own each, so that one can be removed once it is answered. Every answer says what browsers may do with it.
"""

import ipaddress
import json
import os
import re
import secrets
import shutil
import tempfile
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import suppress
from pathlib import Path
from threading import Timer
from typing import Any
from urllib.parse import urlsplit

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_API = "/gradio_api"
_GET = re.compile(
    r"/|/config|/theme\.css|/favicon\.ico|/manifest\.json|/robots\.txt|/pwa_icon(/\d+)?|/(assets|static|svelte)/[^\\]+"
    rf"|/login_check|/logout|{_API}/(info|startup-events|heartbeat/\w+|queue/data|upload_progress|theme\.css|login_check"
    r"|user|app_id|call/predict/\w+|file=.+)/?"
)
_POST = re.compile(rf"/login|{_API}/(upload|queue/join|call/predict|component_server)/?")
_UPLOADED = re.compile(r"[0-9a-f]{16}-")
_MOST_JSON = 1_000_000  # bytes of a body: 500 uploads are named in less
_ROOM = 1_000_000_000  # bytes that stay free on the disk
_TRIES = 5  # wrong passwords at once; each minute brings another
_MOST_ADDRESSES = 10_000
_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(self), microphone=(), geolocation=()"),
    (b"cross-origin-opener-policy", b"same-origin"),
]
# A Hugging Face Space, which says so by SPACE_ID, is shown in a frame of theirs.
_FRAMES = b"'self' https://huggingface.co" if "SPACE_ID" in os.environ else b"'self'"
_PAGE_POLICY = (
    b"default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    b"img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' data: blob:; "
    b"worker-src 'self' blob:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors " + _FRAMES
)
_FILE_POLICY = b"default-src 'none'; sandbox; frame-ancestors 'none'"


class FrontGate:
    """ASGI middleware that puts a `Gate` with these settings before the page as the server starts.

    Among a page's own middleware it would come second: Gradio puts what answers other websites before all.
    """

    def __init__(self, app: Any, /, **settings: Any) -> None:
        self._app = app
        self._settings = settings
        self._guarded = Gate(app, **settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            first = scope["app"].middleware_stack  # it turns errors into answers, so it stays before the gate
            first.app = Gate(first.app, **self._settings)
            self._guarded = self._app
            await self._app(scope, receive, send)
        else:
            await self._guarded(scope, receive, send)


class Gate:
    """What a page asks for, and nothing else. `folder` is where its uploads go, `most` the bytes of one at most.

    `most_body` is for a page whose own functions are given photos (`component_server`); others have none.
    """

    def __init__(self, app: Any, *, folder: Path, most: int, most_body: int = 0) -> None:
        self._app = app
        self._folder = folder
        self._most = most
        self._most_body = most_body
        self._tries: OrderedDict[str, tuple[float, float]] = OrderedDict()  # address: tries left, when

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return  # the page has no WebSockets
        path, headers = scope["path"], dict(scope["headers"])
        headers.pop(b"range", None)  # Gradio fails at some; nothing here is long
        scope = {**scope, "headers": [(name, value) for name, value in scope["headers"] if name != b"range"]}
        send = self._with_headers(path, send)
        allowed = {"GET": _GET, "HEAD": _GET, "POST": _POST}.get(scope["method"])
        if allowed is None or not allowed.fullmatch(path) or (path.startswith(f"{_API}/comp") and not self._most_body):
            await _answer(send, 404, "There is no such page.")
        elif not _name(headers):  # Gradio fails without
            await _answer(send, 400, "This is no browser's request.")
        elif self._most_body and _disguised(scope, headers):
            await _answer(send, 403, "This page is this machine's alone. Open it at localhost.")
        elif _foreign(scope["method"], path, headers):
            await _answer(send, 403, "Another website may not use this page.")
        elif path.startswith(f"{_API}/file="):
            await self._file(scope, receive, send, path)
        elif scope["method"] != "POST":
            await self._app(scope, receive, send)
        elif path == "/login":
            await self._login(scope, receive, send)
        elif path.startswith(f"{_API}/upload"):
            await self._upload(scope, receive, send)
        else:
            await self._ask(scope, receive, send, self._most_body if "/component_server" in path else _MOST_JSON)

    def _with_headers(self, path: str, send: Send) -> Send:
        file = path.startswith(f"{_API}/file=")
        kept = b"private, max-age=600" if file else b"no-store"
        own = [*_HEADERS, (b"content-security-policy", _FILE_POLICY if file else _PAGE_POLICY)]
        own += [] if path.startswith(("/assets/", "/static/", "/svelte/")) else [(b"cache-control", kept)]

        async def act(message: Message) -> None:
            if message["type"] == "http.response.start":
                names = {name for name, _ in own}
                theirs = [(name, value) for name, value in message.get("headers", []) if name.lower() not in names]
                message = {**message, "headers": theirs + own}
            await send(message)

        return act

    async def _file(self, scope: Scope, receive: Receive, send: Send, path: str) -> None:
        """Files of the page's folder only; no address of another server, which Gradio would fetch from."""
        if self._inside(path.partition("=")[2]):
            await self._app(scope, receive, send)
        else:
            await _answer(send, 403, "This file is not of this page.")

    def _inside(self, name: str) -> bool:
        try:
            return Path(name).is_absolute() and Path(name).resolve().is_relative_to(self._folder.resolve())
        except (OSError, ValueError):
            return False

    async def _login(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Five tries at once and one a minute from then on, for an address; a right password makes them anew."""
        address = _network(scope)
        left, since = self._tries.pop(address, (float(_TRIES), time.monotonic()))
        left = min(_TRIES, left + (time.monotonic() - since) / 60)
        self._tries[address] = (max(0.0, left - 1), time.monotonic())  # now: tries at the same time count too
        while len(self._tries) > _MOST_ADDRESSES:
            self._tries.popitem(last=False)
        if left < 1:
            wait = round((1 - left) * 60) + 1
            await _answer(send, 429, f"Too many wrong passwords. Try again in {wait} s.", retry=wait)
            return

        async def act(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 200:
                self._tries.pop(address, None)
            await send(message)

        await self._guarded(scope, _replay(await _body(receive, 10_000)), act)

    async def _upload(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As Gradio's, but each file is one of its own: two people may bring the same one, and one has it removed."""
        from gradio.route_utils import upload_fn
        from starlette.exceptions import HTTPException
        from starlette.formparsers import MultiPartException
        from starlette.requests import Request

        if not await self._signed_in(scope):
            await _answer(send, 401, "Not signed in.")
            return
        if shutil.disk_usage(self._folder).free < _ROOM:
            await _answer(send, 507, "There is no room for photos now.")
            return
        making = Path(tempfile.mkdtemp(dir=self._folder))
        try:
            paths, _, _ = await upload_fn(Request(scope, receive), str(making), self._most, None)
            kept = [str(self._place(Path(path))) for path in paths]
            await _answer(send, 200, kept)
        except MultiPartException as error:
            await _answer(send, 413 if "maximum allowed size" in error.message else 400, error.message)
        except HTTPException as error:
            await _answer(send, error.status_code, str(error.detail))
        except Exception:  # what is no form, or names files as none can be named
            await _answer(send, 400, "This is no upload.")
        finally:
            shutil.rmtree(making, ignore_errors=True)

    def _place(self, path: Path) -> Path:
        """Where an upload lies from now on: in its content's folder, as Gradio wants it, by a name of its own."""
        place = self._folder / path.parent.name / f"{secrets.token_hex(8)}-{path.name[-200:]}"
        for _ in range(100):
            place.parent.mkdir(mode=0o700, exist_ok=True)
            with suppress(FileNotFoundError):  # `forget` has just removed the folder, empty until now
                return path.rename(place)
        raise FileNotFoundError(place)

    async def _signed_in(self, scope: Scope) -> bool:
        """What the page itself says of this visitor."""
        statuses = []

        async def act(message: Message) -> None:
            statuses.append(message.get("status", 200))

        asked = {**scope, "method": "GET", "path": "/gradio_api/login_check", "raw_path": b"/gradio_api/login_check"}
        await self._app(asked, _replay(b""), act)
        return statuses[0] == 200

    async def _ask(self, scope: Scope, receive: Receive, send: Send, most: int) -> None:
        """A question to the page: photos it names must be uploads, and are removed if it is too busy to look."""
        body = await _body(receive, most)
        if body is None:
            await _answer(send, 413, "This is too long.")
            return
        try:
            named = list(_paths(json.loads(body)))
        except (ValueError, RecursionError):
            await _answer(send, 400, "This is no JSON.")
            return
        if not all(isinstance(path, str) and self._inside(path) for path in named):
            await _answer(send, 403, "Only uploads are looked at.")
            return

        async def act(message: Message) -> None:
            if message.get("status") == 503:
                for path in named:
                    forget(Path(path))
            await send(message)

        await self._guarded(scope, _replay(body), act)

    async def _guarded(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A failure at what was asked is the question's, not the server's."""
        started = False

        async def act(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, act)
        except Exception:
            if started:
                raise
            await _answer(send, 400, "This makes no sense.")


def forget(path: Path, *, after: float = 0) -> None:
    """Removes an upload, and nothing else, so many seconds later."""
    if not _UPLOADED.match(path.name):
        return
    if after:
        timer = Timer(after, forget, [path])
        timer.daemon = True
        timer.start()
        return
    with suppress(OSError):
        path.unlink()
        path.parent.rmdir()  # unless somebody else's is there


def shown_name(path: str) -> str:
    """The name that an upload came with."""
    return _UPLOADED.sub("", Path(path).name, count=1)


def _foreign(method: str, path: str, headers: dict[bytes, bytes]) -> bool:
    """Whether a browser asks for another website. Following a link to the page is nobody's harm."""
    site, mode = headers.get(b"sec-fetch-site"), headers.get(b"sec-fetch-mode")
    if site in (b"cross-site", b"same-site"):
        return not (method == "GET" and mode == b"navigate" and path == "/")
    origin = headers.get(b"origin")
    return site is None and origin is not None and origin.partition(b"://")[2] != headers[b"host"]


def _disguised(scope: Scope, headers: dict[bytes, bytes]) -> bool:
    """Whether another website's name was made to lead to this machine alone (DNS rebinding)."""
    reached = _address((scope.get("server") or ("", 0))[0])
    name = _name(headers)
    return reached is not None and reached.is_loopback and name != "localhost" and _address(name) is None


def _name(headers: dict[bytes, bytes]) -> str:
    """The name or address, without the port, that a browser asks."""
    try:
        return urlsplit("//" + headers[b"host"].decode("latin-1")).hostname or ""
    except (KeyError, ValueError):
        return ""


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _network(scope: Scope) -> str:
    """Whom tries are counted of: an IPv4 address, or an IPv6 network, of which one person has all addresses."""
    text = (scope.get("client") or ("", 0))[0]
    address = _address(text)
    return str(ipaddress.ip_network(f"{text}/64", strict=False) if address and address.version == 6 else text)


def _paths(value: Any) -> Iterator[Any]:
    """What is named as a path, anywhere in it."""
    ahead = [value]
    while ahead:
        value = ahead.pop()
        if isinstance(value, dict):
            if value.get("path"):
                yield value["path"]
            ahead += value.values()
        elif isinstance(value, list):
            ahead += value


async def _body(receive: Receive, most: int) -> bytes | None:
    """The body of a request, or None when it is longer."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > most:
            return None
    return body


def _replay(body: bytes | None) -> Receive:
    """A body, as it comes from the server; afterwards the visitor stays."""
    given = False

    async def receive() -> Message:
        nonlocal given
        if given:
            return {"type": "http.disconnect"}
        given = True
        return {"type": "http.request", "body": body or b"", "more_body": False}

    return receive


async def _answer(send: Send, status: int, said: Any, *, retry: int = 0) -> None:
    body = json.dumps(said if status == 200 else {"detail": said}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    headers += [(b"retry-after", str(retry).encode())] if retry else []
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
