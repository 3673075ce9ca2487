"""`export`: a bundle -> a folder in another format, which appears only if its answers agree with the bundle's."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from clothes.errors import ConfigError, ExportError
from clothes.exporting.agreement import Agreement, compare, largest_difference, require_agreement, require_equality
from clothes.exporting.comparison_pictures import comparison_pictures
from clothes.exporting.source import Scorer, Source, lite_scorer
from clothes.exporting.to_keras import to_keras
from clothes.exporting.to_litert import to_litert
from clothes.exporting.to_onnx import to_onnx
from clothes.exporting.to_saved_model import to_saved_model
from clothes.exporting.to_space import to_space
from clothes.inference.bundle import read_bundle
from clothes.inference.classifier import open_model
from clothes.system.checksums import add_checksum, json_text, sha256_file
from clothes.system.files import TEMP_PREFIX, publish, set_mode, sync_all
from clothes.system.progress import Progress


class Format(NamedTuple):
    """How a format is written into an empty folder. Returns the scorer of what it wrote."""

    write: Callable[[Source, Path], Scorer]
    converted: bool  # made from the Keras weights; else a copy of the bundle's own model
    has_int8: bool  # 8-bit weights on request, or always


FORMATS = {
    "onnx": Format(to_onnx, converted=True, has_int8=True),
    "litert": Format(to_litert, converted=False, has_int8=True),
    "saved-model": Format(to_saved_model, converted=True, has_int8=False),
    "keras": Format(to_keras, converted=True, has_int8=False),
    "space": Format(to_space, converted=False, has_int8=True),
}


@dataclass(frozen=True)
class Export:
    """An export, and how it agrees with its bundle on the golden samples ("probes") and on pictures.

    `conversion` is the largest difference of a score from the Keras network that it was made from; None for a copy.
    `files` maps paths to SHA-256 checksums.
    """

    path: Path
    format: str
    compared: tuple[Agreement, ...]
    conversion: float | None
    files: dict[str, str]

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
    """Writes a bundle, or the bundle of a run, in another format into the new folder `out`.

    `to` is one of FORMATS. export.json beside the model holds the classes in order, the preprocessing, inputs, outputs
    and the agreement; an ONNX file holds the same inside. With `int8` an ONNX file has 8-bit weights, as LiteRT always.

    The export is compared with the bundle on the golden samples and on 100 pictures: of the folder `photos`, else of
    the bundle's run (validation photos first, never the test part), filled up with starter pictures. Raises
    ExportError, and leaves nothing, if over 5 % of the labels differ or a score differs by more than 0.25. Raises
    BundleError if the format needs Keras weights and the bundle has none.
    """
    if to not in FORMATS:
        raise ConfigError(f"There is no format {to!r}. Choose one of {', '.join(FORMATS)}.")
    if int8 and not FORMATS[to].has_int8:
        raise ConfigError(f"A {to} export is in float32. Use --int8 with onnx; litert and space always have 8 bits.")
    chosen, source, out = FORMATS[to], Source(read_bundle(model), int8=int8), Path(out)
    _require_free(out)
    bundled = lite_scorer(open_model(source.bundle))  # refuses an unsafe model before anything is written
    samples = [
        ("probes", source.bundle.probes()[0]),
        comparison_pictures(source.bundle, Path(photos) if photos is not None else None),
    ]
    report = progress or (lambda done, total: None)
    with _new_folder(out) as folder:
        exported = chosen.write(source, folder)
        report(1, 1 + len(samples))
        network = source.network_scorer if chosen.converted else None
        agreements, conversion = _compare(exported, bundled, network, samples, report)
        if conversion is not None and not int8:
            require_equality(to, conversion)
        require_agreement(to, agreements, exact=not chosen.converted)
        result = Export(out, to, tuple(agreements), conversion, _checksums(folder))
        _write_description(folder, source, result)
    return result


def _compare(
    exported: Scorer,
    bundled: Scorer,
    network: Scorer | None,
    samples: list[tuple[str, np.ndarray]],
    progress: Progress,
) -> tuple[list[Agreement], float | None]:
    """Compares an export with its bundle on each sample, and with the Keras network if it was converted from one."""
    agreements, differences = [], []
    for done, (what, pictures) in enumerate(samples, 2):
        scores = exported(pictures)
        agreements.append(compare(what, scores, bundled(pictures)))
        if network:
            differences.append(largest_difference(scores, network(pictures)))
        progress(done, 1 + len(samples))
    return agreements, max(differences, default=None)


def _require_free(out: Path) -> None:
    if os.path.lexists(out) and not (out.is_dir() and not any(out.iterdir())):
        raise ExportError(f"{out} is in use and stays as it is. Name a new folder: --out.")


@contextmanager
def _new_folder(out: Path) -> Iterator[Path]:
    """Yields a temporary folder, which becomes `out` at the end of the block and is removed if the block raises."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=TEMP_PREFIX, dir=out.parent))
    except OSError as error:
        raise ExportError(f"Nothing can be written to {out}: {error.strerror}. Name another folder: --out.") from None
    try:
        yield folder
        set_mode(folder, 0o755)
        sync_all()
        publish(folder, out)
    except OSError as error:
        raise ExportError(f"The export cannot be written to {out}: {error.strerror}. Name another --out.") from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _checksums(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): sha256_file(path) for path in files}


def _write_description(folder: Path, source: Source, result: Export) -> None:
    described = source.description | {"format": result.format, "int8": source.int8} | asdict(result)
    del described["path"]
    (folder / "export.json").write_text(json_text(add_checksum(described)), encoding="utf-8")
