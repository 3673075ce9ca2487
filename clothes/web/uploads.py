"""Uploaded photos: each in a file of its own below the page's folder, removed once it is answered."""

import json
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from typing import Any

from gradio.route_utils import upload_fn
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Message, Receive, Scope, Send

from clothes.web.allowed_routes import API, FUNCTIONS
from clothes.web.asgi import Rule, read_body, refuse, replay

FILE_PATH = f"{API}/file="
_QUESTION_BYTES = 1_000_000  # enough to name 500 uploads
_MIN_FREE_BYTES = 1_000_000_000  # of the disk, after an upload
_PREFIX = re.compile(r"[0-9a-f]{16}-")


@dataclass
class Uploads(Rule):
    """Takes uploads in Gradio's place, from visitors who are signed in."""

    folder: Path
    max_bytes: int

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"].rstrip("/") != f"{API}/upload":
            await self.app(scope, receive, send)
            return
        try:
            if not await self._is_signed_in(scope):
                raise HTTPException(401, "Not signed in.")
            paths = await store_uploads(Request(scope, receive), self.folder, max_bytes=self.max_bytes)
            answer = JSONResponse(paths)
        except HTTPException as error:
            answer = refuse(error.status_code, error.detail)
        await answer(scope, receive, send)

    async def _is_signed_in(self, scope: Scope) -> bool:
        """Asks Gradio about this visitor."""
        statuses = []

        async def keep_status(message: Message) -> None:
            statuses.append(message.get("status", 200))

        path = f"{API}/login_check"
        await self.app({**scope, "method": "GET", "path": path, "raw_path": path.encode()}, replay(b""), keep_status)
        return statuses[0] == 200


@dataclass
class OwnFiles(Rule):
    """Serves files of the page's folder only. Gradio would also fetch the files of other servers."""

    folder: Path

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        if path.startswith(FILE_PATH) and not is_inside(path.removeprefix(FILE_PATH), self.folder):
            await refuse(403, "This file does not belong to this page.")(scope, receive, send)
        else:
            await self.app(scope, receive, send)


@dataclass
class Questions(Rule):
    """Checks the JSON of a question: its length, and that the photos in it are uploads.

    Removes the uploads if the page is too busy to answer.
    """

    folder: Path
    max_function: int

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST" or scope["path"] == "/login":
            await self.app(scope, receive, send)
            return
        try:
            body, photos = await self._read(scope["path"], receive)
        except HTTPException as error:
            await refuse(error.status_code, error.detail)(scope, receive, send)
            return

        async def send_or_forget(message: Message) -> None:
            if message.get("status") == 503:
                for path in photos:
                    forget(Path(path))
            await send(message)

        await self.app(scope, replay(body), send_or_forget)

    async def _read(self, path: str, receive: Receive) -> tuple[bytes, list[str]]:
        """The body of a question and the paths of its photos. Raises HTTPException."""
        is_function = path.startswith(FUNCTIONS.path)
        body = await read_body(receive, self.max_function if is_function else _QUESTION_BYTES)
        if body is None:
            raise HTTPException(413, "The request is too long.")
        try:
            photos = list(_find_paths(json.loads(body)))
        except (ValueError, RecursionError):
            raise HTTPException(400, "The request is not JSON.") from None
        if not all(isinstance(photo, str) and is_inside(photo, self.folder) for photo in photos):
            raise HTTPException(403, "Only uploads are looked at.")
        return body, photos


def _find_paths(value: Any) -> Iterator[Any]:
    """The values of all "path" keys, at any depth."""
    ahead = [value]
    while ahead:
        value = ahead.pop()
        if isinstance(value, dict):
            if value.get("path"):
                yield value["path"]
            ahead += value.values()
        elif isinstance(value, list):
            ahead += value


async def store_uploads(request: Request, folder: Path, *, max_bytes: int) -> list[str]:
    """Stores the photos of an upload form below `folder` and returns their paths.

    Two visitors who upload the same photo get two files, so that the answer to one does not remove the other's.
    Raises HTTPException if the form cannot be read, a photo is too large or the disk is full.
    """
    if shutil.disk_usage(folder).free < _MIN_FREE_BYTES:
        raise HTTPException(507, "The server has no room for photos at present.")
    making = Path(tempfile.mkdtemp(dir=folder))
    try:
        paths, _, _ = await upload_fn(request, str(making), max_bytes, None)
        return [str(_place(Path(path), folder)) for path in paths]
    except MultiPartException as error:
        raise HTTPException(413 if "maximum allowed size" in error.message else 400, error.message) from None
    except HTTPException:
        raise
    except Exception:  # no form, or a name that no file can have
        raise HTTPException(400, "This is not an upload form.") from None
    finally:
        shutil.rmtree(making, ignore_errors=True)


def _place(path: Path, folder: Path) -> Path:
    """Moves an upload into its content's folder, as Gradio wants it, under a unique name."""
    place = folder / path.parent.name / f"{secrets.token_hex(8)}-{path.name[-200:]}"
    for _ in range(100):
        place.parent.mkdir(mode=0o700, exist_ok=True)
        with suppress(FileNotFoundError):  # `forget` has just removed the folder, which was empty
            return path.rename(place)
    raise FileNotFoundError(place)


def is_inside(path: str, folder: Path) -> bool:
    """Whether an absolute path leads to a place below the folder."""
    try:
        return Path(path).is_absolute() and Path(path).resolve().is_relative_to(folder.resolve())
    except (OSError, ValueError):
        return False


def forget(path: Path, *, after: float = 0) -> None:
    """Removes an upload `after` so many seconds. Leaves every other file."""
    if not _PREFIX.match(path.name):
        return
    if after:
        timer = Timer(after, forget, [path])
        timer.daemon = True
        timer.start()
        return
    with suppress(OSError):
        path.unlink()
        path.parent.rmdir()  # fails if it holds another visitor's upload


def original_name(path: str) -> str:
    """The name that an upload came with."""
    return _PREFIX.sub("", Path(path).name, count=1)
