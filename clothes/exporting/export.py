"""`export`: a bundle -> a folder in another format, which is there only if it answers as the bundle does."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clothes.collection.public_datasets import starter_pictures
from clothes.errors import ConfigError, ExportError, PhotoError, PhotosError
from clothes.inference.bundle import MODEL, Bundle, read_bundle
from clothes.inference.classifier import TOLERANCE, open_model
from clothes.inference.litert import LiteModel
from clothes.inference.run import Run
from clothes.photos import decode
from clothes.photos.folders import OTHER, list_photos
from clothes.system.checksums import add_checksum, json_text
from clothes.system.files import TEMP_PREFIX, publish, set_mode, sync_all
from clothes.system.version import __version__

if TYPE_CHECKING:
    from clothes.exporting.formats import Answer  # which needs Keras

FORMATS = ("onnx", "litert", "saved-model", "keras", "space")
PICTURES = 100
AGREEMENT = 0.95  # least share of pictures with the bundle's label: it computes in 8 bits, an export may be finer
LARGEST = 0.25  # difference of a score from the bundle's

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Compared:
    """How an export answers beside its bundle: the share of equal labels, and the largest difference of a score."""

    what: str
    pictures: int
    agreement: float
    difference: float


@dataclass(frozen=True)
class Export:
    """An export that answers as its bundle: on the probes, and on `PICTURES` pictures.

    `conversion` is the largest difference of a score from the Keras network that it was made from; None for a copy.
    """

    path: Path
    format: str
    compared: tuple[Compared, ...]
    conversion: float | None
    files: dict[str, str]  # path -> SHA-256

    def to_dict(self) -> dict[str, Any]:
        return asdict(self) | {"path": str(self.path)}


def export(
    model: str | os.PathLike[str],
    *,
    to: str,
    out: str | os.PathLike[str],
    int8: bool = False,
    photos: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> Export:
    """Writes a bundle (or a run's) in another format into a new folder, after comparing the two.

    `to` is one of FORMATS. Beside the model stands export.json: classes in order, what is done to a photo before,
    what comes in and out, and how it compared; an ONNX file has the same inside. With `int8` an ONNX file keeps its
    weights in 8 bits, as LiteRT's are anyway.

    It is compared on the bundle's probes and on 100 pictures: of `photos`, a folder; else of the run around the
    bundle, validation photos first, never those of its test part; starter pictures make up the number. Raises
    ExportError, and leaves nothing, when it gives other labels to more than 5 of 100, or a score differs by more than
    LARGEST.
    Raises BundleError when the format needs Keras weights and the bundle has none.
    """
    if to not in FORMATS:
        raise ConfigError(f"There is no format {to!r}. Choose one of {', '.join(FORMATS)}.")
    if int8 and to in ("saved-model", "keras"):
        raise ConfigError(f"A {to} export is in float32: int8 goes with onnx; litert and space are in 8 bits anyway.")
    bundle, out = read_bundle(model), Path(out)
    if os.path.lexists(out) and not (out.is_dir() and not any(out.iterdir())):
        raise ExportError(f"{out} is in use and stays as it is. Name a new folder: --out.")
    reference = _lite_answer(open_model(bundle))
    what, pictures = _pictures(bundle, Path(photos) if photos is not None else None)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        making = Path(tempfile.mkdtemp(prefix=TEMP_PREFIX, dir=out.parent))
    except OSError as error:
        raise ExportError(f"Nothing can be written to {out}: {error.strerror}. Name another folder: --out.") from None
    try:
        answer, network = _write(bundle, to, making, int8=int8)
        compared: list[Compared] = []
        conversion = 0.0 if network else None
        for name, asked in (("probes", bundle.probes()[0]), (what, pictures)):
            if progress:
                progress("Comparing", len(compared), 2)
            scores = answer(asked)
            compared.append(_compare(name, scores, reference(asked)))
            if network:
                conversion = max(conversion or 0.0, float(np.abs(scores - network(asked)).max()))
        _judge(to, compared, conversion, exact=network is None, int8=int8)
        files = {
            path.relative_to(making).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(making.rglob("*"))
            if path.is_file()
        }
        result = Export(out, to, tuple(compared), conversion, files)
        told = describe(bundle) | {"format": to, "int8": int8} | asdict(result)
        del told["path"]
        (making / "export.json").write_text(json_text(add_checksum(told)), encoding="utf-8")
        set_mode(making, 0o755)
        sync_all()
        publish(making, out)
    except OSError as error:
        raise ExportError(f"The export cannot be written to {out}: {error.strerror}. Name another --out.") from None
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return result


def describe(bundle: Bundle) -> dict[str, Any]:
    """What a program must know to use an export: classes in order, what is done to a photo, what goes in and out."""
    size = bundle.image_size
    gray = decode.LETTERBOX_GRAY
    return {
        "classes": list(bundle.classes),
        "threshold": bundle.threshold,
        "input": {"name": "pictures", "dtype": "uint8", "shape": ["N", size, size, 3], "channels": "RGB"},
        "outputs": {
            "scores": "float32 (N, classes): the probability of each class; below `threshold` the answer is: not sure",
            "features": "float32 (N, units): the last hidden layer",
        },
        "preprocessing": (
            f"Turn the photo upright (EXIF) and lay transparency on white. Resize it, bilinear with antialiasing, so "
            f"that its longer side has {size} pixels; centre it in a square of {size} pixels that is filled with "
            f"{gray},{gray},{gray}. Give the values 0 to 255 as they are: the model scales them."
        ),
        "made_from": {
            "name": bundle.info.get("name", ""),
            "created": bundle.info.get("created", ""),
            "sha256": bundle.info.get("sha256", ""),
        },
        "made_by": f"clothes {__version__}",
    }


def _write(bundle: Bundle, to: str, folder: Path, *, int8: bool) -> "tuple[Answer, Answer | None]":
    """Writes the files, and says who answers from them, and from the Keras network they were made of, if any."""
    if to == "litert":
        (folder / MODEL).write_bytes(bundle.file(MODEL))
        return _lite_answer(LiteModel((folder / MODEL).read_bytes())), None
    if to == "space":
        from clothes.exporting.space import write_space

        return _lite_answer(open_model(write_space(bundle, folder))), None
    from clothes.exporting.formats import answer_network, make_network, write_keras, write_onnx, write_saved_model

    network = make_network(bundle)
    if to == "onnx":
        answer = write_onnx(network, folder / "model.onnx", describe(bundle), int8=int8)
    elif to == "keras":
        answer = write_keras(network, folder / "model.keras")
    else:
        answer = write_saved_model(network, folder / "saved_model")
    return answer, answer_network(network)


def _lite_answer(model: LiteModel) -> "Answer":
    return lambda pictures: np.array([model.run(picture)[0] for picture in pictures])


def _compare(what: str, scores: np.ndarray, expected: np.ndarray) -> Compared:
    agreement = float((scores.argmax(axis=1) == expected.argmax(axis=1)).mean())
    return Compared(what, len(scores), agreement, float(np.abs(scores - expected).max()))


def _judge(to: str, compared: list[Compared], conversion: float | None, *, exact: bool, int8: bool) -> None:
    """Raises ExportError unless the export answers as it should."""
    if conversion is not None and conversion > TOLERANCE and not int8:
        raise ExportError(
            f"The {to} export is wrong: a score differs by {conversion:.2g} from the network it was made of "
            f"({TOLERANCE:g} is allowed), so it is not kept. Please report this with `clothes info`."
        )
    least, largest = (1.0, TOLERANCE) if exact else (AGREEMENT, LARGEST)
    _, pictures = compared
    if pictures.agreement < least or max(item.difference for item in compared) > largest:
        found = "; ".join(
            f"{item.what}: {item.agreement:.0%} of the labels are equal, largest difference of a score "
            f"{item.difference:.2g}"
            for item in compared
        )
        raise ExportError(
            f"The {to} export does not answer as its bundle, so it is not kept. {found}. At least {least:.0%} of the "
            f"labels on pictures, and at most {largest:g}, are allowed. If those are not such photos as the bundle "
            "knows, name some: --photos DIR."
        )


def _pictures(bundle: Bundle, photos: Path | None) -> tuple[str, np.ndarray]:
    """What the pictures are, and the pictures uint8 (N, size, size, 3). Raises PhotosError when there is none."""
    if photos is not None:
        found = _read(bundle, _spread(list_photos(photos)[0]))
        if not len(found):
            raise PhotosError(f"No photo in {photos} can be read. Name a folder of photos: --photos DIR.")
        return f"{len(found)} photos of {photos.name}", found
    folder, rest = bundle.path.resolve().parent, starter_pictures(PICTURES)
    if not (folder / "run.json").exists():
        return f"{PICTURES} starter pictures", _read(bundle, rest)
    run = Run.open(folder)
    rows = [row for part in ("validation", "train") for row in _spread(run.split.part(part)) if row.label != OTHER]
    found = _read(bundle, (run.photos / row.photo for row in rows))
    if missing := PICTURES - len(found):
        found = np.array([*found, *_read(bundle, _spread(rest)[:missing])])
    return f"{PICTURES - missing} photos of the run" + f", {missing} starter pictures" * bool(missing), found


def _spread(items: Any) -> Any:
    """The same, in such an order that the first ones are from everywhere."""
    step = max(1, len(items) // PICTURES)
    return [item for first in range(step) for item in items[first::step]]


def _read(bundle: Bundle, photos: Any) -> np.ndarray:
    """The first PICTURES of these photos that can be read, as the network sees them."""

    def readable() -> Iterator[np.ndarray]:
        for photo in photos:
            try:
                yield decode.read_square(photo, bundle.image_size)
            except PhotoError:
                continue

    return np.array([picture for picture, _ in zip(readable(), range(PICTURES), strict=False)])
