"""Fuzzes the decoder with atheris, guided by the coverage of Pillow's Python code and ours.

    uv run --with atheris python -m benchmarks.fuzz_photos CORPUS [-max_total_time=3600 and other options of libFuzzer]

CORPUS is a folder that keeps the photos that reach new code; it begins with a good photo of each format. The run ends
at any error other than PhotoError, at 5 s for one photo and at 2 GB of memory, and writes the photo into the current
folder as crash-*, timeout-* or oom-*.
"""

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["PIL", "clothes.photos.decode"]):
    from clothes.photos import decode

from benchmarks.hostile_photos import good_photos
from clothes.errors import PhotoError


def look(data: bytes) -> None:
    try:
        decode.read_square(data, 32)
        decode.inspect(data, 16)
    except PhotoError:
        pass


if __name__ == "__main__":
    corpus = Path(sys.argv[1])
    corpus.mkdir(parents=True, exist_ok=True)
    for name, data in good_photos():
        (corpus / f"good-{len(data)}.{name}").write_bytes(data)
    atheris.Setup([sys.argv[0], "-timeout=5", "-rss_limit_mb=2048", *sys.argv[1:]], look)
    atheris.Fuzz()
