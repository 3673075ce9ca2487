"""Ways to damage a copy of a bundle, each a function of its folder."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from clothes.inference.bundle import MODEL, PROBES, read_bundle, write_bundle
from clothes.system.arrays import pack_arrays

Damage = Callable[[Path], object]


def change_info(**changes: object) -> Damage:
    """Changes entries of bundle.json without its checksum."""

    def damage(copy: Path) -> None:
        info = json.loads((copy / "bundle.json").read_text())
        (copy / "bundle.json").write_text(json.dumps(info | changes))

    return damage


def update_info(**changes: Any) -> Damage:
    """Changes entries of bundle.json with the right checksum."""
    return lambda copy: read_bundle(copy).update(**changes)


def flip(name: str) -> Damage:
    """Inverts the byte in the middle of a file."""

    def damage(copy: Path) -> None:
        data = bytearray((copy / name).read_bytes())
        data[len(data) // 2] ^= 255
        (copy / name).write_bytes(data)

    return damage


def replace_model(data: bytes) -> Damage:
    """Replaces the model, with the right checksums."""

    def damage(copy: Path) -> None:
        (copy / MODEL).write_bytes(data)
        bundle = read_bundle(copy)
        bundle.update(files=bundle.info["files"] | {MODEL: hashlib.sha256(data).hexdigest()})

    return damage


def change_probe(number: int, by: float) -> Damage:
    """Changes a recorded score of one golden sample, with the right checksums."""

    def damage(copy: Path) -> None:
        bundle = read_bundle(copy)
        pictures, scores = bundle.probes()
        scores[number, 0] += by
        files = {name: bundle.file(name) for name in bundle.info["files"]}
        write_bundle(copy, bundle.info, files | {PROBES: pack_arrays(pictures=pictures, scores=scores)})

    return damage


def rename_output(model: bytes, old: bytes, new: bytes) -> bytes:
    """Returns a LiteRT model with another name of an output."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    parsed = schema.ModelT.InitFromPackedBuf(model)
    for end in parsed.signatureDefs[0].outputs:
        end.name = new if end.name == old else end.name
    builder = flatbuffers.Builder(len(model))
    builder.Finish(parsed.Pack(builder), b"TFL3")
    return bytes(builder.Output())
