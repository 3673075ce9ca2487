"""The recogniser as a static page: photos are answered in the visitor's browser."""

from pathlib import Path
from typing import Any

import numpy as np

from clothes.exporting.agreement import Pictures, Scorer
from clothes.exporting.source_bundle import Source, lite_scorer
from clothes.exporting.web_page import Content, Visit, files_of, write_page
from clothes.exporting.web_runtime import integrity
from clothes.inference.bundle import MODEL, Bundle
from clothes.inference.litert import LiteModel
from clothes.models.litert_head import fix_batch

_PARTS = ("recogniser/answers.js", "recogniser/recogniser.js", "recogniser/own_words.js")


def to_web(source: Source, folder: Path) -> Scorer:
    """Writes the page. Its scorer asks the page in Chromium, or without one the copied model alone.

    Raises ExportError without LiteRT.js.
    """
    model = fix_batch(source.bundle.file(MODEL))
    content = Content("What is it?", _PARTS, {MODEL: model}, _describe(source.bundle, model))
    visit = write_page(source, folder, content)
    if visit is None:
        source.notes.append(
            "There is no Chromium here, so the page was not opened: neither its pixels nor its LiteRT.js were checked, "
            "only that its model is the bundle's."
        )
        return lite_scorer(LiteModel(model))
    source.notes.append("The page itself was asked, in Chromium.")
    return _PageScorer(visit, len(source.bundle.classes))


class _PageScorer:
    """Asks the page in Chromium. A photo that the page cannot read has scores NaN."""

    def __init__(self, visit: Visit, classes: int) -> None:
        self._visit, self._classes = visit, classes

    def __call__(self, pictures: Pictures) -> np.ndarray:
        cells = [row[4 : 4 + self._classes] for row in self._visit.rows(files_of(pictures))]
        return np.array([[float(cell) if cell else np.nan for cell in row] for row in cells], dtype=np.float32)


def _describe(bundle: Bundle, model: bytes) -> dict[str, Any]:
    """Returns what the page needs to answer, and what it says of its accuracy."""
    return {
        "classes": list(bundle.classes),
        "threshold": bundle.threshold,
        "image_size": bundle.image_size,
        "model": integrity(model),
        "metrics": {
            part: {key: found[key] for key in ("accuracy", "interval", "photos")}
            for part, found in bundle.info.get("metrics", {}).items()
            if part in ("test", "validation")
        },
    }
