"""The bundle: one folder that predicts the same everywhere.

    bundle.json      format, classes in order, image size, config, metrics, versions; SHA-256 of each file
    model.tflite     LiteRT: uint8 pictures (N, size, size, 3) in; `scores`, `features`, perhaps `similarity` out
    probes.npz       golden samples: generated pictures and the scores recorded for them
    weights.npz      Keras weights in order, and `rejection`, for resuming and exporting (optional)

A bundle is data, never code: nothing is unpickled or imported, links are refused, and arrays have a maximum size.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import numpy as np

from clothes.config import Config
from clothes.errors import BundleError, ConfigError
from clothes.system.arrays import unpack_arrays
from clothes.system.checksums import add_checksum, json_text, read_verified, verify_checksum, write_verified_folder
from clothes.system.files import write_text
from clothes.system.terminal_text import quote
from clothes.system.validation import Share, check_type, read_json

FORMAT = 2  # 1 for a bundle that classifies; 2 for one of outfits, which older versions cannot read
OUTFIT = "outfit"  # the task of a bundle that finds several garments in a photo
INFO, MODEL, PROBES, WEIGHTS = "bundle.json", "model.tflite", "probes.npz", "weights.npz"
REJECTION = "rejection"  # an array in weights.npz
_PROBES, _MOST_PROBES = 8, 16  # written, read
_LARGEST_LAYER = 500_000_000  # values for one picture


class BundleMetrics(TypedDict):
    """The accuracy on one part of the photos, with its 95 % interval."""

    photos: int
    accuracy: Share
    interval: tuple[Share, Share]


class BundleModel(TypedDict, total=False):
    architecture: str


class BundleConfig(TypedDict, total=False):
    model: BundleModel


class OutfitInfo(TypedDict):
    """How the answers about a region are joined and what is shown of them: see `clothes.outfits.naming`."""

    naming: tuple[float, float]
    certainty: tuple[float, float, float, float, float, float, float, float]
    least_area: Share
    shown: Share
    shown_worn: Share
    known: Share
    measured: NotRequired[dict[str, float]]  # on the validation photos


class BundleInfo(TypedDict):
    """The content of bundle.json."""

    format: Annotated[int, (1, FORMAT)]
    classes: list[str]
    image_size: Annotated[int, (1, 1024)]
    files: dict[str, str]  # SHA-256 checksums
    sha256: NotRequired[str]
    threshold: NotRequired[Annotated[float, (-2, 1)]]  # below 0: a cosine less that to other things
    temperature: NotRequired[Annotated[float, (1e-3, 1e3)]]
    config: NotRequired[BundleConfig]  # as Config reads it
    metrics: NotRequired[dict[str, BundleMetrics]]  # by part
    photos: NotRequired[dict[str, int]]  # by part
    epochs: NotRequired[dict[str, float]]  # trained, best, seconds; steps of a network of outfits
    seed: NotRequired[int]
    versions: NotRequired[dict[str, str]]
    name: NotRequired[str]
    created: NotRequired[str]
    fingerprint: NotRequired[str]
    rejection: NotRequired[dict[str, int]]  # number of photos of other things that it learnt to reject by
    teacher: NotRequired[dict[str, str]]  # name and SHA-256 of the model whose answers it learned from, too
    task: NotRequired[Literal["outfit"]]  # without it, one class a photo
    outfit: NotRequired[OutfitInfo]
    trunk: NotRequired[dict[str, str]]  # name and SHA-256 of the model that gave the features of a quick model


@dataclass(frozen=True)
class Bundle:
    """A bundle on disk: `info` is the content of bundle.json."""

    path: Path
    info: dict[str, Any]

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(self.info["classes"])

    @property
    def finds_outfits(self) -> bool:
        """Whether it finds the garments in a photo, and not one class for all of it."""
        return self.info.get("task") == OUTFIT

    @property
    def image_size(self) -> int:
        return int(self.info["image_size"])

    @property
    def threshold(self) -> float:
        """The lowest confidence, or similarity, of an accepted prediction; below it the answer is "not sure"."""
        return float(self.info.get("threshold", 0.0))

    def file(self, name: str) -> bytes:
        """Reads one of its files and verifies its checksum. Raises BundleError."""
        checksum = self.info["files"].get(name)
        if checksum is None:
            raise BundleError(f"The bundle {self.path} has no {name}.")
        try:
            return read_verified(self.path / name, checksum)
        except OSError as error:
            raise BundleError(f"The bundle {self.path} is incomplete: {name}: {error.strerror}.") from None
        except ValueError as error:
            raise _damaged(self.path, error) from None

    def probes(self) -> tuple[np.ndarray, np.ndarray]:
        """Reads the golden samples: pictures uint8 (N, size, size, 3) and recorded scores float32 (N, classes)."""
        data, size = self.file(PROBES), self.image_size
        try:
            arrays = unpack_arrays(data, most=_MOST_PROBES * (3 * size**2 + 8 * len(self.classes)) + 10_000)
            pictures, scores = arrays["pictures"], arrays["scores"]
        except (ValueError, KeyError) as error:
            raise _damaged(self.path, f"{PROBES}: {error}") from None
        if scores.ndim != 2 or len(scores) == 0 or scores.dtype != np.float32:
            raise _damaged(self.path, f"the golden samples in {PROBES} have no scores")
        if pictures.shape != (len(scores), size, size, 3) or pictures.dtype != np.uint8:
            raise _damaged(self.path, f"the golden samples in {PROBES} do not have its image size, {size} pixels")
        return pictures, scores

    def weights(self) -> list[np.ndarray]:
        """Reads the Keras weights, in the order of `model.get_weights()`. Raises BundleError if it has none.

        They may take 16 bytes for each byte of the model, which holds most of them in 8 bits.
        """
        arrays = self._weight_arrays()
        try:
            return [arrays[f"arr_{i}"] for i in range(len(arrays) - (REJECTION in arrays))]
        except KeyError as error:
            raise _damaged(self.path, f"{WEIGHTS}: it has no {error}") from None

    def rejection(self, units: int) -> np.ndarray | None:
        """Reads the layer that tells photos of other things, float32 (units + 1,): weights and bias. None without.

        Raises BundleError if it is not one for so many features.
        """
        found = self._weight_arrays().get(REJECTION)
        if found is not None and not (found.shape == (units + 1,) and found.dtype == np.float32):
            raise _damaged(self.path, f"{WEIGHTS}: {REJECTION} does not fit {units} features")
        return found

    def _weight_arrays(self) -> dict[str, np.ndarray]:
        data, model = self.file(WEIGHTS), self.file(MODEL)
        try:
            return unpack_arrays(data, most=16 * len(model) + 1_000_000)
        except ValueError as error:
            raise _damaged(self.path, f"{WEIGHTS}: {error}") from None

    def network(self) -> Any:
        """Builds the Keras network with its weights, not calibrated. Raises BundleError if they do not fit."""
        from clothes.models.architectures import build_model, measure_network

        weights = self.weights()
        try:
            config = Config.from_dict(self.info["config"]).model
            count, largest = measure_network(config, len(self.classes))
            if config.image_size != self.image_size:
                raise ValueError(f"it is for {config.image_size} pixels")
            if count > sum(value.size for value in weights) or largest > _LARGEST_LAYER:
                raise ValueError(f"it claims {count:,} weights and a layer of {largest:,} values")
            network = build_model(config, len(self.classes))
            network.set_weights(weights)
        except (ValueError, KeyError, ConfigError) as error:
            raise _damaged(self.path, f"its weights do not fit its network: {error}") from None
        return network

    def update(self, **changes: Any) -> "Bundle":
        """Changes entries of bundle.json atomically. Returns the changed bundle."""
        info = add_checksum(self.info | changes)
        write_text(self.path / INFO, json_text(info))
        return Bundle(self.path, info)


def read_bundle(path: str | os.PathLike[str]) -> Bundle:
    """Returns the bundle in this folder, or of this run folder. Verifies only bundle.json.

    Raises BundleError if it is missing, damaged or from a newer version of clothes.
    """
    folder = Path(path)
    try:
        if not (folder / INFO).exists():
            if (folder / "bundle" / INFO).exists():
                folder = folder / "bundle"
            elif (folder / "run.json").exists():
                raise BundleError(
                    f"The training in {folder} was not finished, so it has no bundle yet. Go on with: "
                    f"clothes train PHOTOS --out {quote(folder)} --resume"
                )
        return Bundle(folder, _read_info(folder))
    except (FileNotFoundError, NotADirectoryError):
        missing = f"it has no {INFO}" if folder.is_dir() else "it is a file"
        reason = missing if folder.exists() else "there is no such folder"
        raise BundleError(
            f"{folder} is not a bundle: {reason}. `clothes train` writes bundles into runs/NAME/bundle."
        ) from None
    except OSError as error:
        raise BundleError(f"The bundle {folder} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise _damaged(folder, f"{INFO}: {error}") from None


def _read_info(folder: Path) -> dict[str, Any]:
    """Returns the content of bundle.json. Raises OSError, or ValueError if it is damaged."""
    info: dict[str, Any] = read_json(folder / INFO)
    version = info.get("format")
    if isinstance(version, int) and version > FORMAT:
        raise BundleError(
            f"The bundle {folder} has format {version}, made by a newer version of clothes. This version reads formats "
            f"up to {FORMAT}. Update clothes to use it."
        )
    check_type(info, BundleInfo)
    _check_info(info)
    verify_checksum(info)
    return info


def _check_info(info: dict[str, Any]) -> None:
    """Raises ValueError if the classes or files in bundle.json are not those of a bundle."""
    classes, files = info["classes"], info["files"]
    if len(classes) < 2:
        raise ValueError("classes must be a list of at least two names")
    if len(set(classes)) != len(classes):
        raise ValueError("classes must not repeat a name")
    if unknown := files.keys() - {MODEL, PROBES, WEIGHTS}:
        raise ValueError(f"files: {min(unknown)!r} is not a file of a bundle")
    if missing := {MODEL, PROBES} - files.keys():
        raise ValueError(f"files: {min(missing)} is missing")
    if (info.get("task") == OUTFIT) != ("outfit" in info):
        raise ValueError("task and outfit do not go together")


def _damaged(folder: Path, reason: object) -> BundleError:
    return BundleError(f"The bundle {folder} is damaged: {reason}. Copy it again from its source.")


def write_bundle(path: Path, info: dict[str, Any], files: dict[str, bytes]) -> Bundle:
    """Writes a bundle atomically. Replaces a bundle at the same path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return Bundle(path, write_verified_folder(path, INFO, {"format": FORMAT if "task" in info else 1, **info}, files))


def make_probes(size: int) -> np.ndarray:
    """Generates pictures for golden samples, uint8 (8, size, size, 3): colour waves, so nobody's photos."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:size, 0:size] / size
    waves = rng.uniform(-3, 3, (_PROBES, 4, 3, 2)) * 2 * np.pi
    phases = rng.uniform(0, 2 * np.pi, (_PROBES, 4, 3))
    angle = waves[..., 0, None, None] * x + waves[..., 1, None, None] * y + phases[..., None, None]
    pattern = np.sin(angle).mean(axis=1)  # (8, 3, size, size)
    return np.round((pattern.transpose(0, 2, 3, 1) * 0.8 + 0.5).clip(0, 1) * 255).astype(np.uint8)
