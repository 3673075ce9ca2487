"""The requests that a browser may send to a page, and the rule that answers every other one with 404.

Also the parts of all rules for requests: a base class, a refusal, a request's body, a visitor's network.
"""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

API = "/gradio_api"


@dataclass(frozen=True)
class Route:
    """A path with its method and its purpose. GET allows HEAD too.

    {id} stands for letters, digits and underscores, {file} for any text without a backslash, {path} for any text. Paths
    of Gradio's API may end with a slash.
    """

    method: str
    path: str
    purpose: str

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        text = re.escape(self.path)
        for name, stands_for in (("id", r"\w+"), ("file", r"[^\\]+"), ("path", ".+")):
            text = text.replace(rf"\{{{name}\}}", stands_for)
        return re.compile(f"{text}/?" if self.path.startswith(API) else text)

    def matches(self, method: str, path: str) -> bool:
        same_method = method == self.method or (method, self.method) == ("HEAD", "GET")
        return same_method and self._pattern.fullmatch(path) is not None


QUESTIONS = (
    Route("POST", f"{API}/queue/join", "asks a question; photos in it must be uploads"),
    Route("POST", f"{API}/call/predict", "asks for a prediction, for programs"),
    Route("POST", f"{API}/call/outfit", "asks for the garments in a photo, for programs"),
)
ROUTES = (
    # The page and its looks
    Route("GET", "/", "the page"),
    Route("GET", "/config", "its components, as JSON"),
    Route("GET", "/theme.css", "its theme"),
    Route("GET", f"{API}/theme.css", "its theme"),
    Route("GET", "/assets/{file}", "Gradio's scripts and styles"),
    Route("GET", "/static/{file}", "Gradio's fonts and pictures"),
    Route("GET", "/svelte/{file}", "Gradio's scripts"),
    Route("GET", "/favicon.ico", "its icon"),
    Route("GET", "/pwa_icon", "its icon on a phone"),
    Route("GET", "/pwa_icon/{id}", "its icon on a phone"),
    Route("GET", "/manifest.json", "its name on a phone"),
    Route("GET", "/robots.txt", "rules for search engines"),
    # Passwords
    Route("GET", "/login_check", "whether the visitor is signed in"),
    Route("GET", f"{API}/login_check", "whether the visitor is signed in"),
    Route("GET", f"{API}/user", "the visitor's user name"),
    Route("POST", "/login", "signs in; five wrong passwords at once, then one a minute"),
    Route("GET", "/logout", "signs out"),
    # Photos and answers
    Route("POST", f"{API}/upload", "uploads photos; 25 MB each, 500 photos and 2 GB at once"),
    Route("GET", f"{API}/upload_progress", "the progress of an upload"),
    Route("GET", f"{API}/file={{path}}", "a photo or a table of this page; no other file"),
    *QUESTIONS,
    Route("GET", f"{API}/queue/data", "the answers to this visitor's questions"),
    Route("GET", f"{API}/call/predict/{{id}}", "the prediction, for programs"),
    Route("GET", f"{API}/call/outfit/{{id}}", "the garments, for programs"),
    Route("GET", f"{API}/info", "how programs ask"),
    # The visit
    Route("GET", f"{API}/startup-events", "starts the queue"),
    Route("GET", f"{API}/heartbeat/{{id}}", "tells when the visitor leaves"),
    Route("GET", f"{API}/app_id", "tells when the server was restarted"),
)
FUNCTIONS = Route("POST", f"{API}/component_server", "the functions of the camera page and of the review page")
STUDIO = "/studio/"  # the paths of the studio page's own routes: for those who are signed in
STUDIO_FILES = (  # their body is a file
    Route("POST", f"{STUDIO}upload", "adds a photo of 25 MB, or a zip file of 1 GB"),
    Route("POST", f"{STUDIO}predict", "what a photo of 25 MB shows"),
    Route("POST", f"{STUDIO}outfit", "the garments in a photo of 25 MB"),
    Route("POST", f"{STUDIO}layers", "what each layer of a run's network sees in a photo of 25 MB"),
)
STUDIO_ROUTES = (
    Route("GET", f"{STUDIO}state", "classes, jobs and runs"),
    Route("GET", f"{STUDIO}photos", "names of photos of a class"),
    Route("GET", f"{STUDIO}thumbnail/{{path}}", "a photo of the project, small, without EXIF"),
    Route("GET", f"{STUDIO}heatmap/{{path}}", "which part of a photo decided a run's answer"),
    Route("GET", f"{STUDIO}suggestions", "loose photos by the class that they look like"),
    Route("GET", f"{STUDIO}check", "findings about the photos"),
    Route("GET", f"{STUDIO}added", "what became of the files of the last job that added photos"),
    Route("GET", f"{STUDIO}projects", "the other projects; on this computer alone"),
    Route("GET", f"{STUDIO}result/{{file}}", "curves and test result of a run"),
    Route("GET", f"{STUDIO}report/{{file}}", "the report of a run"),
    Route("GET", f"{STUDIO}download/{{path}}", "a file to take away: a bundle or an export"),
    *STUDIO_FILES,
    Route("POST", f"{STUDIO}edit", "moves, renames, removes, undoes"),
    Route("POST", f"{STUDIO}project", "opens a project, takes photos of a folder; on this computer alone"),
    Route("GET", f"{STUDIO}phone", "how a phone reaches the page; on this computer alone"),
    Route("POST", f"{STUDIO}phone", "opens or closes the page for a phone; on this computer alone"),
    Route("POST", f"{STUDIO}job", "starts and stops training, tests and exports"),
)


@dataclass
class Rule:
    """A middleware for HTTP requests. Passes the server's start and end on, and closes WebSockets."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self.handle(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self.app(scope, receive, send)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        raise NotImplementedError


@dataclass
class AllowedRequests(Rule):
    """Answers 404 unless a request matches one of these routes."""

    routes: Sequence[Route]

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if any(route.matches(scope["method"], scope["path"]) for route in self.routes):
            await self.app(scope, receive, send)
        else:
            await refuse(404, "There is no such page.")(scope, receive, send)


def refuse(status: int, detail: str) -> JSONResponse:
    return JSONResponse({"detail": detail}, status)


async def read_body(receive: Receive, max_bytes: int) -> bytes | None:
    """The body of a request, or None if it is longer."""
    body, more = bytearray(), True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > max_bytes:
            return None
    return bytes(body)


def replay(body: bytes) -> Receive:
    """Gives a body that was read already to the next reader."""
    messages = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive() -> Message:
        return next(messages, {"type": "http.disconnect"})

    return receive


def client_address(scope: Scope) -> str:
    return str((scope.get("client") or ("", 0))[0])


def network(text: str) -> str:
    """The IPv4 address or IPv6 network: one person has all addresses of a network."""
    address = ip_address(text)
    return str(ipaddress.ip_network(f"{address}/64", strict=False) if address and address.version == 6 else text)


def ip_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address. A socket for both versions gives IPv4 addresses as IPv6 ones (::ffff:192.0.2.1)."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
