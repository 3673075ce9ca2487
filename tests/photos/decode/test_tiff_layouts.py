"""A TIFF gives the same pixels in every layout: order of bytes, planes, tiles, compression, predictor."""

import itertools
import zlib
from typing import NamedTuple

import numpy as np
import pytest

from clothes.errors import PhotoError
from clothes.photos import decode
from tests.support.raw_pictures import tiff

HEIGHT, WIDTH, SIDE, ROWS = 21, 37, 16, 5  # no multiples of a tile or a strip
Y, X = np.mgrid[:HEIGHT, :WIDTH]
SHARES = np.dstack([X / 36, Y / 20, (X + Y) / 56, 0.25 + X / 72])  # of the largest value, four channels
UNCOMPRESSED, LZW, DEFLATE = 1, 5, 8
# Kind -> number of channels, TIFF's photometric interpretation, tags, and colour from shares
KINDS = {
    "grey": (1, 1, {}, lambda s: s.repeat(3, axis=2)),
    "rgb": (3, 2, {}, lambda s: s),
    "rgb and alpha": (4, 2, {338: (2,)}, lambda s: s[..., :3] * s[..., 3:] + 1 - s[..., 3:]),
    "rgb multiplied by alpha": (4, 2, {338: (1,)}, lambda s: s[..., :3] + 1 - s[..., 3:]),
    "rgb and a value without meaning": (4, 2, {338: (0,)}, lambda s: s[..., :3]),
    "cmyk": (4, 5, {}, lambda s: (1 - s[..., :3]) * (1 - s[..., 3:])),
}


def lzw(data: bytes) -> bytes:
    """LZW without words of more than one byte: codes of 9 bits, the table cleared (256) before it grows."""
    codes = [code for i in range(0, len(data), 200) for code in (256, *data[i : i + 200])] + [257]
    bits = "".join(f"{code:09b}" for code in codes)
    return int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8), "big")


class Layout(NamedTuple):
    order: str
    planes: bool
    tiles: bool
    compression: int
    predictor: bool


def lay_out(values: np.ndarray, photometric: int, tags: dict[int, tuple[int, ...]], layout: Layout) -> bytes:
    order, planes, tiles, compression, predictor = layout
    parts = []
    height, width = (SIDE, SIDE) if tiles else (ROWS, WIDTH)
    pack = {UNCOMPRESSED: bytes, LZW: lzw, DEFLATE: zlib.compress}[compression]
    for plane in np.split(values, values.shape[2], axis=2) if planes else [values]:
        for top, left in itertools.product(range(0, HEIGHT, height), range(0, WIDTH, width)):
            part = plane[top : top + height, left : left + width]
            if tiles:
                part = np.pad(part, ((0, height - part.shape[0]), (0, width - part.shape[1]), (0, 0)))
            if predictor:
                part = np.diff(part, axis=1, prepend=part.dtype.type(0))
            parts.append(pack(part.astype(part.dtype.newbyteorder(order)).tobytes()))
    lengths = tuple(map(len, parts))
    places = tuple(8 + sum(lengths[:i]) for i in range(len(parts)))
    where = (
        {322: (SIDE,), 323: (SIDE,), 324: places, 325: lengths} if tiles else {278: (ROWS,), 273: places, 279: lengths}
    )
    how = {259: (compression,), 284: (1 + planes,), 317: (1 + predictor,)}
    bits = (values.dtype.itemsize * 8,) * values.shape[2]
    return tiff(b"".join(parts), (WIDTH, HEIGHT), bits, photometric, order=order, tags=tags | where | how)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("kind", KINDS)
def test_every_layout_gives_the_known_pixels(kind: str, bits: int) -> None:
    channels, photometric, tags, color = KINDS[kind]
    shares = SHARES[..., :channels].copy()
    if kind == "rgb multiplied by alpha":
        shares[..., :3] *= shares[..., 3:]
    values = np.round(shares * (2**bits - 1)).astype(f"u{bits // 8}")
    expected = color(shares) * 255
    layouts = itertools.product("<>", (False, True), (False, True), (UNCOMPRESSED, LZW, DEFLATE), (False, True))
    for order, planes, tiles, compression, predictor in layouts:
        if predictor and compression == UNCOMPRESSED:  # it belongs to LZW and Deflate
            continue
        layout = Layout(order, planes, tiles, compression, predictor)
        difference = np.abs(decode.read(lay_out(values, photometric, tags, layout)) - expected)
        assert difference.max() <= 3, layout  # alpha of 8 bits rounds twice


@pytest.mark.parametrize("compression", [UNCOMPRESSED, DEFLATE])
@pytest.mark.parametrize("order", ["<", ">"])
def test_fractions_in_both_orders_of_bytes(order: str, compression: int) -> None:
    layout = Layout(order, planes=False, tiles=False, compression=compression, predictor=False)
    file = lay_out(SHARES[..., :1].astype("f4"), 1, {339: (3,)}, layout)
    assert np.abs(decode.read(file) - SHARES[..., :1] * 255).max() <= 1


def test_a_cut_file_is_refused_with_what_may_have_happened() -> None:
    directory = tiff(b"", (64, 64), (8, 8, 8), 2, tags={273: (300,), 279: (3 * 64 * 64,)}).ljust(300, b"\0")
    assert decode.read(directory + bytes(3 * 64 * 64)).shape == (64, 64, 3)
    with pytest.raises(PhotoError, match="a copy was interrupted"):
        decode.read(directory + bytes(3 * 64 * 32))
