"""Uploaded photos: each in a folder of its own, removed once it is answered, and after ten minutes in any case."""

import asyncio
import atexit
import errno
import json
import os
import shutil
import stat
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive, Scope, Send

from clothes.errors import ClothesError
from clothes.system.locks import folder_lock
from clothes.web import PAGE_FOLDER, USER_ID
from clothes.web.allowed_routes import API, FUNCTIONS, STUDIO_FILES, Rule, read_body, refuse, replay

FILE_PATH = f"{API}/file="
KEEP_SECONDS = 600
SECONDS_SHOWN = 120  # the browser shows the photo, and may ask which part decided
_MAX_KEPT, _MAX_KEPT_BYTES = 5_000, 4_000_000_000  # of all uploads: the oldest are removed first
_QUESTION_BYTES = 1_000_000  # enough to name 500 uploads
_MAX_VALUES = 20_000  # of a question's JSON
_NO_QUESTIONS = ("/login", *(route.path for route in STUDIO_FILES))

_SECONDS_TO_LOCK = 60  # more than a page needs to lock its new folder

_LOCK = ExitStack()  # holds the lock of this process's folder until it ends


def upload_path(upload: Any) -> str:
    """The path of an upload, or nothing. The request rules have checked that it is one."""
    return str(upload.get("path") or "") if isinstance(upload, dict) else ""


def prepare_folder() -> None:
    """Makes this process's folder, for its owner only, and removes the folders of processes that have ended."""
    user_folder = PAGE_FOLDER.parent
    try:
        user_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = user_folder.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != USER_ID:
            raise PermissionError(errno.EPERM, "it is a link or belongs to someone else")
        user_folder.chmod(0o700)
        if not PAGE_FOLDER.exists():
            PAGE_FOLDER.mkdir(mode=0o700)
            _LOCK.enter_context(folder_lock(PAGE_FOLDER))
            atexit.register(_remove_own_folder, os.getpid())
        for folder in user_folder.iterdir():
            with suppress(OSError):  # another page may remove it too
                if folder.stat().st_mtime < time.time() - _SECONDS_TO_LOCK:
                    _remove_unless_locked(folder)
    except OSError as error:
        raise ClothesError(
            f"The page cannot keep its photos in {user_folder}: {error.strerror}. "
            "Set GRADIO_TEMP_DIR to a folder of yours."
        ) from None


def _remove_unless_locked(folder: Path) -> None:
    with folder_lock(folder) as is_free:
        if is_free:
            shutil.rmtree(folder)


def _remove_own_folder(process: int) -> None:
    if os.getpid() == process:  # not a forked one
        shutil.rmtree(PAGE_FOLDER, ignore_errors=True)


class Uploads:
    """The uploads of a page and what it made of them. Threads and requests may use it at the same time.

    Two visitors who upload the same photo get two files, so that the answer to one does not remove the other's.
    """

    def __init__(self, parent: Path) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="uploads-", dir=parent))
        self._lock = threading.Lock()
        self._kept: dict[Path, tuple[float, int]] = {}  # the file: when it is removed, and its bytes
        self._bytes = 0

    def new_path(self, name: str) -> Path:
        """The path of a new file, in a folder of its own. `keep` it when it is written."""
        return Path(tempfile.mkdtemp(dir=self.folder)) / name

    def keep(self, path: Path) -> None:
        """Keeps a file for ten minutes, or until there are too many newer ones."""
        size = path.stat().st_size
        with self._lock:
            self._kept[path] = time.monotonic() + KEEP_SECONDS, size
            self._bytes += size
            while len(self._kept) > _MAX_KEPT or self._bytes > _MAX_KEPT_BYTES:
                self._remove(next(iter(self._kept)))

    def forget(self, path: str, *, after: float = 0) -> None:
        """Removes an upload `after` so many seconds. Leaves every other file."""
        with self._lock:
            if (kept := self._kept.get(Path(path))) is None:
                return
            if after:
                self._kept[Path(path)] = time.monotonic() + after, kept[1]
            else:
                self._remove(Path(path))

    def keeps(self, path: str) -> bool:
        """Whether an upload is still there."""
        with self._lock:
            return Path(path) in self._kept

    def remove_expired(self) -> None:
        now = time.monotonic()
        with self._lock:
            for path in [path for path, (until, _) in self._kept.items() if until < now]:
                self._remove(path)

    def _remove(self, path: Path) -> None:
        self._bytes -= self._kept.pop(path)[1]
        shutil.rmtree(path.parent, ignore_errors=True)

    def holds(self, path: object) -> bool:
        """Whether this is the absolute path of a file in the folder of this page's process."""
        folder = self.folder.parent.resolve()
        try:
            return isinstance(path, str) and Path(path).is_absolute() and Path(path).resolve().is_relative_to(folder)
        except (OSError, ValueError):
            return False

    @asynccontextmanager
    async def lifespan(self, _: object) -> AsyncIterator[None]:
        """Removes expired uploads while the page is served, and all of them at its end."""

        async def remove_regularly() -> None:
            while True:
                await asyncio.sleep(5)
                await run_in_threadpool(self.remove_expired)

        task = asyncio.create_task(remove_regularly())
        yield
        task.cancel()
        shutil.rmtree(self.folder, ignore_errors=True)


@dataclass
class OwnFiles(Rule):
    """Serves files of the page's folder only. Gradio would also fetch the files of other servers."""

    uploads: Uploads

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        if path.startswith(FILE_PATH) and not self.uploads.holds(path.removeprefix(FILE_PATH)):
            await refuse(403, "This file does not belong to this page.")(scope, receive, send)
        else:
            await self.app(scope, receive, send)


@dataclass
class Questions(Rule):
    """Checks the JSON of a question: its length, and that the photos in it are uploads.

    Removes the uploads if the page is too busy to answer.
    """

    uploads: Uploads
    max_function: int

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST" or scope["path"] in _NO_QUESTIONS:
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
                    self.uploads.forget(path)
            await send(message)

        await self.app(scope, replay(body), send_or_forget)

    async def _read(self, path: str, receive: Receive) -> tuple[bytes, list[str]]:
        """The body of a question and the paths of its photos. Raises HTTPException."""
        body = await read_body(receive, self.max_function if FUNCTIONS.matches("POST", path) else _QUESTION_BYTES)
        if body is None:
            raise HTTPException(413, "The request is too long.")
        if sum(map(body.count, (b"[", b"{", b","))) > _MAX_VALUES:  # each takes up to 100 bytes of memory
            raise HTTPException(400, "The request has too many values.")
        try:
            question = json.loads(body)
        except (ValueError, RecursionError):
            raise HTTPException(400, "The request is not JSON.") from None
        if isinstance(question, dict) and question.get("session_hash") == "":  # Gradio would not find it again
            raise HTTPException(400, "The request names no session.")
        photos = list(_find_paths(question))
        if not all(map(self.uploads.holds, photos)):
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
