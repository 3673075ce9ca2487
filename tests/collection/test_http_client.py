"""Downloads: hostile addresses and servers, none of which reaches the inside; and limits."""

import gzip
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from shutil import which

import pytest

from clothes.collection import http_client, pinned_connection
from clothes.collection.collect import collect_urls
from clothes.collection.http_client import Fetcher, FetchLimits
from clothes.errors import DownloadError
from tests.support.photo_folders import below, reasons, rows
from tests.support.pictures import draw, encode, png_bomb
from tests.support.web_server import OUTSIDE, Canary, Names, Server, drip, inside, reply, running

PHOTO = encode(draw("bar", 0, size=(220, 240)), "PNG")
LIMITS = FetchLimits(bytes=200_000, redirects=4, pause=0, patience=2)
HASTE = replace(LIMITS, seconds=0.4)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(http_client, "WAIT", 0.001)
    with running(Server()) as server:
        server.answers["photo.png"] = reply(PHOTO)
        yield server


# Addresses of the inside; {port} is where something listens there.
INSIDE = (
    "http://127.0.0.1:{port}/a.jpg",
    "http://127.0.0.53:{port}/a.jpg",
    "http://localhost:{port}/a.jpg",
    "http://LOCALHOST:{port}/a.jpg",
    "http://127.1:{port}/a.jpg",
    "http://127.0.1:{port}/a.jpg",
    "http://2130706433:{port}/a.jpg",
    "http://0x7f000001:{port}/a.jpg",
    "http://0x7f.0.0.1:{port}/a.jpg",
    "http://0x7f.1:{port}/a.jpg",
    "http://017700000001:{port}/a.jpg",
    "http://0177.0.0.1:{port}/a.jpg",
    "http://0000177.0x0.0.01:{port}/a.jpg",
    "http://①②⑦.⓪.⓪.①:{port}/a.jpg",
    "http://127。0。0。1:{port}/a.jpg",
    "http://0.0.0.0:{port}/a.jpg",
    "http://0:{port}/a.jpg",
    "http://[::1]:{port}/a.jpg",
    "http://[0:0:0:0:0:0:0:1]:{port}/a.jpg",
    "http://[::]:{port}/a.jpg",
    "http://[::ffff:127.0.0.1]:{port}/a.jpg",
    "http://[::ffff:7f00:1]:{port}/a.jpg",
    "http://[::127.0.0.1]:{port}/a.jpg",
    "http://[64:ff9b::127.0.0.1]:{port}/a.jpg",
    "http://[2002:7f00:1::]:{port}/a.jpg",
    "http://[2001:0:7f00:1::]:{port}/a.jpg",
    "http://[fe80::1]:{port}/a.jpg",
    "http://[fd00:ec2::254]/latest/meta-data",
    "http://[ff02::1]/a.jpg",
    "http://10.0.0.1/a.jpg",
    "http://172.31.255.255/a.jpg",
    "http://192.168.1.1/a.jpg",
    "http://100.64.0.1/a.jpg",
    "http://169.254.169.254/latest/meta-data/a.jpg",
    "http://2852039166/latest/meta-data/a.jpg",
    "http://168.63.129.16/a.jpg",
    "http://192.0.0.192/a.jpg",
    "http://224.0.0.1/a.jpg",
    "http://255.255.255.255/a.jpg",
    "https://localhost:{port}/a.jpg",
    "http://localhost.evil.test:{port}/a.jpg",
    "http://six.test:{port}/a.jpg",
    "http://mapped.test:{port}/a.jpg",
    "http://intranet.test/a.jpg",
    "http://metadata.test/a.jpg",
    "http://broadcast.test/a.jpg",
    "http://mixed.test:{port}/a.jpg",
    "{outside}to/http://127.0.0.1:{port}/a.jpg",
    "{outside}to/http://localhost:{port}/a.jpg",
    "{outside}to//%2F127.0.0.1:{port}/a.jpg",
    "{outside}to/http://[::1]:{port}/a.jpg",
    "{outside}to/http://2130706433:{port}/a.jpg",
    "{outside}to/http://metadata.test/a.jpg",
    "{outside}to/{outside}to/http://127.0.0.1:{port}/a.jpg",
    "http://rebind.test:{outport}/to/http://rebind.test:{port}/a.jpg",
)
REFUSED = "refused (--allow-private allows it)"
# Addresses that are none.
ODD = {
    "http://user:secret@127.0.0.1:{port}/a.jpg": "a user name or password",
    "http://outside.test@127.0.0.1:{port}/a.jpg": "a user name or password",
    "http://@127.0.0.1:{port}/a.jpg": "a user name or password",
    "http://127.0.0.1:{port}\\@outside.test/a.jpg": "a backslash",
    "http:\\\\127.0.0.1:{port}\\a.jpg": "a backslash",
    "http://127.0.0.1:{port}/a b.jpg": "a space",
    "http://127.0.0.1\t:{port}/a.jpg": "an invisible character",
    "http://127.0.0.1:{port}/\x00.jpg": "an invisible character",
    "http://outside.test:{outport}/\r\nHost: localhost/a.jpg": "a space",
    "file:///etc/passwd": "begins with https:// or http://",
    "ftp://127.0.0.1:{port}/a.jpg": "begins with https:// or http://",
    "gopher://127.0.0.1:{port}/_a": "begins with https:// or http://",
    "data:image/png;base64,iVBORw0KGgo=": "begins with https:// or http://",
    "javascript:alert(1)": "begins with https:// or http://",
    "//127.0.0.1:{port}/a.jpg": "begins with https:// or http://",
    "127.0.0.1:{port}/a.jpg": "begins with https:// or http://",
    "/etc/passwd": "begins with https:// or http://",
    "http://": "this is no web address",
    "http:///a.jpg": "this is no web address",
    "http:127.0.0.1/a.jpg": "this is no web address",
    "http://[::1/a.jpg": "this is no web address",
    "http://127.0.0.1:{port}:80/a.jpg": "this is no web address",
    "http://127.0.0.1:0/a.jpg": "this is no web address",
    "http://127.0.0.1:99999/a.jpg": "this is no web address",
    "http://{long}.test/a.jpg": "this is no web address",
    "http://outside.test/{longer}": "longer than 2,000 characters",
    "http://%31%32%37.0.0.1:{port}/a.jpg": "its host cannot be found",
    "http://127.0.0.1.:{port}/a.jpg": "",  # what that is, the system decides
    "http://localhost.:{port}/a.jpg": "",
    "{outside}to/file:///etc/passwd": "begins with https:// or http://",
    "{outside}to/ftp://127.0.0.1:{port}/a.jpg": "begins with https:// or http://",
    "{outside}to/data:image/png;base64,iVBORw0KGgo=": "begins with https:// or http://",
    "{outside}to/http://user@127.0.0.1:{port}/": "a user name or password",
    "http://outside.test/\ud800.jpg": "an invisible character",
    "http://outside.test/a.jpg?\udcff": "an invisible character",
    "http://\udcff.test/a.jpg": "an invisible character",
    "\udcff": "an invisible character",
    "http://nothing.test/a.jpg": "the host has no address), 5 times",
}
# Answers of a server outside.
SLOW = "it took longer than 0.4 seconds"
BAD = {
    "drip": (drip(reply(b"", Content_Length="100000"), b"x"), SLOW),
    "drip without a length": (drip(reply(b"", Content_Length=""), b"x"), SLOW),
    "drip of a head": (drip(b"HTTP/1.1 200 OK\r\nX: ", b"x"), SLOW),
    "drip of headers": (drip(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"), SLOW),
    "drip of chunks": (drip(reply(b"", Content_Length="", Transfer_Encoding="chunked"), b"1\r\nx\r\n"), SLOW),
    "continue for ever": (drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), SLOW),
    "silence": (drip(b"", b""), SLOW),
    "endless": (drip(reply(PHOTO, Content_Length=""), bytes(50_000), pause=0), "more than the 200,000 bytes allowed"),
    "endless chunks": (
        drip(reply(b"", Content_Length="", Transfer_Encoding="chunked"), b"4000\r\n" + bytes(16384) + b"\r\n", pause=0),
        "more than the 200,000 bytes allowed",
    ),
    "a huge length": (reply(PHOTO, Content_Length="10000000000000"), "more than the 200,000 bytes allowed"),
    "a long head": (drip(b"HTTP/1.1 200 OK\r\nX: ", b"x" * 70_000, pause=0), "the connection failed (got more than"),
    "many headers": (drip(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 200, pause=0), "the connection failed (got more than"),
    "gzip bomb": (reply(gzip.compress(bytes(10_000_000)), Content_Encoding="gzip"), "which was not requested"),
    "gzip of a photo": (reply(gzip.compress(PHOTO), Content_Encoding="GZip"), "which was not requested"),
    "brotli": (reply(PHOTO, Content_Encoding="br"), "which was not requested"),
    "gzip that is not told": (reply(gzip.compress(PHOTO), Content_Type="image/png"), "not a picture of a known format"),
    "a page that says photo": (reply(b"<html>", Content_Type="image/jpeg"), "not a picture of a known format"),
    "a drawing": (reply(b"<svg/>", Content_Type="image/svg+xml"), "not a picture of a known format"),
    "a picture bomb": (reply(png_bomb(30_000)), "far too many pixels"),
    "a thumbnail": (reply(encode(draw("bar", 0, size=(150, 300)), "PNG")), "150 x 300 pixels are a thumbnail"),
    "nothing": (reply(b""), "the file is empty"),
    "a cut photo": (reply(PHOTO[:-1000], Content_Length=""), "ends too early"),
    "less than it says": (reply(PHOTO[:-1000], Content_Length=str(len(PHOTO))), "the connection broke off, 5 times"),
    "no HTTP": (b"SSH-2.0-OpenSSH_9.6\r\n", "the connection failed"),
    "hung up": (b"", "the connection failed"),
    "an odd status": (reply(PHOTO, status=777), "the server answered 777"),
    "gone": (reply(PHOTO, status=410), "the server answered 410 Gone"),
    **{
        f"a redirect to {place}": (
            reply(b"", status=302, Location=place),
            "redirects to something that is no web address",
        )
        for place in ("http://[", "http://[::1", "//[x]:y/")
    },
    "a redirect to a name that is none": (reply(b"", status=302, Location="http://xn--\xff.test/"), "no web address"),
    "a redirect to a port that is none": (reply(b"", status=302, Location="http://a:99999999/"), "no web address"),
    **{
        f"come back later {i}": (reply(b"", status=429, Retry_After=wait), reason)
        for i, (wait, reason) in enumerate(
            (
                ("9" * 400, "asks to wait 1,000,000,000 seconds"),
                ("Fri, 31 Dec 9999 23:59:59 GMT", "asks to wait"),
                ("Fri, 31 Dec 99999 23:59:59 GMT", "429 Too Many Requests, 5 times"),
                ("Fri, 31 Dec 2027 23:59:59 +99999999999", "429 Too Many Requests, 5 times"),
                ("Fri, 31 Dec 0001 00:00:00 +2359", "429 Too Many Requests, 5 times"),
                ("Fri, 31 Dec 2027 23:59:59 -0000", "429 Too Many Requests, 5 times"),
                ("-5", "429 Too Many Requests, 5 times"),
                ("NaN", "429 Too Many Requests, 5 times"),
                ("\xb2", "429 Too Many Requests, 5 times"),
                ("1e99", "429 Too Many Requests, 5 times"),
            )
        )
    },
    "a length of 5,000 digits": (reply(b"", Content_Length="9" * 5000), "the file is empty"),
    "chunks of an odd length": (reply(b"zz\r\n", Content_Length="", Transfer_Encoding="chunked"), "connection failed"),
    "chunks of a negative length": (reply(b"-5\r\n", Content_Length="", Transfer_Encoding="chunked"), ""),
    "a chunk of 5,000 digits": (
        reply(b"f" * 5000 + b"\r\n", Content_Length="", Transfer_Encoding="chunked"),
        "connection",
    ),
    "a status of letters": (b"HTTP/1.1 abc X\r\n\r\n", "the connection failed"),
    "a version that is none": (b"HTTP/x 200 OK\r\n\r\n", "the connection failed"),
    "a header without a name": (reply(b"")[:-2] + b": x\r\n\r\n", "the file is empty"),
    "an encoding of bytes": (reply(PHOTO, Content_Encoding="\xff\x00"), "which was not requested"),
    "a redirect to nowhere": (reply(b"", status=302), "the server answered 302 Found"),
    "a loop": (reply(b"", status=301, Location="a%20loop"), "redirects more than 4 times"),
    "come back tomorrow": (reply(b"", status=429, Retry_After="86400"), "asks to wait 86,400 seconds"),
    "always busy": (reply(b"", status=503), "the server answered 503 Service Unavailable, 5 times"),
}


def test_there_are_more_than_fifty_of_each_kind_together() -> None:
    assert len(INSIDE) >= 50
    assert len(INSIDE) + len(ODD) + len(BAD) >= 110


def collect(addresses: list[str], tmp_path: Path, names: Names, limits: FetchLimits = LIMITS) -> dict[str, str]:
    fetch = Fetcher(inside=inside, find=names, limits=limits)
    result = collect_urls(addresses, into=tmp_path, label="hat", fetcher=fetch)
    assert not result.new
    assert list(below(tmp_path)) == ["sources.csv"]
    return reasons(result)


@pytest.mark.parametrize("kind", ["inside", "odd"])
def test_hostile_addresses_reach_nothing_inside(tmp_path: Path, server: Server, canary: Canary, kind: str) -> None:
    parts = {"outport": server.server_port, "port": canary.port, "long": "x" * 70, "longer": "x" * 2000}
    names = Names()
    for template, reason in (dict.fromkeys(INSIDE, REFUSED) if kind == "inside" else ODD).items():
        address = template.format(outside=server.url(""), **parts)
        names.asked.clear()
        (found,) = collect([address], tmp_path, names).values()
        assert reason in found, address
        assert canary.hits == 0, address
        assert "rebind" not in address or names.asked == ["rebind.test"] * 2
    assert canary.hits == 0


@pytest.mark.timeout(60)  # no answer goes on for ever
@pytest.mark.parametrize("name", BAD)
def test_hostile_answers_bring_nothing(tmp_path: Path, server: Server, name: str) -> None:
    answer, reason = BAD[name]
    server.answers[name.replace(" ", "%20")] = answer
    limits = HASTE if reason == SLOW else LIMITS
    (found,) = collect([server.url(name.replace(" ", "%20"))], tmp_path, Names(), limits).values()
    assert reason in found


def test_each_address_fails_alone_whatever_is_raised(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors = [
        RuntimeError("odd"),
        KeyError(0),
        RecursionError(),
        MemoryError(),
        UnicodeEncodeError("idna", "", 0, 1, "x"),
    ]
    for error in [*errors, AssertionError(), OverflowError("\udcff"), AttributeError("x" * 9000)]:

        def find(host: str, port: int, error: Exception = error) -> list[str]:
            if host == "odd.test":
                raise error
            return Names()(host, port)

        folder = tmp_path / type(error).__name__
        fetch = Fetcher(inside=inside, find=find, limits=LIMITS)
        addresses = ["http://odd.test/1.jpg", server.url("photo.png"), "http://\udcff.test/"]
        result = collect_urls(addresses, into=folder, label="hat", fetcher=fetch)
        assert result.new == {"hat": 1}
        (first, _) = reasons(result).values()
        assert first.startswith(f"it cannot be fetched ({type(error).__name__}")
        assert len(first) < 300


def test_the_address_that_was_checked_is_the_one_that_is_used(server: Server, canary: Canary) -> None:
    """A name that leads inside as soon as it is asked a second time is asked once."""
    names = Names()
    fetch = Fetcher(inside=inside, find=names, limits=LIMITS)
    assert fetch.get(server.url("photo.png", "rebind.test")) == PHOTO
    assert names.asked == ["rebind.test"]
    assert server.headers[0]["Host"] == f"rebind.test:{server.server_port}"
    assert canary.hits == 0


def test_private_addresses_are_reached_when_they_are_let_in(tmp_path: Path, server: Server) -> None:
    address = f"http://{OUTSIDE}:{server.server_port}/photo.png"
    with pytest.raises(DownloadError, match=rf"^{OUTSIDE} belongs to this machine: refused"):
        Fetcher().get(address)
    result = collect_urls([address], into=tmp_path, label="hat", fetcher=Fetcher(inside=None))
    assert result.new == {"hat": 1}


def test_the_picture_decides_what_it_is_and_its_origin_is_kept(tmp_path: Path, server: Server) -> None:
    server.answers["get%3Fid=1"] = b""
    server.answers["photo.jpg?id=%C3%BC&x=1"] = reply(PHOTO, Content_Type="text/html")
    address = server.url("photo.jpg?id=ü&x=1")
    lines = ["# jackets", "", f"  {address}  ", address, server.url("to/photo.png")]
    server.answers["photo.png"] = server.answers["to/photo.png"] = reply(
        encode(draw("bar", 1, size=(200, 200)), "JPEG")
    )
    fetch = Fetcher(inside=inside, find=Names(), limits=LIMITS)
    result = collect_urls(lines, into=tmp_path, label="hat", fetcher=fetch)
    assert (result.new, result.refused) == ({"hat": 1}, result.refused)
    table = rows(tmp_path)
    assert [(row["origin"], Path(row["file"]).suffix) for row in table] == [(address, ".png")]
    before = dict(server.asked)
    fetch = Fetcher(inside=inside, find=Names(), limits=LIMITS)
    again = collect_urls(lines[:4], into=tmp_path, label="hat", fetcher=fetch)
    assert (again.new, again.already) == ({}, {"hat": 1})
    assert dict(server.asked) == before  # not asked again


def test_a_host_is_asked_by_few_at_once_and_with_pauses(tmp_path: Path, server: Server) -> None:
    asked: list[object] = []
    at_once = []

    def slowly(handler: object) -> None:
        asked.append(handler)
        at_once.append(len(asked))
        time.sleep(0.05)
        asked.remove(handler)  # before the answer: the client asks again as soon as it has it
        handler.wfile.write(reply(PHOTO))  # type: ignore[attr-defined]

    addresses = [server.url(f"{i}.png") for i in range(12)]
    for i in range(12):
        server.answers[f"{i}.png"] = slowly
    limits = FetchLimits(at_once=2, pause=0.03)
    started = time.monotonic()
    result = collect_urls(
        addresses, into=tmp_path, label="hat", fetcher=Fetcher(inside=inside, find=Names(), limits=limits)
    )
    assert max(at_once) <= 2
    assert time.monotonic() - started > 11 * 0.03
    assert (result.new, result.already) == ({"hat": 1}, {"hat": 11})  # all the same photo
    assert all("clothes" in headers["User-Agent"] for headers in server.headers)
    assert {headers["Accept-Encoding"] for headers in server.headers} == {"identity"}


@pytest.mark.parametrize("kind", ["seconds", "date"])
def test_a_busy_server_is_left_alone_as_long_as_it_asks(server: Server, kind: str) -> None:
    waits = ["1" if kind == "seconds" else format_datetime(datetime.now(UTC) + timedelta(seconds=2))]

    def busy_once(handler: object) -> None:
        answer = reply(b"", status=429, Retry_After=waits.pop()) if waits else reply(PHOTO)
        handler.wfile.write(answer)  # type: ignore[attr-defined]

    server.answers["a"] = busy_once
    started = time.monotonic()
    assert Fetcher(inside=inside, find=Names(), limits=FetchLimits(pause=0)).get(server.url("a")) == PHOTO
    assert time.monotonic() - started > 0.9


def test_a_server_that_asks_to_wait_for_hours_is_asked_once(server: Server) -> None:
    server.answers |= {name: reply(b"", status=429, Retry_After="40000") for name in "abc"}
    with Fetcher(inside=inside, find=Names(), limits=LIMITS) as fetch:
        for name in "abc":
            with pytest.raises(DownloadError, match=r"asks to wait (40,000|39,999) seconds: try again later"):
                fetch.get(server.url(name))
    assert server.asked == {"a": 1}


def test_a_redirect_in_utf8_is_followed(server: Server) -> None:
    server.answers["h%C3%BCte.png"] = reply(PHOTO)
    server.answers["a"] = b"HTTP/1.1 302 X\r\nContent-Length: 0\r\nLocation: h\xc3\xbcte.png\r\n\r\n"
    assert Fetcher(inside=inside, find=Names(), limits=LIMITS).get(server.url("a")) == PHOTO


@pytest.mark.timeout(60)  # by itself a download would wait for ten minutes
def test_leaving_ends_what_is_under_way(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pinned_connection, "SILENCE", 600)
    server.answers["silence"] = drip(b"", b"")
    failed: list[str] = []

    def get(fetch: Fetcher) -> None:
        try:
            fetch.get(server.url("silence"))
        except DownloadError as error:
            failed.append(str(error))

    with Fetcher(inside=inside, find=Names(), limits=FetchLimits(at_once=1, seconds=600)) as fetch:
        threads = [threading.Thread(target=get, args=(fetch,)) for _ in range(3)]
        for thread in threads:
            thread.start()
        time.sleep(0.2)
    for thread in threads:
        thread.join()
    assert len(failed) == 3


@pytest.mark.skipif(which("openssl") is None, reason="openssl makes the certificate")
def test_a_pinned_address_still_has_to_show_the_hosts_certificate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    names = ["-subj", "/CN=outside.test", "-addext", "subjectAltName=DNS:outside.test", "-days", "1"]
    subprocess.run([*command, *names, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    asked: list[str | None] = []
    context.sni_callback = lambda _, name, __: asked.append(name)
    server = Server()
    server.answers["photo.png"] = reply(PHOTO)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    with running(server):
        fetch = Fetcher(inside=inside, find=Names(), limits=LIMITS)
        assert fetch.get(server.url("photo.png").replace("http:", "https:")) == PHOTO
        assert asked == ["outside.test"]
        with pytest.raises(DownloadError, match=r"the certificate of other.test is not valid \(Hostname mismatch"):
            fetch.get(server.url("photo.png", "other.test").replace("http:", "https:"))
        assert server.asked["photo.png"] == 1


def test_a_host_that_is_down_is_tried_again(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server((OUTSIDE, 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(DownloadError, match=r"the connection failed \(Connection refused\), 5 times"):
        Fetcher(inside=inside, find=Names(), limits=LIMITS).get(f"http://outside.test:{port}/")
