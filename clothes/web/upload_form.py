"""Takes the upload forms of a page: each photo is written to the disk as it comes, within limits."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from gradio_client.utils import strip_invalid_filename_characters
from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from clothes.web.allowed_routes import API, Rule, refuse
from clothes.web.uploads import Uploads

MAX_PHOTOS = 500  # of one request
MAX_MEGABYTES = 25  # of one photo
_MAX_REQUEST_BYTES = 2_000_000_000
MIN_FREE_BYTES = 1_000_000_000  # of the disk


class Form:
    """A multipart form of photos, written to the disk as it comes, with one open file at a time.

    Raises HTTPException if it is no such form, has too many or too large photos, or if the disk is full.
    """

    def __init__(self, content_type: str, uploads: Uploads) -> None:
        kind, options = parse_options_header(content_type)
        names = ("header_field", "header_value", "header_end", "headers_finished", "part_data", "part_end")
        callbacks: Any = {f"on_{name}": getattr(self, name) for name in names}
        if kind != b"multipart/form-data" or not options.get(b"boundary"):
            raise _no_form()
        try:
            self._parser = MultipartParser(options[b"boundary"], callbacks)
        except FormParserError:  # a long boundary
            raise _no_form() from None
        self.paths: list[Path] = []
        self._uploads = uploads
        self._header = self._value = self._disposition = b""
        self._file: BinaryIO | None = None
        self._total = 0

    def write(self, data: bytes) -> None:
        if shutil.disk_usage(self._uploads.folder).free < MIN_FREE_BYTES:  # each time: others write at the same time
            raise HTTPException(507, "The server has no room for photos at present.")
        self._total += len(data)
        if self._total > _MAX_REQUEST_BYTES:
            raise HTTPException(413, f"More than {_MAX_REQUEST_BYTES / 1e9:g} GB at once. Send fewer photos.")
        try:
            self._parser.write(data)
        except (FormParserError, OSError, ValueError):  # damaged, or a name that no file can have
            raise _no_form() from None

    def finish(self) -> list[str]:
        """The paths of the photos."""
        if self._file:
            raise _no_form()
        return list(map(str, self.paths))

    def discard(self) -> None:
        if self._file:
            self._file.close()
            shutil.rmtree(self.paths[-1].parent, ignore_errors=True)
        for path in self.paths:
            self._uploads.forget(str(path))

    # What the parser calls, with the part of its buffer that is meant.

    def header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end].lower()

    def header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def header_end(self) -> None:
        if self._header == b"content-disposition":
            self._disposition = self._value
        self._header = self._value = b""

    def headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition)
        self._disposition = b""
        if b"filename" not in options:  # Gradio would collect it in memory
            raise FormParserError
        if len(self.paths) == MAX_PHOTOS:
            raise HTTPException(413, f"More than {MAX_PHOTOS} photos at once. `clothes predict` has no limit.")
        name = Path(options[b"filename"].decode(errors="replace").replace("\\", "/")).name
        self.paths.append(self._uploads.new_path(strip_invalid_filename_characters(name).strip(". ") or "file"))
        self._file = self.paths[-1].open("xb")

    def part_data(self, data: bytes, start: int, end: int) -> None:
        if self._file:
            self._file.write(memoryview(data)[start:end])
            if self._file.tell() > MAX_MEGABYTES * 1_000_000:
                raise HTTPException(413, f"{self.paths[-1].name} has more than {MAX_MEGABYTES} MB.")

    def part_end(self) -> None:
        if self._file:
            self._file.close()
            self._file = None
            self._uploads.keep(self.paths[-1])


def _no_form() -> HTTPException:
    return HTTPException(400, "This is not an upload form.")


@dataclass
class UploadForms(Rule):
    """Takes uploads in Gradio's place."""

    uploads: Uploads

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"].rstrip("/") != f"{API}/upload":
            await self.app(scope, receive, send)
            return
        try:
            answer = JSONResponse(await self._store(Request(scope, receive)))
        except HTTPException as error:
            answer = refuse(error.status_code, error.detail)
        except ClientDisconnect:
            return
        await answer(scope, receive, send)

    async def _store(self, request: Request) -> list[str]:
        form = Form(request.headers.get("content-type", ""), self.uploads)
        try:
            async for chunk in request.stream():
                await run_in_threadpool(form.write, chunk)
            return form.finish()
        except BaseException:
            form.discard()
            raise
