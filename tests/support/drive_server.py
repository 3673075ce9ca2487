"""A server on this machine that speaks Google's Drive v3 and OAuth, as far as clothes uses them, with their faults.

Written from Google's reference, not from clothes: what clothes does not ask for (a field, shared drives, the bytes of a
range) it does not get, and what Google would refuse is refused.
"""

import base64
import gzip
import hashlib
import itertools
import json
import re
import ssl
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from google.auth import jwt

FOLDER = "application/vnd.google-apps.folder"
SHORTCUT = "application/vnd.google-apps.shortcut"
BLOCK = 256 * 1024  # uploads are kept in whole blocks
_TERM = re.compile(r"'((?:[^'\\]|\\.)*)' in parents|(name|mimeType|trashed) = ('(?:[^'\\]|\\.)*'|true|false)")


class DriveServer(ThreadingHTTPServer):
    """My Drive in memory, over TLS with the key and certificate in a file.

    `faults` are used up one a request of their kind: list, get, create, start, chunk, media, token. A fault is
    (status, reason) or (status, reason, headers); or one of

        "cut"      half of the bytes, then silence      "late"     it is done, but the answer is 503
        "drop"     it is done, and not answered         "hang up"  the connection ends after the answer
        "ignore"   the range is ignored                 "spoil"    one byte is wrong
        bytes      the body of the answer

    `log` has the kind of each request and what of it matters.
    """

    daemon_threads = True

    def __init__(self, certificate: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"https://127.0.0.1:{self.server_port}"
        self.endpoint = f"{self.url}/drive/v3/"
        self.items: dict[str, dict[str, Any]] = {}
        self.sessions: dict[str, dict[str, Any]] = {}
        self.faults: dict[str, list[Any]] = defaultdict(list)
        self.log: list[tuple[str, str]] = []
        self.page = 1000
        self.quota = 1 << 40
        self.tokens: set[str] | None = None  # None: everybody may
        self.refresh_tokens: set[str] = set()
        self.codes: dict[str, dict[str, str]] = {}
        self.public_key: bytes = b""  # of the service account
        self.unseen: set[str] = set()  # ids that are there, but not for this sign-in
        self.on_chunk: Callable[[], None] = lambda: None
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self.root = self.add("My Drive", None)

    def add(self, name: str, parent: str | None, content: bytes | None = None, **about: Any) -> str:
        """A folder, or with content a file; `about` overrides what Drive says of it."""
        with self._lock:
            number = next(self._numbers)
            known = {
                "id": f"1Zz{number:030d}",
                "name": name,
                "mimeType": FOLDER if content is None else "image/jpeg",
                "createdTime": f"2026-01-01T00:{number // 60:02}:{number % 60:02}.000Z",
                "trashed": False,
                "parents": [parent],
                "content": content,
                "shared": False,
            }
            if content is not None:
                known |= {"size": str(len(content)), "md5Checksum": hashlib.md5(content).hexdigest()}
            item = known | about
            self.items[item["id"]] = item
            return str(item["id"])

    def files(self, folder: str | None = None, path: str = "") -> list[tuple[str, bytes]]:
        """Every file below a folder: its path and content, sorted; two of one name are two."""
        found: list[tuple[str, bytes]] = []
        for item in list(self.items.values()):
            if item["parents"] == [folder or self.root]:
                inner = f"{path}/{item['name']}" if path else item["name"]
                if item["mimeType"] == FOLDER:
                    found += self.files(item["id"], inner)
                elif item["content"] is not None:
                    found.append((inner, item["content"]))
        return sorted(found)

    def asked(self, kind: str) -> list[str]:
        return [what for which, what in self.log if which == kind]

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that has gone is what the tests are about."""


def make_certificate(path: Path) -> None:
    """A key and a certificate of 127.0.0.1 that signs itself."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path.write_bytes(private_pem(key) + certificate.public_bytes(serialization.Encoding.PEM))


def private_pem(key: rsa.RSAPrivateKey) -> bytes:
    kind, nothing = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, kind, nothing)


@contextmanager
def running(certificate: Path) -> Iterator[DriveServer]:
    with DriveServer(certificate) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: DriveServer
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the standard library
        """Quiet."""

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path == "/auth":
            self._consent()
        elif url.path == "/drive/v3/files":
            self._do("list", self._query("q"), self._list)
        elif found := re.fullmatch(r"/drive/v3/files/([\w-]+)", url.path):
            media = self._query("alt") == "media"
            what = self.headers.get("Range", "") if media else found[1]
            self._do("media" if media else "get", what, lambda: (self._media if media else self._get)(found[1]))
        else:
            self.send_error(404)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        url = urlsplit(self.path)
        if url.path == "/token":
            form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
            self._do("token", form["grant_type"], lambda: self._token(form), open_to_all=True)
        elif url.path == "/drive/v3/files":
            about = json.loads(body)
            self._do("create", about["name"], lambda: self._create(about))
        elif url.path == "/upload/drive/v3/files" and self._query("uploadType") == "resumable":
            about = json.loads(body)
            self._do("start", about["name"], lambda: self._start(about))
        else:
            self.send_error(404)

    def do_PUT(self) -> None:
        fault = self.server.faults["chunk"][:1]
        length = int(self.headers.get("Content-Length", 0))
        cut = bool(fault) and fault[0] == "cut" and length > 0
        body = self.rfile.read(length // 2 if cut else length)
        self._do("chunk", self.headers.get("Content-Range", ""), lambda: self._chunk(body, cut))

    # --- what all have in common ---

    def _query(self, name: str) -> str:
        return parse_qs(urlsplit(self.path).query).get(name, [""])[0]

    def _do(self, kind: str, what: str, act: Callable[[], None], *, open_to_all: bool = False) -> None:
        server = self.server
        server.log.append((kind, what))
        self.fault = server.faults[kind].pop(0) if server.faults[kind] else ""
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if isinstance(self.fault, tuple):
            self._refuse(*self.fault)
        elif not open_to_all and server.tokens is not None and token not in server.tokens:
            self._refuse(401, "authError")
        else:
            act()

    def _refuse(self, status: int, reason: str, headers: dict[str, str] | None = None) -> None:
        error = {"errors": [{"domain": "usageLimits", "reason": reason, "message": reason}], "code": status}
        self._answer(status, {"error": error | {"message": f"It is so: {reason}."}}, headers)

    def _answer(self, status: int, about: object, headers: dict[str, str] | None = None) -> None:
        if self.fault == "late":
            status, about = 503, {}
        if self.fault == "hang up":
            self.close_connection = True
        body = b"" if about is None else json.dumps(about).encode()
        body = self.fault if isinstance(self.fault, bytes) else body
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        if body.startswith(b"\x1f\x8b"):
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _shown(self, item: dict[str, Any]) -> dict[str, Any]:
        """Only the fields that were asked for, as Google does it."""
        asked = re.sub(r".*files\((.*)\).*", r"\1", self._query("fields")) or "id,name,mimeType"
        return {name: item[name] for name in re.split(r",\s*", asked) if name in item and name != "content"}

    def _seen(self, identity: str) -> dict[str, Any] | None:
        identity = self.server.root if identity == "root" else identity
        item = self.server.items.get(identity)
        hidden = item is None or identity in self.server.unseen
        if hidden or (item["shared"] and self._query("supportsAllDrives") != "true"):
            self._refuse(404, "notFound")
            return None
        return item

    # --- Drive ---

    def _list(self) -> None:
        wanted: dict[str, str] = {}
        for term in self._query("q").split(" and "):
            found = _TERM.fullmatch(term)
            if not found:
                self._refuse(400, "invalid")
                return
            value = found[1] if found[1] is not None else found[3].strip("'")
            wanted[found[2] or "parents"] = re.sub(r"\\(.)", r"\1", value)
        parent = self._seen(wanted["parents"])
        if parent is None:
            return
        items = [
            item
            for item in self.server.items.values()
            if item["parents"] == [parent["id"]]
            and str(item["trashed"]).lower() == wanted.get("trashed", str(item["trashed"]).lower())
            and item["name"].lower() == wanted.get("name", item["name"]).lower()
            and item["mimeType"] == wanted.get("mimeType", item["mimeType"])
            and item["id"] not in self.server.unseen
            and (not item["shared"] or self._query("includeItemsFromAllDrives") == "true")
        ]
        assert self._query("orderBy") == "name,createdTime"
        items.sort(key=lambda item: (item["name"], item["createdTime"]))
        start = int(self._query("pageToken") or 0)
        end = start + min(int(self._query("pageSize") or 100), self.server.page)
        answer: dict[str, Any] = {"files": [self._shown(item) for item in items[start:end]]}
        if end < len(items):
            answer["nextPageToken"] = str(end)
        self._answer(200, answer)

    def _get(self, identity: str) -> None:
        if item := self._seen(identity):
            self._answer(200, self._shown(item))

    def _media(self, identity: str) -> None:
        item = self._seen(identity)
        if item is None:
            return
        data: bytes = item["content"]
        packed = "gzip" in self.headers.get("Accept-Encoding", "")  # then a range is one of the compressed bytes
        data = gzip.compress(data) if packed else data
        found = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        first, last = (int(found[1]), min(int(found[2]), len(data) - 1)) if found else (0, len(data) - 1)
        if self.fault == "ignore":
            found, first, last = None, 0, len(data) - 1
        body = data[first : last + 1]
        if self.fault == "spoil":
            body = body[:-1] + bytes([body[-1] ^ 1])
        self.send_response(206 if found else 200)
        self.send_header("Content-Type", item["mimeType"])
        self.send_header("Content-Length", str(len(body)))
        if packed:
            self.send_header("Content-Encoding", "gzip")
        if found:
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(data)}")
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if self.fault == "cut" else body)
        self.close_connection = self.fault == "cut"

    def _create(self, about: dict[str, Any]) -> None:
        assert about["mimeType"] == FOLDER
        if parent := self._seen(about["parents"][0]):
            identity = self.server.add(about["name"], parent["id"], shared=parent["shared"])
            self._answer(200, self._shown(self.server.items[identity]))

    def _start(self, about: dict[str, Any]) -> None:
        parent = self._seen(about["parents"][0])
        if parent is None:
            return
        size = int(self.headers["X-Upload-Content-Length"])
        used = sum(session["size"] for session in self.server.sessions.values())
        if used + size > self.server.quota:
            self._refuse(403, "storageQuotaExceeded")
            return
        name = f"session{len(self.server.sessions)}"
        mime = self.headers["X-Upload-Content-Type"]
        self.server.sessions[name] = {"about": about, "parent": parent, "size": size, "mime": mime, "data": bytearray()}
        where = f"{self.server.url}/upload/drive/v3/files?{urlsplit(self.path).query}&upload_id={name}"
        self._answer(200, None, {"Location": where})

    def _chunk(self, body: bytes, cut: bool) -> None:
        session = self.server.sessions.get(self._query("upload_id"))
        if session is None:
            self._refuse(404, "notFound")
            return
        data, size = session["data"], session["size"]
        span = self.headers.get("Content-Range", f"bytes 0-{size - 1}/{size}" if size == 0 else "")
        found = re.fullmatch(r"bytes (?:\*|(\d+)-(-?\d+))/(\d+)", span)
        assert found and int(found[3]) == size
        if found[1] is not None:
            if int(found[1]) > len(data) or (int(found[2]) + 1 < size and (int(found[2]) + 1) % BLOCK):
                self._refuse(400, "badRequest")
                return
            new = body[len(data) - int(found[1]) :]  # what is there already is ignored
            data += new[: len(new) // BLOCK * BLOCK] if cut else new
            self.server.on_chunk()
        if cut or self.fault == "drop":
            self.close_connection = True
            return
        if len(data) < size:
            self._answer(308, None, {"Range": f"bytes=0-{len(data) - 1}"} if data else {})
            return
        if "item" not in session:
            parent = session["parent"]
            session["item"] = self.server.add(
                session["about"]["name"],
                parent["id"],
                bytes(data),
                mimeType=session["mime"],
                shared=parent["shared"],
            )
        self._answer(200, self._shown(self.server.items[session["item"]]))

    # --- OAuth ---

    def _consent(self) -> None:
        """Google's page, where a person says yes at once."""
        self.fault = ""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        self.server.log.append(("consent", asked["scope"]))
        assert asked["response_type"] == "code" and asked["code_challenge_method"] == "S256"
        code = f"code{len(self.server.codes)}"
        self.server.codes[code] = asked
        answer = {"error": "access_denied"} if "deny" in self.server.faults["consent"] else {"code": code}
        query = urlencode({**answer, "state": asked["state"], "scope": asked["scope"]})
        self._answer(302, None, {"Location": f"{asked['redirect_uri']}?{query}"})

    def _token(self, form: dict[str, str]) -> None:
        kind = form["grant_type"]
        scope = ""
        if kind == "authorization_code":
            asked = self.server.codes.pop(form["code"])
            digest = hashlib.sha256(form["code_verifier"].encode()).digest()
            assert base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == asked["code_challenge"]
            assert form["redirect_uri"] == asked["redirect_uri"]
            scope, good = asked["scope"], True
        elif kind == "refresh_token":
            good = form["refresh_token"] in self.server.refresh_tokens
        else:
            claims = jwt.decode(form["assertion"], certs=self.server.public_key)
            scope, good = claims["scope"], claims["aud"] == "https://oauth2.googleapis.com/token"
            self.server.log.append(("consent", scope))
        if not good:
            self._answer(400, {"error": "invalid_grant", "error_description": "Token has been expired or revoked."})
            return
        token = f"token{next(self.server._numbers)}"
        self.server.tokens = (self.server.tokens or set()) | {token}
        answer = {"access_token": token, "expires_in": 3600, "token_type": "Bearer", "scope": scope}
        if kind == "authorization_code":
            self.server.refresh_tokens.add(f"refresh-{token}")
            answer["refresh_token"] = f"refresh-{token}"
        self._answer(200, {name: value for name, value in answer.items() if value})
