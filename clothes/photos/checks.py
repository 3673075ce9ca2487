"""`check`: what is wrong with a folder of photos -> CheckReport. Changes nothing."""

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from clothes.photos.duplicates import Record, Survey
from clothes.photos.folders import OTHER, Skipped, list_class_folders
from clothes.system.text import columns, padded, plain

TINY = 32  # pixels: shorter sides than this hold too little to see
LONG = 4.0  # times as long as wide
FEW = 20  # photos of a class
UNEQUAL = 10.0  # the largest class over the smallest
_SHOWN = 3  # examples of each finding


@dataclass(frozen=True)
class Unreadable:
    """A photo that cannot be used: `code` is one of `clothes.photos.decode`, `reason` a sentence."""

    path: str
    code: str
    reason: str


@dataclass(frozen=True)
class Alike:
    """Two photos that look the same: `kind` is exact (the same file, byte for byte) or near.

    Each further copy of a file is listed once, beside the first.
    """

    photo: str
    other: str
    kind: str


@dataclass(frozen=True)
class CheckReport:
    """What a check found. Every photo is in `counts` (part or "all" -> class -> photos) or among the `unreadable`."""

    root: Path
    photos: int
    classes: tuple[str, ...]
    counts: dict[str, dict[str, int]]
    unreadable: tuple[Unreadable, ...]
    odd_files: tuple[Skipped, ...]
    tiny: tuple[str, ...]
    long: tuple[str, ...]
    within_class: tuple[Alike, ...]
    across_classes: tuple[Alike, ...]
    across_parts: tuple[Alike, ...]
    located: tuple[str, ...]
    few: tuple[str, ...]
    untrained: tuple[str, ...]
    imbalance: float

    def to_json(self) -> dict[str, Any]:
        """Everything, as plain lists and numbers."""
        return {name: value for name, value in asdict(self).items() if name != "root"}

    def __str__(self) -> str:
        return "\n".join([*self._table(), "", *self._findings()])

    def _table(self) -> list[str]:
        parts = list(self.counts)
        names = sorted({*self.classes, *(name for found in self.counts.values() for name in found)})
        width = max(map(columns, (*names, "class")))
        head = f"{'class':{width}}" + "".join(f"{part if part != 'all' else 'photos':>12}" for part in parts)
        rows = [padded(name, width) + "".join(f"{self.counts[p].get(name, 0):>12,}" for p in parts) for name in names]
        total = f"{'':{width}}" + "".join(f"{sum(self.counts[p].values()):>12,}" for p in parts)
        return [head, *rows, total]

    def _findings(self) -> list[str]:
        lines: list[str] = []

        def tell(found: Sequence[object], noun: str, what: str, advice: str) -> None:
            if found:
                ending = "" if len(found) == 1 else "es" if noun.endswith("s") else "s"
                lines.append(f"{len(found):,} {noun}{ending} {what}. {advice}")
                lines.extend(f"    {_example(item)}" for item in found[:_SHOWN])
                if len(found) > _SHOWN:
                    lines.append(f"    ... and {len(found) - _SHOWN:,} more: --json lists all")

        tell(self.unreadable, "photo", "that cannot be read", "Left out; to be replaced or deleted.")
        tell(self.across_parts, "look-alike pair", "in two parts", "This flatters the test: `clothes split --pool`.")
        tell(self.across_classes, "look-alike pair", "in two classes", "One of the two labels is probably wrong.")
        tell(self.within_class, "look-alike pair", "within a class", "`clothes split` keeps both on one side.")
        tell(self.tiny, "tiny photo", f"(a side under {TINY} pixels)", "Too little to see.")
        tell(self.long, "photo", f"over {LONG:g} times as long as wide", "Best cut to the garment.")
        tell(self.odd_files, "item", "skipped", "Should any be a photo?")
        tell(self.few, "class", f"with under {FEW} photos", "Collect more first.")
        tell(self.untrained, "class", "in test or validation but not in train", "Train needs photos of each.")
        tell(self.located, "photo", "with the place where it was taken (GPS)", "Mind that before sharing.")
        if not self.classes:
            lines.append(f"There are no classes beside {OTHER}, whose photos show none. Make a folder for each class.")
        elif len(self.classes) < 2:
            lines.append(
                f"There is one class only, {plain(self.classes[0])}; a recogniser needs two. If that folder holds the "
                "class folders, name it instead."
            )
        if self.imbalance > UNEQUAL:
            lines.append(f"The largest class has {self.imbalance:.0f} times the photos of the smallest.")
        return lines or ["Nothing wrong was found."]


def check(photos: str | os.PathLike[str], *, progress: Callable[[int, int], None] | None = None) -> CheckReport:
    """What is wrong with a folder of class folders: unreadable, tiny, long, look-alike, unequal. Changes nothing.

    Raises PhotosError when there is no folder, or no photo in it.
    """
    listing = list_class_folders(photos)
    with Survey(listing, progress=progress) as survey:
        records, pairs = survey.records, survey.pairs()
    good = [record for record in records if record.error is None]
    counts = {
        part or "all": dict(sorted(Counter(record.label for record in good if record.part == part).items()))
        for part in listing.parts or (None,)
    }
    sizes = Counter(record.label for record in good if record.label != OTHER)
    tiny = [record.path for record in good if min(record.width, record.height) < TINY]
    alike = [(records[pair.a], records[pair.b], pair.kind) for pair in pairs]

    def those(holds: Callable[[Record, Record], bool]) -> tuple[Alike, ...]:
        return tuple(Alike(a.path, b.path, kind) for a, b, kind in alike if holds(a, b))

    trained = set(counts["train"]) if "train" in counts else set(listing.classes)
    return CheckReport(
        root=listing.root,
        photos=len(good),
        classes=listing.classes,
        counts=counts,
        unreadable=tuple(Unreadable(r.path, r.error.code, r.error.reason) for r in records if r.error is not None),
        odd_files=listing.skipped,
        # Where most are that small it is the data set's way, as in Fashion-MNIST, and no finding.
        tiny=tuple(tiny) if len(tiny) < len(good) / 2 else (),
        long=tuple(r.path for r in good if max(r.width, r.height) > LONG * min(r.width, r.height)),
        within_class=those(lambda a, b: a.label == b.label and a.part == b.part),
        across_classes=those(lambda a, b: a.label != b.label),
        across_parts=those(lambda a, b: a.part != b.part),
        located=tuple(r.path for r in good if r.located),
        few=tuple(f"{name}: {sizes[name]}" for name in listing.classes if sizes[name] < FEW),
        untrained=tuple(name for name in listing.classes if name not in trained),
        imbalance=max(sizes.values(), default=0) / max(1, min(sizes.values(), default=1)),
    )


def _example(item: object) -> str:
    if isinstance(item, Skipped | Unreadable):
        return plain(f"{item.path}: {item.reason}")
    if isinstance(item, Alike):
        return plain(f"{item.photo}  {'=' if item.kind == 'exact' else '~'}  {item.other}")
    return plain(str(item))
