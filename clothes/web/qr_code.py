"""QR codes: a short text -> rows of modules, True for dark ones. ISO/IEC 18004, byte mode, error correction L."""

from collections.abc import Iterator

Modules = list[list[bool]]

_VERSIONS = ((19, 7), (34, 10), (55, 15), (80, 20), (108, 26))  # bytes of data and of error correction, from version 1
_MASKS = (
    lambda x, y: (x + y) % 2,
    lambda x, y: y % 2,
    lambda x, y: x % 3,
    lambda x, y: (x + y) % 3,
    lambda x, y: (x // 3 + y // 2) % 2,
    lambda x, y: x * y % 2 + x * y % 3,
    lambda x, y: (x * y % 2 + x * y % 3) % 2,
    lambda x, y: ((x + y) % 2 + x * y % 3) % 2,
)


def qr_code(text: str) -> Modules:
    """Returns the code of a text of at most 106 bytes. Raises ValueError for a longer one."""
    data = text.encode()
    version = next((n for n, (most, _) in enumerate(_VERSIONS, 1) if len(data) + 2 <= most), None)
    if version is None:
        raise ValueError(f"{len(data)} bytes are too many for a QR code")
    most, checks = _VERSIONS[version - 1]
    head = (4 << 8 | len(data)) << 8 * len(data) | int.from_bytes(data)  # 4: bytes follow
    stream = (head << 4).to_bytes(len(data) + 2) + b"\xec\x11" * most
    codewords = stream[:most] + _check_bytes(stream[:most], checks)
    return min((_draw(version, codewords, mask) for mask in range(len(_MASKS))), key=_penalty)


def svg_path(modules: Modules) -> str:
    """Returns the dark modules as the data of an SVG path, one unit a module."""
    dark = ((x, y) for y, row in enumerate(modules) for x, is_dark in enumerate(row) if is_dark)
    return "".join(f"M{x} {y}h1v1h-1z" for x, y in dark)


def _multiply(a: int, b: int) -> int:
    """Multiplies in GF(256) modulo x^8 + x^4 + x^3 + x^2 + 1."""
    product = 0
    for bit in range(7, -1, -1):
        product = product << 1 ^ (product >> 7) * 0x11D ^ (b >> bit & 1) * a
    return product


def _check_bytes(data: bytes, count: int) -> bytes:
    """Returns the bytes of the Reed-Solomon code."""
    divisor, root = [0] * (count - 1) + [1], 1
    for _ in range(count):
        divisor = [_multiply(value, root) ^ after for value, after in zip(divisor, [*divisor[1:], 0], strict=True)]
        root = _multiply(root, 2)
    rest = [0] * count
    for byte in data:
        factor = byte ^ rest[0]
        rest = [value ^ _multiply(by, factor) for value, by in zip([*rest[1:], 0], divisor, strict=True)]
    return bytes(rest)


def _draw(version: int, codewords: bytes, mask: int) -> Modules:
    size = 17 + 4 * version
    fixed = dict(_patterns(size, mask))
    modules = [[fixed.get((x, y), False) for x in range(size)] for y in range(size)]
    bits = iter(f"{int.from_bytes(codewords):0{8 * len(codewords)}b}")
    for x, y in _path(size):
        if (x, y) not in fixed:
            modules[y][x] = (next(bits, "0") == "1") != (_MASKS[mask](x, y) == 0)
    return modules


def _patterns(size: int, mask: int) -> Iterator[tuple[tuple[int, int], bool]]:
    """Yields the modules that hold no data. Later ones replace earlier ones."""
    for i in range(size):
        yield (6, i), i % 2 == 0
        yield (i, 6), i % 2 == 0
    far = size - 4
    centres = [(3, 3, 4), (far, 3, 4), (3, far, 4), *([(size - 7, size - 7, 2)] if size > 21 else [])]
    for centre_x, centre_y, reach in centres:
        for dx in range(-reach, reach + 1):
            for dy in range(-reach, reach + 1):
                x, y, ring = centre_x + dx, centre_y + dy, max(abs(dx), abs(dy))
                if 0 <= x < size and 0 <= y < size:
                    yield (x, y), ring not in ((2, 4) if reach == 4 else (1,))
    format_bits = rest = (1 << 3 | mask) << 10  # 1: error correction L
    for bit in range(14, 9, -1):
        rest ^= (rest >> bit & 1) * 0x537 << bit - 10
    format_bits = (format_bits | rest) ^ 0x5412
    upper = [(8, y) for y in (*range(6), 7, 8)] + [(x, 8) for x in (7, *range(5, -1, -1))]
    lower = [(x, 8) for x in range(size - 1, size - 9, -1)] + [(8, y) for y in range(size - 7, size)]
    for i in range(15):
        for place in (upper[i], lower[i]):
            yield place, bool(format_bits >> i & 1)
    yield (8, size - 8), True


def _path(size: int) -> Iterator[tuple[int, int]]:
    """Yields the places in the order of the bits: up and down in columns two wide, from the right."""
    for number, right in enumerate([*range(size - 1, 6, -2), 5, 3, 1]):
        for y in range(size - 1, -1, -1) if number % 2 == 0 else range(size):
            yield from ((right, y), (right - 1, y))


def _penalty(modules: Modules) -> int:
    """Returns how hard a code is to read: long runs, blocks of one colour, and what looks like a corner."""
    lines = ["".join("01"[is_dark] for is_dark in line) for line in (*modules, *zip(*modules, strict=True))]
    runs = sum(line[i : i + 5] in ("00000", "11111") for line in lines for i in range(len(line) - 4))
    corners = sum(f"0000{line}0000".count(corner) for line in lines for corner in ("10111010000", "00001011101"))
    pairs = range(len(modules) - 1)
    blocks = sum(len({*modules[y][x : x + 2], *modules[y + 1][x : x + 2]}) == 1 for y in pairs for x in pairs)
    return 3 * runs + 3 * blocks + 40 * corners
