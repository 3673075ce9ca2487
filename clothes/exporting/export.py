"""`export`: a bundle -> a folder in another format, which appears only if its answers agree with the bundle's."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from clothes.errors import ConfigError, ExportError
from clothes.exporting.agreement import (
    CONVERTED,
    CONVERTED_CELLS,
    EQUAL,
    IN_BROWSER,
    OUTFITS_IN_BROWSER,
    Agreement,
    Limits,
    Pictures,
    compare,
    comparison_pictures,
    require_agreement,
    require_equality,
)
from clothes.exporting.outfit_to_web import bundle_finder, compare_outfits, outfit_to_web
from clothes.exporting.source_bundle import Source, keras_scorer, lite_scorer
from clothes.exporting.to_onnx import litert_to_onnx, to_onnx
from clothes.exporting.to_space import to_space
from clothes.exporting.to_tensorflow import to_keras, to_litert, to_saved_model
from clothes.exporting.to_web import to_web
from clothes.exporting.web_runtime import LOCAL
from clothes.inference.bundle import read_bundle
from clothes.inference.classifier import open_model
from clothes.system.checksums import add_checksum, json_text, sha256_file
from clothes.system.files import publish, sync_all, temporary_folder
from clothes.system.progress import Progress


class Answers(NamedTuple):
    """What of an export is compared with its bundle: what the bundle answers to pictures, and the comparison."""

    of_bundle: Callable[[Source], Callable[[Pictures], Any]]
    compare: Callable[[str, Any, Any], Agreement]


SCORES = Answers(lambda source: lite_scorer(open_model(source.bundle), source.answer), compare)
OUTFITS = Answers(bundle_finder, compare_outfits)


class Format(NamedTuple):
    """How a format is written into an empty folder. Returns what gives the answers of what it wrote."""

    write: Callable[[Source, Path], Callable[[Pictures], Any]]
    converted: bool  # made from the Keras weights; else a copy of the bundle's own model
    has_int8: bool  # 8-bit weights on request, or always
    limits: Limits
    answers: Answers = SCORES
    outputs: tuple[str, ...] = ()  # of the model, if it keeps but some of the bundle's


FORMATS = {
    "onnx": Format(to_onnx, converted=True, has_int8=True, limits=CONVERTED),
    "litert": Format(to_litert, converted=False, has_int8=True, limits=EQUAL),
    "saved-model": Format(to_saved_model, converted=True, has_int8=False, limits=CONVERTED),
    "keras": Format(to_keras, converted=True, has_int8=False, limits=CONVERTED),
    "space": Format(to_space, converted=False, has_int8=True, limits=EQUAL),
    "web": Format(to_web, converted=False, has_int8=True, limits=IN_BROWSER),
}
OUTFIT_FORMATS = {  # of a bundle of outfits, which has no Keras weights
    "onnx": Format(litert_to_onnx, converted=False, has_int8=True, limits=CONVERTED_CELLS),
    "litert": FORMATS["litert"],
    "web": Format(
        outfit_to_web,
        converted=False,
        has_int8=True,
        limits=OUTFITS_IN_BROWSER,
        answers=OUTFITS,
        outputs=("regions",),
    ),
}


@dataclass(frozen=True)
class Export:
    """An export, and how it agrees with its bundle on the golden samples ("probes") and on pictures.

    `conversion` is the largest difference of a score from the Keras network that it was made from; None for a copy.
    `files` maps paths to SHA-256 checksums. `notes` say what else is to know, such as what was not checked.
    """

    path: Path
    format: str
    compared: tuple[Agreement, ...]
    conversion: float | None
    files: dict[str, str]
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return asdict(self) | {"path": str(self.path)}


def export(
    model: str | os.PathLike[str],
    *,
    to: str,
    out: str | os.PathLike[str],
    int8: bool = False,
    photos: str | os.PathLike[str] | None = None,
    runtime: str = LOCAL,
    progress: Progress | None = None,
) -> Export:
    """Writes a bundle, or the bundle of a run, in another format into the new folder `out`.

    `to` is one of FORMATS, for a bundle of outfits one of OUTFIT_FORMATS. export.json beside the model holds the
    classes in order, the preprocessing, inputs, outputs and the agreement; an ONNX file holds the same inside. With
    `int8` an ONNX file has 8-bit weights, as LiteRT always.

    The export is compared with the bundle on the golden samples and on 100 pictures: of the folder `photos`, else of
    the bundle's run (validation photos first, never the test part), filled up with starter pictures. Raises
    ExportError, and leaves nothing, if over 5 % of the labels differ or a score differs by more than 0.25; copies of
    the bundle's model must be equal, and of a web page a score may differ by 0.1. Of a bundle of outfits the cells of
    its maps are compared, of its web page the garments of whole pictures, and the sides of their boxes. Raises
    BundleError if the format needs Keras weights and the bundle has none.

    A web page is asked in a headless Chromium if one is here; `notes` say whether. Its `runtime` LiteRT.js is part of
    the folder ("local") or linked ("cdn"), from npm or from the cache; else it names a folder with its files.
    """
    if to not in FORMATS:
        raise ConfigError(f"There is no format {to!r}. Choose one of {', '.join(FORMATS)}.")
    source, out = Source(read_bundle(model), int8=int8, runtime=runtime), Path(out)
    _refuse_impossible(to, source, out)
    chosen = (OUTFIT_FORMATS if source.bundle.finds_outfits else FORMATS)[to]
    bundled = chosen.answers.of_bundle(source)  # refuses an unsafe one before anything is written
    samples = [
        Pictures("probes", list(probes := source.bundle.probes()[0]), probes),
        comparison_pictures(source.bundle, Path(photos) if photos is not None else None),
    ]
    report = progress or (lambda done, total: None)
    with _new_folder(out) as folder:
        exported = chosen.write(source, folder)
        report(1, 3)
        agreements, conversions = [], []
        for done, pictures in enumerate(samples, 2):
            scores = exported(pictures)
            agreements.append(chosen.answers.compare(pictures.what, scores, bundled(pictures)))
            if chosen.converted:
                expected = keras_scorer(source.network)(pictures)
                conversions.append(compare(pictures.what, scores, expected).difference)
            report(done, 3)
        conversion = max(conversions, default=None)
        if conversion is not None and not int8:
            require_equality(to, conversion)
        require_agreement(to, agreements, chosen.limits)
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        checksums = {path.relative_to(folder).as_posix(): sha256_file(path) for path in files}
        result = Export(out, to, tuple(agreements), conversion, checksums, tuple(source.notes))
        described = source.description | {"format": to, "int8": int8} | asdict(result)
        described["outputs"] = {name: described["outputs"][name] for name in chosen.outputs or described["outputs"]}
        del described["path"]
        (folder / "export.json").write_text(json_text(add_checksum(described)), encoding="utf-8")
    return result


def _refuse_impossible(to: str, source: Source, out: Path) -> None:
    """Raises ConfigError or ExportError if a bundle has no such export, or if `out` is in use."""
    if source.int8 and not FORMATS[to].has_int8:
        raise ConfigError(f"A {to} export is in float32. Use --int8 with onnx; litert, space, web always have 8 bits.")
    if source.bundle.finds_outfits and to not in OUTFIT_FORMATS:
        others = ", ".join(OUTFIT_FORMATS)
        raise ExportError(f"There is no {to} export of a bundle of outfits. Choose one of {others}.")
    if os.path.lexists(out) and not (out.is_dir() and not any(out.iterdir())):
        raise ExportError(f"{out} is in use and stays as it is. Name a new folder: --out.")


@contextmanager
def _new_folder(out: Path) -> Iterator[Path]:
    """Yields a temporary folder, which becomes `out` at the end of the block and is removed if the block raises."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with temporary_folder(out.parent) as folder:
            yield folder
            sync_all()
            publish(folder, out)
    except OSError as error:
        raise ExportError(f"Nothing can be written to {out}: {error.strerror}. Name another folder: --out.") from None
