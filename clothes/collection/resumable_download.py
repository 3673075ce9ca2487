"""Downloads one file, checks it, and continues a broken download."""

import hashlib
import http.client
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from clothes.collection.ip_filter import resolve, why_inside
from clothes.collection.proxies import proxy_urls
from clothes.errors import DownloadError
from clothes.system.files import publish
from clothes.system.progress import Progress

TRIES = 5  # in a row without progress
WAIT = 0.5  # seconds before the second try, then doubled
_CHUNK = 1 << 18
_TIMEOUT = 30  # seconds of silence


def download(
    url: str,
    to: Path,
    *,
    md5: str | None = None,
    expect: int = 0,
    most: int = 1_000_000_000,
    progress: Progress | None = None,
) -> None:
    """Downloads the file at `url`, complete and with the right MD5, or raises DownloadError.

    NAME.part keeps what a broken transfer brought, and the next try or call continues it. `expect` is the length to
    show if the server does not tell it; more than `most` bytes are refused.
    """
    if not url.startswith(("https://", "http://")):
        raise DownloadError(f"{url} is no web address. It must begin with https://.")
    if to.exists() and md5 is not None and file_md5(to) == md5:
        return
    part = to.with_name(f"{to.name}.part")
    problem, failed, damaged, farthest = "", 0, 0, 0
    while failed < TRIES and damaged < 2:
        if failed:
            time.sleep(min(WAIT * 2 ** (failed - 1), 20))
        farthest = max(farthest, _size(part))
        try:
            complete = _fetch(url, part, expect, most, progress)
        except urllib.error.HTTPError as error:
            problem = f"the server answered {error.code} {error.reason}"
            if error.code == 416:  # the local part is longer than the file
                part.unlink(missing_ok=True)
            elif error.code < 500 and error.code not in (408, 425, 429):
                break
        except (OSError, ValueError, http.client.HTTPException) as error:  # urllib's errors are OSErrors
            problem = str(getattr(error, "reason", "") or error) or type(error).__name__
        else:
            if complete and (md5 is None or file_md5(part) == md5):
                publish(part, to)
                return
            problem = "the connection broke off"
            if complete:
                problem = f"the file has another MD5 than the published {md5}"
                part.unlink()
                damaged += 1
        failed = 0 if _size(part) >= farthest + _CHUNK else failed + 1
    kept = " Run the same command again to go on where it stopped, or" if part.exists() else " Try again later, or"
    raise DownloadError(f"{url} could not be downloaded: {problem}.{kept} fetch it by other means and name it: --from.")


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def file_md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects to the public network only, and to hosts that only a proxy finds below the one asked for."""

    def redirect_request(self, request: urllib.request.Request, *about: Any) -> urllib.request.Request | None:
        where = urlsplit(about[-1])
        host = where.hostname or ""
        try:
            is_inside = any(map(why_inside, resolve(host, where.port or 443)))
        except DownloadError:
            is_inside = not f".{host}".endswith(f".{request.origin_req_host}")
        if where.scheme not in ("http", "https") or is_inside:
            raise DownloadError(f"{request.full_url} redirects to {about[-1][:200]}, which is no public web address.")
        return super().redirect_request(request, *about)


def _fetch(url: str, part: Path, expect: int, most: int, progress: Progress | None) -> bool:
    """Appends the missing bytes to `part`. Returns whether it is complete."""
    mark = part.with_name(f"{part.name}.etag")
    have = _size(part)
    request = urllib.request.Request(url, headers={"User-Agent": "clothes", "Accept-Encoding": "identity"})  # noqa: S310
    if have:
        request.add_header("Range", f"bytes={have}-")
        if mark.exists():
            request.add_header("If-Range", mark.read_text(encoding="latin-1"))
    opener = urllib.request.build_opener(urllib.request.ProxyHandler(proxy_urls()), _Redirects)
    with opener.open(request, timeout=_TIMEOUT) as answer:
        if answer.status != 206:
            have = 0
        elif not answer.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
            part.unlink(missing_ok=True)
            return False
        tag = answer.headers.get("ETag", "")
        if tag.startswith('"'):
            mark.write_text(tag, encoding="latin-1")
        else:
            mark.unlink(missing_ok=True)
        length = answer.headers.get("Content-Length", "")
        total = have + int(length) if length.isdecimal() else 0
        with part.open("ab" if have else "wb") as file:
            while chunk := answer.read(_CHUNK):
                have += len(chunk)
                if max(have, total) > most:
                    file.truncate(0)
                    raise DownloadError(
                        f"{url} is longer than {most:,} bytes: not what was expected. Nothing was kept."
                    )
                file.write(chunk)
                if progress:
                    progress(have, max(total or expect, have))
    if have == total or not total:
        mark.unlink(missing_ok=True)
        return True
    return False
