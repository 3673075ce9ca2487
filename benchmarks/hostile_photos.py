"""Shows broken and hostile photos to the decoder and to a real server of the page.

    python -m benchmarks.hostile_photos [--mutations 20000] [--http 20000] [--corpora 18]

The photos are the corpora of benchmarks/corpora.py, Pillow's test images first, and seeded mutations of good photos:
cut at each sixteenth, flipped bits, wrong headers. Each is read in another process, which must return pixels or a
reason code, not crash, and not take more than 5 s or 512 MB. Then `--http` of them go to the page's API, which
must not answer with status 500. Prints JSON; exits with 1 if a rule was broken.
"""

import argparse
import io
import json
import multiprocessing
import os
import random
import re
import resource
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import httpx
import numpy as np
from PIL import Image

from benchmarks.corpora import CORPORA, fetch, pictures
from clothes.errors import PhotoError
from clothes.photos import decode
from tests.support.page_client import PageClient

MOST_SECONDS = 5.0  # for one photo
MOST_MEGABYTES = 512
_CODE = re.compile(r"[a-z-]+")


def good_photos() -> list[tuple[str, bytes]]:
    """Returns a photo in each format, with EXIF where the format has it."""
    rng = np.random.default_rng(0)
    waves = np.sin(np.mgrid[0:90, 0:120].sum(axis=0) / 9)[..., None] * 90 + 120
    picture = Image.fromarray((waves + rng.integers(-30, 30, (90, 120, 3))).clip(0, 255).astype(np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8825)[1] = "N"
    second = {"save_all": True, "append_images": [picture.rotate(90)]}
    made = []
    for kind, options in (
        ("JPEG", {"exif": exif}),
        ("JPEG", {"progressive": True, "icc_profile": bytes(500)}),
        ("MPO", second),
        ("PNG", {"exif": exif}),
        ("WEBP", {"exif": exif}),
        ("WEBP", {"lossless": True, **second}),
        ("GIF", second),
        ("BMP", {}),
        ("TIFF", {"exif": exif, "compression": "tiff_lzw"}),
        ("AVIF", {"exif": exif}),
    ):
        file = io.BytesIO()
        picture.save(file, kind, **options)
        made.append((kind.lower(), file.getvalue()))
    file = io.BytesIO()
    Image.fromarray(rng.integers(0, 65536, (40, 60), dtype=np.uint16)).save(file, "PNG")
    return [*made, ("png16", file.getvalue())]


def cut(data: bytes, other: bytes, chance: random.Random) -> bytes:
    return data[: len(data) * chance.randrange(16) // 16]


def flip(data: bytes, other: bytes, chance: random.Random) -> bytes:
    bad = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 8, 64))):
        bad[chance.randrange(len(bad))] ^= 1 << chance.randrange(8)
    return bytes(bad)


def lie(data: bytes, other: bytes, chance: random.Random) -> bytes:
    """Makes numbers near the beginning (sizes, counts, offsets) extreme. Corrects the checksum of a PNG."""
    bad = bytearray(data)
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(min(len(bad) - 4, chance.choice((32, 200, 2000))))
        order, width = chance.choice("<>"), chance.choice("BHI")
        most = 256 ** struct.calcsize(width) - 1
        struct.pack_into(order + width, bad, at, chance.choice((0, 1, most, most // 2, most // 2 + 1, most // 256)))
    if bad[12:16] == b"IHDR":
        struct.pack_into(">I", bad, 29, zlib.crc32(bad[12:29]))
    return bytes(bad)


def splice(data: bytes, other: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data))] + other[chance.randrange(len(other)) :]


MUTATIONS = (cut, flip, lie, flip, lie, splice)


def mutations(count: int) -> Iterator[tuple[str, bytes]]:
    """Yields damaged copies of good photos, the same ones each time."""
    chance = random.Random(0)
    good = good_photos()
    for number in range(count):
        (kind, data), (_, other) = good[number % len(good)], chance.choice(good)
        spoil = MUTATIONS[number // len(good) % len(MUTATIONS)]
        yield f"{kind}-{spoil.__name__}-{number}", spoil(data, other, chance)


def _read_all(pipe: Connection) -> None:
    """Answers each photo's bytes with the outcome and the seconds, and None with the peak memory."""
    while (data := pipe.recv()) is not None:
        start = looked = time.perf_counter()
        try:
            decode.read(data)
            looked = time.perf_counter()
            decode.inspect(data, 64)
            outcome = "read"
        except PhotoError as error:
            outcome = error.code
        except BaseException as error:
            outcome = f"CRASH {type(error).__name__}: {error}"
        pipe.send((outcome, max(looked - start, time.perf_counter() - looked)))
    pipe.send(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000)  # KB on Linux


class Reader:
    """Reads photos in a process, and starts another one if it dies or hangs."""

    def __init__(self) -> None:
        self.peak = 0.0
        self._begin()

    def _begin(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_read_all, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()

    def read(self, data: bytes) -> tuple[str, float]:
        try:
            self._pipe.send(data)
            if self._pipe.poll(60):
                return self._pipe.recv()
            self._process.kill()
            found = "HANG", 60.0
        except (EOFError, OSError):
            self._process.join()
            found = f"CRASH {self._process.exitcode}", 0.0
        self._begin()
        return found

    def close(self) -> None:
        self._pipe.send(None)
        self.peak = self._pipe.recv()
        self._process.join()


def through_decoder(photos: Iterable[tuple[str, bytes]]) -> dict[str, object]:
    """Returns the outcome of the photos, the slowest one, the peak memory and the broken rules."""
    outcomes: Counter[str] = Counter()
    wrong, slowest = [], 0.0
    reader = Reader()
    for name, data in photos:
        outcome, seconds = reader.read(data)
        outcomes[outcome] += 1
        slowest = max(slowest, seconds)
        if not _CODE.fullmatch(outcome) or seconds > MOST_SECONDS:
            wrong.append([name, outcome, round(seconds, 1)])
    reader.close()
    if reader.peak > MOST_MEGABYTES:
        wrong.append(["memory", f"{reader.peak:.0f} MB", 0])
    return {
        "photos": outcomes.total(),
        "outcomes": dict(outcomes.most_common()),
        "slowest, s": round(slowest, 2),
        "peak memory, MB": round(reader.peak),
        "wrong": wrong,
    }


def through_http(photos: Iterable[tuple[str, bytes]]) -> dict[str, object]:
    """Returns the same for the API of a page. The statuses are those of its three requests: upload, ask, answer."""
    outcomes: Counter[str] = Counter()
    statuses: Counter[int] = Counter()
    wrong, slowest = [], 0.0
    with tempfile.TemporaryDirectory(prefix="clothes-hostile-") as folder:
        command = [sys.executable, "-m", "clothes", "serve", "--port", "0"]
        log = Path(folder) / "log"
        with log.open("wb") as errors:
            server = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=errors, text=True, env=os.environ | {"GRADIO_TEMP_DIR": folder}
            )
        try:
            url = re.findall(r"http://\S+", server.stdout.readline())[0]  # type: ignore[union-attr]
            count = {"response": [lambda answer: statuses.update([answer.status_code])]}
            with PageClient(url, event_hooks=count) as client:
                for name, data in photos:
                    start = time.perf_counter()
                    try:
                        kind, answer = client.call(client.upload(data))
                        outcome = "read" if kind == "complete" else answer["title"]
                    except httpx.HTTPError as error:
                        outcome = f"FAILED {error}"
                    seconds = time.perf_counter() - start
                    outcomes[outcome] += 1
                    slowest = max(slowest, seconds)
                    if not _CODE.fullmatch(outcome) or seconds > MOST_SECONDS:
                        wrong.append([name, outcome, round(seconds, 1)])
            peak = _peak_megabytes(server.pid)
            alive = server.poll() is None
        finally:
            server.terminate()
            server.wait(30)
        if "Traceback" in log.read_text(errors="replace"):
            wrong.append(["server", log.read_text(errors="replace")[-2000:], 0])
    wrong += [["server", "it died", 0]] * (not alive)
    wrong += [["memory", f"{peak:.0f} MB", 0]] * (peak > MOST_MEGABYTES)
    return {
        "photos": outcomes.total(),
        "outcomes": dict(outcomes.most_common()),
        "statuses": {str(status): count for status, count in sorted(statuses.items())},
        "slowest, s": round(slowest, 2),
        "peak memory of the server, MB": round(peak),
        "wrong": wrong + [["status", str(status), count] for status, count in statuses.items() if status >= 500],
    }


def _peak_megabytes(process: int) -> float:
    status = Path(f"/proc/{process}/status")
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status.read_text())[0]) / 1000 if status.exists() else 0.0


def main(count: int, http: int, corpora: int) -> int:
    archives = [archive for name in CORPORA[:corpora] if (archive := fetch(name))]
    result = {archive.name: through_decoder(pictures(archive)) for archive in archives}
    result["mutations"] = through_decoder(mutations(count))
    everything = [photo for archive in archives for photo in pictures(archive)]
    if http:
        result["HTTP"] = through_http([*everything[:http], *mutations(max(0, http - len(everything)))])
    print(json.dumps(result, indent=1))
    return int(any(found["wrong"] for found in result.values()))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--mutations", type=int, default=20_000)
    parser.add_argument("--http", type=int, default=20_000)
    parser.add_argument("--corpora", type=int, default=len(CORPORA), help="how many of them")
    given = parser.parse_args()
    sys.exit(main(given.mutations, given.http, given.corpora))
