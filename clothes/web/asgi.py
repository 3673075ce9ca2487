"""What the security rules are built from: a base class, a refusal, and reading a request's body."""

from dataclasses import dataclass

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send


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


def refuse(status: int, detail: str) -> JSONResponse:
    return JSONResponse({"detail": detail}, status)


async def read_body(receive: Receive, max_bytes: int) -> bytes | None:
    """The body of a request, or None if it is longer."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > max_bytes:
            return None
    return body


def replay(body: bytes) -> Receive:
    """Gives a body that was read already to the next reader."""
    messages = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive() -> Message:
        return next(messages, {"type": "http.disconnect"})

    return receive
