"""Google Drive's API: lists and creates folders, uploads and downloads files, with retries. Deletes nothing there."""

import http.client
import mimetypes
import os
import random
import re
import threading
import time
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import httplib2
from google.auth.credentials import Credentials
from google.auth.exceptions import GoogleAuthError, TransportError
from google_auth_httplib2 import AuthorizedHttp
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError
from googleapiclient.http import HttpRequest, MediaFileUpload

from clothes.collection.drive.auth import SIGN_IN, why
from clothes.collection.drive.connection import Http
from clothes.collection.drive.errors import AGAIN, RefusedError, explained, retry_after
from clothes.collection.drive.item import FOLDER_TYPE, Item, read_item, read_page
from clothes.collection.resumable_download import file_md5
from clothes.errors import DriveError
from clothes.system.checksums import sha256
from clothes.system.files import write_text
from clothes.system.user_folders import config_folder

TRIES = 8  # failures in a row
WAIT = 1.0  # seconds before the second try, doubled each time up to LONGEST
LONGEST = 64.0
ENDPOINT: str | None = None  # None is Google's own; tests set another
CHUNK = 1 << 21  # bytes; a broken transfer loses one at most
_FIELDS = "id, name, mimeType, size, md5Checksum, trashed"
_PAGE, _MOST_PAGES = 1000, 1000  # files in an answer, answers for a folder
_SESSION_DAYS = 7  # Google forgets an unfinished upload after a week

T = TypeVar("T")


class Drive:
    """Google Drive, with the access of these credentials. Thread-safe.

    Its methods raise DriveError, or RefusedError if only one file is concerned. After `stop` each method raises at its
    next request.
    """

    def __init__(self, credentials: Credentials) -> None:
        options = {"api_endpoint": ENDPOINT} if ENDPOINT else None
        self._credentials = credentials
        self._own = threading.local()  # an httplib2.Http is for one thread
        self._files = build("drive", "v3", http=self._new_http(), client_options=options, static_discovery=True).files()
        self._stopped = threading.Event()

    def stop(self) -> None:
        self._stopped.set()

    def folder(self, where: str, *, make: bool = False) -> Item | None:
        """Returns the folder of a path below My Drive, of a link or of an id, or None if no such path exists.

        With `make`, missing folders of a path are created.
        """
        if identity := _id_in(where):
            return self._folder_of_id(identity, where)
        names = [name for name in where.split("/") if name]
        if not names or not {".", ".."}.isdisjoint(names):
            raise DriveError(f"{where!r} names no folder in Drive. Name one such as clothes/photos, or give its link.")
        folder = Item("root", "My Drive", FOLDER_TYPE)
        for name in names:
            found = self._folders_named(name, folder.id)
            if len(found) > 1:
                links = ", ".join(item.link for item in found)
                raise DriveError(f"There are {len(found)} folders {name} in {folder.name}. Give a link: {links}")
            if not found and not make:
                return None
            folder = found[0] if found else self.make_folder(name, folder.id)
        return folder

    def _folder_of_id(self, identity: str, where: str) -> Item:
        try:
            found = self._run(self._files.get(fileId=identity, fields=_FIELDS, supportsAllDrives=True), read_item)
        except RefusedError as error:
            raise DriveError(f"{where}: {error}.") from None
        if not found.is_folder:
            what = "a shortcut: name the folder that it leads to" if found.is_shortcut else "not a folder"
            raise DriveError(f"{where} is {what}.")
        return found

    def children(self, folder: str, *, query: str = "") -> Iterator[Item]:
        """Yields the items of a folder, by name and then the oldest first. Leaves out the trash."""
        page = None
        for _ in range(_MOST_PAGES):
            items, page = self._run(
                self._files.list(
                    q=f"'{folder}' in parents and trashed = false{query}",
                    fields=f"nextPageToken, files({_FIELDS})",
                    orderBy="name,createdTime",
                    pageSize=_PAGE,
                    pageToken=page,
                    supportsAllDrives=True,
                    includeItemsFromAllDrives=True,
                ),
                read_page,
            )
            yield from items
            if not page:
                return
        raise DriveError(f"A folder in Drive has over {_PAGE * _MOST_PAGES:,} files. Divide it into several.")

    def make_folder(self, name: str, parent: str) -> Item:
        """Creates a folder in the folder with the id `parent`."""
        body = {"name": name, "parents": [parent], "mimeType": FOLDER_TYPE}
        request = self._files.create(body=body, fields=_FIELDS, supportsAllDrives=True)
        tried = False

        def make(connection: AuthorizedHttp) -> Item:
            nonlocal tried
            if tried and (made := self._folders_named(name, parent)):  # it was created, but the answer was lost
                return made[0]
            tried = True
            return read_item(request.execute(http=connection))

        try:
            return self._with_retries(make)
        except RefusedError as error:
            raise DriveError(f"The folder {name} cannot be made in Drive: {error}.") from None

    def upload(self, path: Path, name: str, parent: str, *, md5: str, advance: Callable[[int], object]) -> None:
        """Uploads a file into the folder with the id `parent`. Continues an interrupted upload.

        `advance` is called with the bytes of each step. The address of an unfinished upload is kept in the config
        folder, so that another process can continue it.
        """
        unfinished = config_folder() / "uploads" / sha256(f"{parent}/{name}/{md5}".encode())[:32]
        request = self._upload_request(path, name, parent, _read_session(unfinished))
        try:
            sent = self._send_chunks(request, unfinished, advance)
        except RefusedError as error:
            if error.status not in (404, 410) or request.resumable_uri is None:
                raise
            advance(-request.resumable_progress)
            request = self._upload_request(path, name, parent, "")  # Google has forgotten that upload
            sent = self._send_chunks(request, unfinished, advance)
        if sent != md5:
            raise RefusedError("it changed while it was sent: Drive has other content")

    def _send_chunks(self, request: HttpRequest, unfinished: Path, advance: Callable[[int], object]) -> str:
        """Sends the chunks that are missing in Drive. Returns the MD5 of the file there."""
        done = idle = 0
        while (md5 := self._with_retries(partial(_next_chunk, request))) is None:
            idle = 0 if request.resumable_progress > done else idle + 1
            if idle >= TRIES:
                raise RefusedError("Drive does not take its bytes")
            advance(request.resumable_progress - done)
            done = request.resumable_progress
            unfinished.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_text(unfinished, str(request.resumable_uri), mode=0o600)
        unfinished.unlink(missing_ok=True)
        advance(request.resumable.size() - done)
        return md5

    def _upload_request(self, path: Path, name: str, parent: str, session: str) -> HttpRequest:
        """Returns an upload in chunks. With the address of a `session` it continues that one."""
        mime = mimetypes.guess_type(name)[0] or "application/octet-stream"
        request = self._files.create(
            body={"name": name, "parents": [parent]},
            media_body=_Bytes(str(path), mimetype=mime, chunksize=CHUNK, resumable=True),
            fields="md5Checksum",
            supportsAllDrives=True,
        )
        if session:
            request.resumable_uri = session
            request._in_error_state = True  # makes the library ask first how much was received
        return request

    def download(self, item: Item, part: Path, *, advance: Callable[[int], object]) -> None:
        """Downloads a file into `part`, complete and with the right MD5. Continues a `part` that exists.

        `advance` is called with the bytes of each step.
        """
        for _ in range(2):
            done = self._download_rest(item, part, advance)
            if done == item.size and file_md5(part) == item.md5:
                return
            part.unlink()
            advance(-done)
        raise RefusedError("what Drive sent has another MD5 than it says")

    def _download_rest(self, item: Item, part: Path, advance: Callable[[int], object]) -> int:
        request = self._files.get_media(fileId=item.id, supportsAllDrives=True)
        for name in ("accept", "accept-encoding", "user-agent"):  # with these headers a range may come compressed
            request.headers.pop(name, None)
        with part.open("ab") as file:
            done = file.tell()
            advance(done)
            while done < item.size:
                request.headers["range"] = f"bytes={done}-{min(done + CHUNK, item.size) - 1}"
                data = self._with_retries(lambda connection: request.execute(http=connection))
                if len(data) != min(CHUNK, item.size - done):  # not the requested range
                    break
                file.write(data)
                done += len(data)
                advance(len(data))
            file.flush()
            os.fsync(file.fileno())
        return done

    def _folders_named(self, name: str, parent: str) -> list[Item]:
        wanted = unicodedata.normalize("NFC", name)  # compared here: how Drive's search treats case is undocumented
        found = self.children(parent, query=f" and mimeType = '{FOLDER_TYPE}'")
        return [item for item in found if unicodedata.normalize("NFC", item.name) == wanted]

    def _new_http(self) -> AuthorizedHttp:
        return AuthorizedHttp(self._credentials, http=Http())

    def _run(self, request: HttpRequest, read: Callable[[Any], T]) -> T:
        return self._with_retries(lambda connection: read(request.execute(http=connection)))

    def _with_retries(self, act: Callable[[AuthorizedHttp], T]) -> T:
        """Returns the result of `act`. Tries again at rate limits (403, 429), 408, 5xx and broken connections."""
        problem, wait = "it was stopped", 0.0
        for failed in range(TRIES):
            if self._stopped.wait(wait):
                break
            wait = min(WAIT * 2**failed, LONGEST) * random.uniform(0.75, 1.25)  # noqa: S311 - spreads the threads
            if not hasattr(self._own, "http"):
                self._own.http = self._new_http()
            try:
                return act(self._own.http)
            except HttpError as error:
                if (final := explained(error)) is not None:
                    raise final from None
                problem = f"the answer is {error.status_code} {error.reason}"
                wait = max(wait, retry_after(error))
            except GoogleAuthError as error:
                if not (error.retryable or isinstance(error, TransportError)):
                    raise DriveError(f"Google does not take the sign-in: {why(error)}. {SIGN_IN}") from None
                problem = why(error)
                del self._own.http
            except (OSError, httplib2.HttpLib2Error, http.client.HTTPException) as error:
                problem = str(error) or type(error).__name__
                del self._own.http  # httplib2 would use the broken connection again
            except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:  # Google's library
                del self._own.http  # the rest of the answer may still come
                raise DriveError(
                    f"The answer is none of Google Drive: does the network ask to sign in? {AGAIN}"
                ) from error
        raise DriveError(f"Google Drive cannot be reached or is busy: {problem}. {AGAIN}")


def _next_chunk(request: HttpRequest, connection: AuthorizedHttp) -> str | None:
    """Sends a chunk. Returns the MD5 of the file in Drive after the last one, else None."""
    answer = request.next_chunk(http=connection)[1]
    return None if answer is None else str(answer.get("md5Checksum"))


class _Bytes(MediaFileUpload):  # type: ignore[misc]
    """A file sent in chunks that can be sent twice. A stream would be at its end when httplib2 tries again."""

    def has_stream(self) -> bool:
        return False


def forget_old_uploads() -> None:
    """Removes the stored addresses of uploads that Google has forgotten."""
    with suppress(OSError):
        for path in (config_folder() / "uploads").iterdir():
            if time.time() - path.stat().st_mtime > _SESSION_DAYS * 86400:
                path.unlink()


def _read_session(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""


def _id_in(where: str) -> str:
    """Returns the id in a link to a folder, or the id itself, or an empty text for a path."""
    if "://" in where:
        if found := re.match(r"https://drive\.google\.com/\S*?(?:/folders/|[?&]id=)([\w-]+)", where):
            return found[1]
        raise DriveError(f"{where} is no link to a folder in Drive, such as https://drive.google.com/drive/folders/...")
    # 19 or more letters of both cases and digits. A folder with such a name can be given as /NAME.
    return where if re.fullmatch(r"(?=.*[a-z])(?=.*[A-Z])[01](?=.*\d)[\w-]{18,}", where, re.ASCII) else ""
