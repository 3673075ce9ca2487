"""The bundle: one folder that predicts the same everywhere.

    bundle.json      what it is: format, classes in order, image size, config, metrics, versions; SHA-256 of each file
    model.tflite     LiteRT: uint8 pictures (N, size, size, 3) in; `scores` and `features` out
    probes.npz       generated pictures and the scores expected for them
    weights.npz      the Keras weights in order, for training on and exporting (optional)

Data, never code: nothing in a bundle is unpickled or imported, no link is followed, and an array that is larger than a
bundle needs is not unpacked.
"""

import io
import json
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from clothes.errors import BundleError
from clothes.system.checksums import add_checksum, json_text, read_verified, verify_checksum, write_verified_folder
from clothes.system.files import read_regular_file, write_text

FORMAT = 1
MODEL, PROBES, WEIGHTS = "model.tflite", "probes.npz", "weights.npz"
_NEEDED = (MODEL, PROBES)
_LARGEST_INFO = 16_000_000  # bytes
_MOST_PROBES = 64
_LARGEST_WEIGHTS = 4_000_000_000  # bytes


@dataclass(frozen=True)
class Bundle:
    """A bundle on disk: `info` is the content of bundle.json."""

    path: Path
    info: dict[str, Any]

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(self.info["classes"])

    @property
    def image_size(self) -> int:
        return int(self.info["image_size"])

    @property
    def threshold(self) -> float:
        """The confidence below which the answer is "not sure"."""
        return float(self.info.get("threshold", 0.0))

    def file(self, name: str) -> bytes:
        """The bytes of one of its files, whose hash is checked. Raises BundleError."""
        wanted = self.info["files"].get(name)
        if wanted is None:
            raise BundleError(f"The bundle {self.path} has no {name}.")
        try:
            return read_verified(self.path / name, wanted)
        except OSError as error:
            raise BundleError(f"The bundle {self.path} is incomplete: {name}: {error.strerror}.") from None
        except ValueError as error:
            raise BundleError(f"The bundle {self.path} is damaged: {error}.") from None

    def probes(self) -> tuple[np.ndarray, np.ndarray]:
        """Pictures uint8 (N, size, size, 3) and the scores float32 (N, classes) recorded for them."""
        arrays = self._arrays(PROBES, _MOST_PROBES * (3 * self.image_size**2 + 8 * len(self.classes)) + 10_000)
        try:
            pictures, scores = arrays["pictures"], arrays["scores"]
        except KeyError as error:
            raise BundleError(f"The bundle {self.path} is damaged: {PROBES} has no {error}.") from None
        count, size = len(scores), self.image_size
        if count == 0 or pictures.shape != (count, size, size, 3) or pictures.dtype != np.uint8:
            raise BundleError(f"The bundle {self.path} is damaged: its probes are not of its image size.")
        if scores.ndim != 2 or scores.dtype != np.float32:
            raise BundleError(f"The bundle {self.path} is damaged: its probes have no scores.")
        return pictures, scores

    def weights(self) -> list[np.ndarray]:
        """The Keras weights in the order of `model.get_weights()`."""
        arrays = self._arrays(WEIGHTS, _LARGEST_WEIGHTS)
        try:
            return [arrays[f"arr_{i}"] for i in range(len(arrays))]
        except KeyError as error:
            raise BundleError(f"The bundle {self.path} is damaged: {WEIGHTS} has no {error}.") from None

    def _arrays(self, name: str, most: int) -> dict[str, np.ndarray]:
        """The arrays of a file that unpacks to `most` bytes at most."""
        data = self.file(name)
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                size = sum(entry.file_size for entry in archive.infolist())
            if size > most:
                raise ValueError(f"it unpacks to {size:,} bytes, more than the {most:,} it needs")
            with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
                return {key: arrays[key] for key in arrays.files}
        except (MemoryError, Exception) as error:  # the readers of a hostile file raise what they like
            raise BundleError(f"The bundle {self.path} is damaged: {name}: {_say(error)}.") from None

    def update(self, **changes: Any) -> "Bundle":
        """The same bundle with changed entries of bundle.json, written in one step."""
        info = add_checksum(self.info | changes)
        write_text(self.path / "bundle.json", json_text(info))
        return Bundle(self.path, info)


def write_bundle(path: Path, info: dict[str, Any], files: dict[str, bytes]) -> Bundle:
    """Writes a bundle: whole or not at all, in the place of the one that was there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return Bundle(path, write_verified_folder(path, "bundle.json", {"format": FORMAT, **info}, files))


def read_bundle(path: str | os.PathLike[str]) -> Bundle:
    """The bundle in this folder (or in the run folder above it), its bundle.json checked.

    Raises BundleError when it is missing, damaged or from a newer version of clothes.
    """
    folder = Path(path)
    try:
        if not (folder / "bundle.json").exists():
            if (folder / "bundle" / "bundle.json").exists():
                folder = folder / "bundle"
            elif (folder / "run.json").exists():
                raise BundleError(
                    f"The training in {folder} was not finished, so it has no bundle yet. "
                    f"Go on with: clothes train PHOTOS --out {folder} --resume"
                )
        text = read_regular_file(folder / "bundle.json", _LARGEST_INFO)
    except FileNotFoundError:
        what = "there is no such folder" if not folder.exists() else "it holds no bundle.json"
        raise BundleError(
            f"{folder} is not a bundle: {what}. `clothes train` writes one into runs/NAME/bundle."
        ) from None
    except OSError as error:
        raise BundleError(f"The bundle {folder} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise BundleError(f"The bundle {folder} is damaged: {error}.") from None
    try:
        info = json.loads(text)
        if type(info["format"]) is not int or info["format"] < 1:
            raise ValueError(f"format {info['format']!r} is no number of one")
        if info["format"] > FORMAT:
            raise BundleError(
                f"The bundle {folder} has format {info['format']}, made by a newer clothes; this one reads up to "
                f"{FORMAT}. Update clothes to use it."
            )
        _check_info(info)
        verify_checksum(info)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BundleError(f"The bundle {folder} is damaged: bundle.json: {_say(error)}.") from None
    return Bundle(folder, info)


def _check_info(info: dict[str, Any]) -> None:
    classes, size = info["classes"], info["image_size"]
    if not (isinstance(classes, list) and len(classes) >= 2 and all(isinstance(name, str) for name in classes)):
        raise ValueError("classes must be a list of at least two names")
    if len(set(classes)) != len(classes):
        raise ValueError("a class stands there twice")
    if not (isinstance(size, int) and 1 <= size <= 4096):
        raise ValueError(f"image_size {size!r} is no size")
    threshold = info.get("threshold", 0.0)
    if not (isinstance(threshold, int | float) and 0 <= threshold <= 1):
        raise ValueError(f"threshold {threshold!r} is no probability")
    for part in ("files", "metrics", "photos", "epochs", "versions", "config"):
        if not isinstance(info.get(part, {}), dict):
            raise ValueError(f"{part} must be an object")
    for part in ("name", "created", "fingerprint"):
        if not isinstance(info.get(part, ""), str):
            raise ValueError(f"{part} must be a text")
    for part, result in info.get("metrics", {}).items():
        low, high = result["interval"]
        if not all(isinstance(number, int | float) for number in (result["accuracy"], result["photos"], low, high)):
            raise ValueError(f"metrics: {part} must hold numbers")
    for name, value in info["files"].items():
        if name not in (MODEL, PROBES, WEIGHTS) or not isinstance(value, str):
            raise ValueError(f"files: {name!r} is no file of a bundle with a hash")
    missing = [name for name in _NEEDED if name not in info["files"]]
    if missing:
        raise ValueError(f"files: {missing[0]} is missing")


def _say(error: Exception) -> str:
    return f"{error} is missing" if isinstance(error, KeyError) else str(error) or type(error).__name__


def make_probes(size: int, count: int = 8) -> np.ndarray:
    """Generated pictures uint8 (count, size, size, 3): smooth colour patterns, none of them anybody's photo."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:size, 0:size] / size
    waves = rng.uniform(-3, 3, (count, 4, 3, 2)) * 2 * np.pi
    phases = rng.uniform(0, 2 * np.pi, (count, 4, 3))
    angle = waves[..., 0, None, None] * x + waves[..., 1, None, None] * y + phases[..., None, None]
    pattern = np.sin(angle).mean(axis=1)  # (count, 3, size, size)
    return np.round((pattern.transpose(0, 2, 3, 1) * 0.8 + 0.5).clip(0, 1) * 255).astype(np.uint8)


def pack_probes(pictures: np.ndarray, scores: np.ndarray) -> bytes:
    return _pack(pictures=pictures, scores=scores.astype(np.float32))


def pack_weights(weights: list[np.ndarray]) -> bytes:
    return _pack(*weights)


def _pack(*positional: np.ndarray, **named: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, *positional, allow_pickle=False, **named)
    return buffer.getvalue()
