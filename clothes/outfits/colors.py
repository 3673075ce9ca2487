"""The pixels of a garment -> its colours by everyday names.

Pixels are clustered in CIELAB. A cluster that is another one with less light on it, as in a fold, is that colour too.
The names, and where they come from, stand in color_names.json.
"""

import functools
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

NAMES = Path(__file__).parent / "color_names.json"
"""The colours of the survey by name."""
_MOST_PIXELS, _CLUSTERS, _ROUNDS = 2000, 8, 8
_MOST_COLORS, _LEAST_SHARE = 3, 0.1  # the largest of 8 clusters has more
_LIGHTNESS = 0.7  # the weight of lightness in a distance, as light changes more within a garment than hue does
_LEAST_LIGHT, _LARGEST_OFFSET = 0.3, 9.0  # of a shade: its light, and its distance in CIELAB once it is lit up
_TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])  # IEC 61966-2-1
_WHITE = _TO_XYZ.sum(axis=1)


@dataclass(frozen=True)
class Color:
    """One of a garment's colours: its name, a hex code as "#1f2a44", and its share of the garment."""

    name: str
    hex: str
    share: float


def name_colors(pixels: np.ndarray) -> tuple[Color, ...]:
    """Returns up to three colours that cover a tenth each of pixels uint8 (N, 3), the largest first."""
    if not len(pixels):
        return ()
    light = _linear(pixels[:: max(1, len(pixels) // _MOST_PIXELS)])
    members = _cluster(_lab(light))
    groups: dict[str, list[tuple[float, np.ndarray]]] = {}
    for share, color in _without_shades(light, members):
        groups.setdefault(_name(color), []).append((share, color))
    found = []
    for name, parts in groups.items():
        share = sum(part for part, _ in parts)
        mean = np.sum([part * color for part, color in parts], axis=0) / share
        found.append(Color(name, _hex(mean), round(share, 3)))
    found.sort(key=lambda color: -color.share)
    return tuple(color for color in found if color.share >= _LEAST_SHARE)[:_MOST_COLORS]


def _without_shades(light: np.ndarray, members: np.ndarray) -> list[tuple[float, np.ndarray]]:
    """Returns share and linear RGB of each colour; the brighter third of its clusters says what it is."""
    clusters = [(float((members == i).mean()), light[members == i].mean(axis=0)) for i in np.unique(members)]
    clusters.sort(key=lambda cluster: -cluster[1].sum())
    groups: list[list[tuple[float, np.ndarray]]] = []
    for share, color in clusters:
        for group in groups:
            if any(_is_shade(color, brighter) for part, brighter in group if part >= share / 8):
                group.append((share, color))
                break
        else:
            groups.append([(share, color)])
    return [(sum(share for share, _ in group), _brighter_third(group)) for group in groups]


def _is_shade(color: np.ndarray, brighter: np.ndarray) -> bool:
    """Whether linear RGB is that of a brighter colour with less light."""
    dimmed = float(color @ brighter / (brighter @ brighter + 1e-9))
    if not _LEAST_LIGHT <= dimmed <= 1:
        return False
    return float(np.linalg.norm(_lab(dimmed * brighter) - _lab(color))) <= _LARGEST_OFFSET


def _brighter_third(group: list[tuple[float, np.ndarray]]) -> np.ndarray:
    wanted, taken, total = sum(share for share, _ in group) / 3, 0.0, np.zeros(3)
    for share, color in group:  # brightest first
        total, taken = total + share * color, taken + share
        if taken >= wanted:
            break
    return total / taken


def _cluster(lab: np.ndarray) -> np.ndarray:
    """Returns the number of the cluster of each colour, by k-means from starts that lie far apart."""
    points = lab * (_LIGHTNESS, 1, 1)
    centres = [points.mean(axis=0)]
    nearest = ((points - centres[0]) ** 2).sum(axis=1)
    for _ in range(_CLUSTERS - 1):
        centres.append(points[nearest.argmax()])
        nearest = np.minimum(nearest, ((points - centres[-1]) ** 2).sum(axis=1))
    places = np.array(centres)
    for _ in range(_ROUNDS):
        members = ((points[:, None] - places) ** 2).sum(axis=-1).argmin(axis=1)
        for i in np.unique(members):
            places[i] = points[members == i].mean(axis=0)
    return members


def _name(color: np.ndarray) -> str:
    names, places = _names()
    return names[int((((_lab(color) - places) * (_LIGHTNESS, 1, 1)) ** 2).sum(axis=1).argmin())]


@functools.cache
def _names() -> tuple[tuple[str, ...], np.ndarray]:
    """The name of each colour of the survey, and the colours in CIELAB (N, 3)."""
    listed = json.loads(NAMES.read_text(encoding="utf-8"))["names"]
    pairs = [(name, code) for name, codes in listed.items() for code in codes.values()]
    rgb = np.array([[int(code[i : i + 2], 16) for i in (1, 3, 5)] for _, code in pairs], np.uint8)
    return tuple(name for name, _ in pairs), _lab(_linear(rgb))


def _linear(rgb: np.ndarray) -> np.ndarray:
    """sRGB uint8 -> light, 0 to 1."""
    level = rgb / 255.0
    return np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)


def _lab(light: np.ndarray) -> np.ndarray:
    """Linear RGB (..., 3) -> CIELAB for the white of sRGB."""
    xyz = light @ _TO_XYZ.T / _WHITE
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    x, y, z = f[..., 0], f[..., 1], f[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def _hex(light: np.ndarray) -> str:
    level = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light.clip(0) ** (1 / 2.4) - 0.055)
    return "#" + "".join(f"{value:02x}" for value in np.round(level.clip(0, 1) * 255).astype(int))
