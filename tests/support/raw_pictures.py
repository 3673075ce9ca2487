"""Picture files written byte by byte, for kinds that no library writes."""

import struct
import zlib

import numpy as np
from PIL import Image

from tests.support.pictures import encode


def tiff(
    data: bytes,
    size: tuple[int, int],
    bits: tuple[int, ...],
    photometric: int,
    *,
    order: str = "<",
    tags: dict[int, tuple[int, ...]] | None = None,
) -> bytes:
    """A TIFF of one strip, if `tags` name no other places.

    `photometric` 0 is white at zero, 1 black at zero, 2 RGB, 3 a palette, 5 CMYK, 6 YCbCr.
    """
    entries = {256: size[:1], 257: size[1:], 258: bits, 259: (1,), 262: (photometric,), 277: (len(bits),)}
    if not tags or 324 not in tags:
        entries |= {273: (8,), 278: size[1:], 279: (len(data),)}
    entries |= tags or {}
    at = 8 + len(data) + len(data) % 2
    directory, behind = b"", b""
    end = at + 2 + 12 * len(entries) + 4
    for tag, values in sorted(entries.items()):
        kind, code = (4, "I") if tag in (273, 279, 324, 325) else (3, "H")
        packed = struct.pack(f"{order}{len(values)}{code}", *values)
        if len(packed) > 4:
            place, behind = struct.pack(f"{order}I", end + len(behind)), behind + packed
        else:
            place = packed.ljust(4, b"\0")
        directory += struct.pack(f"{order}HHI", tag, kind, len(values)) + place
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, at)
    return (
        head + data + b"\0" * (len(data) % 2) + struct.pack(f"{order}H", len(entries)) + directory + bytes(4) + behind
    )


def bmp(
    data: bytes, size: tuple[int, int], bits: int, *, compression: int = 0, masks: bytes = b"", colors: bytes = b""
) -> bytes:
    """A BMP, rows from the bottom. `masks` follow the header of 40 bytes, or make it one of 56 with four masks."""
    length = 56 if len(masks) == 16 else 40
    info = struct.pack("<IiiHHIIiiII", length, *size, 1, bits, compression, len(data), 0, 0, len(colors) // 4, 0)
    start = 14 + len(info) + len(masks) + len(colors)
    return struct.pack("<2sIHHI", b"BM", start + len(data), 0, 0, start) + info + masks + colors + data


def gif(screen: tuple[int, int], box: tuple[int, int, int, int]) -> bytes:
    """A GIF whose only frame fills a box (left, top, width, height) with palette entry 1, (10, 20, 30)."""
    codes = [4, 1] * (box[2] * box[3]) + [5]  # of 3 bits: clear, entry 1; at last the end
    bits = sum(code << 3 * i for i, code in enumerate(codes))
    data = bits.to_bytes(-(-3 * len(codes) // 8), "little")
    blocks = b"".join(bytes([len(data[i : i + 255])]) + data[i : i + 255] for i in range(0, len(data), 255))
    head = b"GIF89a" + struct.pack("<2H3B", *screen, 0x80, 0, 0) + bytes((200, 0, 200, 10, 20, 30))
    return head + b"\x2c" + struct.pack("<4HB", *box, 0) + b"\2" + blocks + b"\0\x3b"


def png(values: np.ndarray, kind: int, depth: int, *, chunks: dict[bytes, bytes] | None = None) -> bytes:
    """A PNG of packed rows (H, bytes). `kind`: 0 grey, 2 RGB, 3 a palette, 4 grey and alpha, 6 RGBA."""
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[kind]
    height, width = len(values), values.shape[1] * 8 // (depth * channels)

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = b"".join(b"\0" + row.tobytes() for row in values)
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0))
    between = b"".join(chunk(name, data) for name, data in (chunks or {}).items())
    return b"\x89PNG\r\n\x1a\n" + head + between + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def webp_frame(canvas: tuple[int, int], box: tuple[int, int, int, int], color: tuple[int, int, int]) -> bytes:
    """An animated WebP without alpha whose only frame fills a box (even left and top) of the canvas."""
    left, top, width, height = box
    picture = encode(Image.new("RGB", (width, height), color), "WEBP", lossless=True)[12:]

    def chunk(name: bytes, data: bytes) -> bytes:
        return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)

    def three(number: int) -> bytes:
        return struct.pack("<I", number)[:3]

    head = chunk(b"VP8X", bytes([2, 0, 0, 0]) + three(canvas[0] - 1) + three(canvas[1] - 1))
    places = three(left // 2) + three(top // 2) + three(width - 1) + three(height - 1) + three(100) + b"\0"
    body = b"WEBP" + head + chunk(b"ANIM", bytes(6)) + chunk(b"ANMF", places + picture)
    return b"RIFF" + struct.pack("<I", len(body)) + body
