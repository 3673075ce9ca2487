"""The rule that tells a browser what it may do with an answer."""

import os

from starlette.datastructures import MutableHeaders
from starlette.types import Message, Receive, Scope, Send

from clothes.web.allowed_routes import STUDIO, Rule
from clothes.web.uploads import FILE_PATH

# A Hugging Face Space, which sets SPACE_ID, is shown in a frame of huggingface.co.
_FRAMES = "'self' https://huggingface.co" if "SPACE_ID" in os.environ else "'self'"
_PAGE_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' data: blob:; "
    f"worker-src 'self' blob:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors {_FRAMES}"
)
_FILE_POLICY = "default-src 'none'; sandbox; frame-ancestors 'none'"
_REPORT_POLICY = _FILE_POLICY + "; style-src 'unsafe-inline'; img-src data:"
_REPORT = f"{STUDIO}report/"
_FILES = (FILE_PATH, f"{STUDIO}thumbnail/", f"{STUDIO}heatmap/")


class SecurityHeaders(Rule):
    """Adds to every answer the headers that tell a browser what it may do with it."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_file = scope["path"].startswith(_FILES)
        own = {
            "x-content-type-options": "nosniff",
            "referrer-policy": "same-origin",
            "permissions-policy": "camera=(self), microphone=(), geolocation=()",
            "cross-origin-opener-policy": "same-origin",
            "content-security-policy": _policy(scope["path"]),
        }
        if not scope["path"].startswith(("/assets/", "/static/", "/svelte/")):
            own["cache-control"] = "private, max-age=600" if is_file else "no-store"

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(own)
            await send(message)

        await self.app(scope, receive, send_with_headers)


def _policy(path: str) -> str:
    if path.startswith(_REPORT):
        return _REPORT_POLICY
    return _FILE_POLICY if path.startswith(_FILES) else _PAGE_POLICY
