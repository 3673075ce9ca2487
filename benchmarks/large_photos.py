"""Measures the memory of the largest photos that are read: one of each kind, turned by EXIF if the format has it.

Then the processor time of a phone's photo, upright and turned.

    uv run python -m benchmarks.large_photos

Each of the largest is read in a new process, as for a network. Prints the peak megabytes, which include the file.
"""

import io
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
from PIL import Image

from clothes.photos import decode

READ = (
    "import re, sys; from pathlib import Path; from clothes.photos import decode; "
    "decode.read_square(Path(sys.argv[1]), 96); "
    "print(int(re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())[1]) // 1000)"
)
WIDTH, HEIGHT = 8000, 6500
PHONE = 4032, 3024


def kinds() -> dict[str, tuple[Image.Image, dict[str, Any]]]:
    """Returns file name -> picture and options for saving it quickly; the size of the file does not matter."""
    slope = np.add.outer(np.arange(HEIGHT, dtype=np.uint32) // 7, np.arange(WIDTH, dtype=np.uint32) // 5)
    gray = (slope % 256).astype(np.uint8)
    color = Image.merge("RGB", [Image.fromarray(band) for band in (gray, 255 - gray, np.roll(gray, 50))])
    half = color.resize((WIDTH // 2, HEIGHT))
    return {
        "RGB.jpg": (color, {}),
        "CMYK.jpg": (color.convert("CMYK"), {}),
        "RGB.png": (color, {"compress_level": 1}),
        "RGBA.png": (color.convert("RGBA"), {"compress_level": 1}),
        "16-bit.png": (Image.fromarray((slope * 37 % 65536).astype(np.uint16)), {"compress_level": 1}),
        "float.tif": (Image.fromarray(gray.astype(np.float32)), {"compression": "tiff_adobe_deflate"}),
        "CMYK.tif": (color.convert("CMYK"), {"compression": "tiff_lzw"}),
        "RGBA.webp": (half.convert("RGBA"), {"method": 0}),
        "RGB.avif": (half, {"speed": 10}),
        "RGB.heic": (color, {"quality": 20}),
    }


def milliseconds(orientation: int) -> float:
    """Returns the median processor time of reading a phone's JPEG for a network."""
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(noise).resize(PHONE).save(photo := io.BytesIO(), "JPEG", quality=92, exif=exif)
    times = []
    for _ in range(15):
        started = time.thread_time()
        decode.read_square(photo.getvalue(), 224)
        times.append((time.thread_time() - started) * 1000)
    return statistics.median(times)


def main() -> None:
    print(f"| {PHONE[0]} x {PHONE[1]} pixels | processor time, ms |\n| --- | --- |")
    print(f"| upright | {milliseconds(1):.0f} |\n| turned | {milliseconds(6):.0f} |\n")
    pillow_heif.register_heif_opener()
    exif = Image.Exif()
    exif[0x0112] = 6
    print("| photo | million pixels | MB at most | of the file |\n| --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        for name, (picture, options) in kinds().items():
            path = Path(folder) / name
            picture.save(path, exif=exif, **options)
            done = subprocess.run([sys.executable, "-c", READ, path], capture_output=True, text=True, check=True)
            size = path.stat().st_size // 1_000_000
            print(f"| {name} | {picture.width * picture.height // 1_000_000} | {done.stdout.strip()} | {size} |")


if __name__ == "__main__":
    main()
