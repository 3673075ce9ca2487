"""The rules that every request passes before Gradio sees it, in their order: `request_rules`.

Each rule is an ASGI middleware: it answers a request itself or hands it to the next one. The allowed requests stand in
allowed_routes.py.
"""

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import ClassVar
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import cookie_parser
from starlette.types import Message, Receive, Scope, Send

from clothes.web.allowed_routes import (
    API,
    FUNCTIONS,
    QUESTIONS,
    ROUTES,
    STUDIO,
    AllowedRequests,
    Route,
    Rule,
    client_address,
    ip_address,
    network,
    read_body,
    refuse,
    replay,
)
from clothes.web.security_headers import SecurityHeaders
from clothes.web.upload_form import UploadForms
from clothes.web.uploads import OwnFiles, Questions, Uploads

_LOGIN_BYTES = 10_000
_PASSWORD_TRIES = 5  # at once; each minute brings another
_MAX_CLIENTS = 10_000
QUEUE_LENGTH = 64  # questions


def request_rules(
    uploads: Uploads,
    *,
    local_names_only: bool,
    waiting: Callable[[], list[str]] = list,
    max_function: int = 0,
    routes: Iterable[Route] = (),
) -> list[Middleware]:
    """The rules of a page, the outermost first.

    `local_names_only`: see `TrustedHosts`. `waiting`: see `SharedQueue`. A page with functions of its own (camera,
    review) gives the bytes of the longest call as `max_function`, one with routes of its own (studio) these `routes`.
    """
    allowed = (*ROUTES, *routes, *((FUNCTIONS,) if max_function else ()))
    return [
        Middleware(SecurityHeaders),
        Middleware(PlainRequests),
        Middleware(AllowedRequests, routes=allowed),
        Middleware(TrustedHosts, local_names_only=local_names_only),
        Middleware(SameOrigin),
        Middleware(OwnFiles, uploads=uploads),
        Middleware(LoginLimit),
        Middleware(Failures),
        Middleware(SignedIn),
        Middleware(UploadForms, uploads=uploads),
        Middleware(Questions, uploads=uploads, max_function=max_function),
        Middleware(SharedQueue, waiting=waiting),
    ]


class PlainRequests(Rule):
    """Removes what Gradio fails at, ranges of files, and what would concern other visitors.

    Otherwise the API's description names the first visitor's address, used or invented, to all, and signing out ends
    the session of everyone with that user name.
    """

    _queries: ClassVar[dict[str, bytes]] = {f"{API}/info": b"page=", "/logout": b"all_session=false"}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(name, value) for name, value in scope["headers"] if name != b"range"]
        query = self._queries.get(scope["path"].rstrip("/"), scope["query_string"])
        await self.app({**scope, "headers": headers, "query_string": query}, receive, send)


@dataclass
class TrustedHosts(Rule):
    """Refuses requests without a host name, at which Gradio fails.

    With `local_names_only`, a connection to this machine alone must use one of its own names. A website could point its
    name here (DNS rebinding). Unlike Starlette's TrustedHostMiddleware this needs no list of the names by which other
    machines reach the page.
    """

    local_names_only: bool

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = _host_name(Headers(scope=scope))
        if not name:
            await refuse(400, "The request names no host.")(scope, receive, send)
        elif self.local_names_only and _is_rebound(scope, name):
            await refuse(403, "This page is for this machine alone. Open it at localhost.")(scope, receive, send)
        else:
            await self.app(scope, receive, send)


class SameOrigin(Rule):
    """Refuses what a browser sends for another website. Links to the page may be followed."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        site, origin = headers.get("sec-fetch-site"), headers.get("origin")
        if site in ("cross-site", "same-site"):
            is_allowed = (
                scope["method"] == "GET" and headers.get("sec-fetch-mode") == "navigate" and scope["path"] == "/"
            )
        else:
            is_allowed = site is not None or origin is None or origin.partition("://")[2] == headers["host"]
        if is_allowed:
            await self.app(scope, receive, send)
        else:
            await refuse(403, "Another website may not use this page.")(scope, receive, send)


@dataclass
class LoginLimit(Rule):
    """Slows down wrong passwords: five at once from an address, then one a minute. The right one resets the count.

    A browser that has signed in has a count of its own, so that nobody else's tries keep it out (a device cookie, see
    OWASP's "Slow Down Online Guessing Attacks with Device Cookies").
    """

    tries: OrderedDict[str, tuple[float, float]] = field(default_factory=OrderedDict)  # client: tries left, and when
    devices: OrderedDict[str, None] = field(default_factory=OrderedDict)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] != "/login":
            await self.app(scope, receive, send)
            return
        client = self._client(scope)
        if seconds := self._seconds_to_wait(client):
            answer = refuse(429, f"Too many wrong passwords. Try again in {seconds} s.")
            answer.headers["retry-after"] = str(seconds)
            await answer(scope, receive, send)
            return

        async def send_and_reset(message: Message) -> None:
            if message.get("status") == 200:
                self.tries.pop(client, None)
                cookie = f"{_device_cookie(scope)}={self._new_device()}; Path=/login; HttpOnly; SameSite=Strict"
                MutableHeaders(scope=message).append("set-cookie", f"{cookie}; Max-Age=31536000")
            await send(message)

        body = await read_body(receive, _LOGIN_BYTES)
        await self.app(scope, replay(body or b""), send_and_reset)

    def _client(self, scope: Scope) -> str:
        """The known browser, else its network."""
        device = cookie_parser(Headers(scope=scope).get("cookie", "")).get(_device_cookie(scope), "")
        if device in self.devices:
            return device
        return network(client_address(scope))

    def _seconds_to_wait(self, client: str) -> int:
        """Takes a try and returns 0, or returns the seconds until there is one. Tries at the same time count too."""
        now = time.monotonic()
        left, since = self.tries.get(client, (float(_PASSWORD_TRIES), now))
        left = min(_PASSWORD_TRIES, left + (now - since) / 60)
        if left < 1:
            return int((1 - left) * 60) + 1
        self.tries[client] = (left - 1, now)
        self.tries.move_to_end(client)
        if len(self.tries) > _MAX_CLIENTS:
            self.tries.popitem(last=False)
        return 0

    def _new_device(self) -> str:
        device = secrets.token_urlsafe()
        self.devices[device] = None
        if len(self.devices) > _MAX_CLIENTS:
            self.devices.popitem(last=False)
        return device


class Failures(Rule):
    """Answers 400 where Gradio fails at what was sent, and ends the stream of an unknown session without an error."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        failed = started = False

        async def send_unless_failed(message: Message) -> None:
            nonlocal failed, started
            failed = failed or message.get("status") == 500
            if not failed:
                started = True
                await send(message)

        try:
            await self.app(scope, receive, send_unless_failed)
        except Exception as error:
            if started and isinstance(error.__cause__, HTTPException):
                await send({"type": "http.response.body"})
            elif not failed:
                raise
        if failed:
            await refuse(400, "Bad request.")(scope, receive, send)


class SignedIn(Rule):
    """Refuses what a visitor posts who is not signed in, before its body is read, and the studio's routes."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_open = scope["method"] != "POST" and not scope["path"].startswith(STUDIO)  # Gradio asks for its own
        if is_open or scope["path"] == "/login" or await self._is_signed_in(scope):
            await self.app(scope, receive, send)
        else:
            await refuse(401, "Not signed in.")(scope, receive, send)

    async def _is_signed_in(self, scope: Scope) -> bool:
        """Asks Gradio about this visitor."""
        statuses = []

        async def keep_status(message: Message) -> None:
            statuses.append(message.get("status", 200))

        path = f"{API}/login_check"
        await self.app({**scope, "method": "GET", "path": path, "raw_path": path.encode()}, replay(b""), keep_status)
        return statuses[0] == 200


@dataclass
class SharedQueue(Rule):
    """Refuses questions of an address that has half of the queue: one visitor's questions keep no other's out.

    `waiting` gives the address of each question in the queue.
    """

    waiting: Callable[[], list[str]]

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_question = any(route.matches(scope["method"], scope["path"]) for route in QUESTIONS)
        own = network(client_address(scope))
        if is_question and list(map(network, self.waiting())).count(own) >= QUEUE_LENGTH // 2:
            await refuse(503, "Too many of your questions wait for an answer.")(scope, receive, send)
        else:
            await self.app(scope, receive, send)


def _device_cookie(scope: Scope) -> str:
    """The cookie's name. Pages at other ports of a host share its cookies."""
    return f"clothes-device-{(scope.get('server') or ('', 0))[1]}"


def _is_rebound(scope: Scope, name: str) -> bool:
    """Whether a foreign name leads to this machine's loopback address."""
    server = ip_address((scope.get("server") or ("", 0))[0])
    return server is not None and server.is_loopback and name != "localhost" and ip_address(name) is None


def _host_name(headers: Headers) -> str:
    """The name or address in the Host header, without the port."""
    try:
        return urlsplit("//" + headers["host"]).hostname or ""
    except (KeyError, ValueError):
        return ""
