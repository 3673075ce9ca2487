"""The garments of each of many photos, as `clothes.inference.many` asks for them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import pyarrow as pa

from clothes.inference.bundle import MODEL, Bundle
from clothes.inference.classifier import Classifier
from clothes.inference.many.task import Answer, arrived, bundle_files, scores_type
from clothes.outfits.kinds import GARMENTS
from clothes.outfits.outfit_parser import OutfitParser
from clothes.system.checksums import sha256_json


@dataclass(frozen=True)
class OutfitTask:
    """Every garment of a photo. `files` is the content of a bundle of outfits, `namer` of the one that names crops."""

    files: Mapping[str, bytes]
    namer: Mapping[str, bytes]
    model: str
    classes: tuple[str, ...]

    @classmethod
    def of(cls, bundle: Bundle, namer: Bundle) -> Self:
        trained = [each.info["files"][MODEL] for each in (bundle, namer)]
        content = [*trained, bundle.classes, namer.classes, bundle.info["outfit"]]
        return cls(bundle_files(bundle), bundle_files(namer), sha256_json(content)[:16], bundle.classes)

    @property
    def columns(self) -> list[pa.Field]:
        scores = scores_type(tuple(name for name in self.classes if name in GARMENTS))
        color = pa.struct([("name", pa.string()), ("hex", pa.string()), ("share", pa.float32())])
        garment = pa.struct(
            [
                ("label", pa.string()),
                ("confidence", pa.float32()),
                ("known", pa.bool_()),
                ("box", pa.list_(pa.int32())),
                ("area", pa.float32()),
                ("colors", pa.list_(color)),
                ("scores", scores),
            ]
        )
        return [pa.field("garments", pa.list_(garment)), pa.field("scores", scores)]

    def load(self) -> Answer:
        with arrived(self.files) as bundle, arrived(self.namer) as namer:
            parser = OutfitParser(bundle, Classifier(namer))

        def answer(photo: bytes) -> dict[str, Any]:
            found = parser.parse(photo)
            return {"garments": [garment.to_dict() for garment in found.garments], "scores": found.scores}

        return answer
