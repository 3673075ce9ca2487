"""`check`: problems in a folder of photos -> CheckReport. Changes nothing."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from clothes.photos.duplicates import NearDuplicate, Pair, Record, Survey, Unreadable
from clothes.photos.folders import OTHER, Skipped, list_class_folders
from clothes.system.plurals import counted
from clothes.system.progress import Progress
from clothes.system.terminal_text import columns, padded, plain

TINY = 32  # pixels: a shorter side has too little detail
LONG = 4.0  # times as long as wide
FEW = 20  # photos of a class
UNEQUAL = 10.0  # the largest class divided by the smallest
_MAX_EXAMPLES = 3  # shown of each finding


@dataclass(frozen=True)
class CheckReport:
    """The findings of a check. Every photo is in `counts` (part or "all" -> class -> photos) or in `unreadable`."""

    root: Path
    photos: int
    classes: tuple[str, ...]
    counts: dict[str, dict[str, int]]
    unreadable: tuple[Unreadable, ...]
    odd_files: tuple[Skipped, ...]
    tiny: tuple[str, ...]
    long: tuple[str, ...]
    within_class: tuple[NearDuplicate, ...]
    across_classes: tuple[NearDuplicate, ...]
    across_parts: tuple[NearDuplicate, ...]
    located: tuple[str, ...]
    few: tuple[str, ...]
    untrained: tuple[str, ...]
    imbalance: float
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Returns everything but the folder as plain lists and numbers."""
        return {name: value for name, value in asdict(self).items() if name != "root"}

    def __str__(self) -> str:
        findings = [*map(plain, self.notes), *self._findings(), *self._class_findings()]
        return "\n".join([*self._table(), "", *(findings or ["No problem was found."])])

    def _table(self) -> list[str]:
        parts = list(self.counts)
        names = sorted({*self.classes, *(name for found in self.counts.values() for name in found)})
        width = max(map(columns, (*names, "class")))
        head = f"{'class':{width}}" + "".join(f"{part if part != 'all' else 'photos':>12}" for part in parts)
        rows = [padded(name, width) + "".join(f"{self.counts[p].get(name, 0):>12,}" for p in parts) for name in names]
        total = f"{'':{width}}" + "".join(f"{sum(self.counts[p].values()):>12,}" for p in parts)
        return [head, *rows, total]

    def _findings(self) -> Iterator[str]:
        findings: list[tuple[Sequence[object], str, str, str]] = [  # examples, noun, description, advice
            (self.unreadable, "photo", "that cannot be read", "Left out. Replace or delete them."),
            (self.across_parts, "near-duplicate pair", "in two parts", "The test is too easy: `clothes split --pool`."),
            (self.across_classes, "near-duplicate pair", "in two classes", "One of the labels is probably wrong."),
            (self.within_class, "near-duplicate pair", "within a class", "`clothes split` keeps both in one part."),
            (self.tiny, "tiny photo", f"(a side under {TINY} pixels)", "Too little detail."),
            (self.long, "photo", f"over {LONG:g} times as long as wide", "Crop them to the garment."),
            (self.odd_files, "item", "skipped", "Is one of them a photo?"),
            (self.few, "class", f"with under {FEW} photos", "Collect more first."),
            (self.untrained, "class", "in test or validation but not in train", "Train needs photos of each class."),
            (self.located, "photo", "with the place where it was taken (GPS)", "Remember that before you share them."),
        ]
        for found, noun, description, advice in findings:
            if found:
                yield f"{counted(len(found), noun)} {description}. {advice}"
                yield from (f"    {_example(item)}" for item in found[:_MAX_EXAMPLES])
                if len(found) > _MAX_EXAMPLES:
                    yield f"    ... and {len(found) - _MAX_EXAMPLES:,} more: --json lists all"

    def _class_findings(self) -> Iterator[str]:
        if not self.classes:
            yield f"There are no classes beside {OTHER}, which is no class. Make a folder for each class."
        elif len(self.classes) == 1:
            yield (
                f"There is one class only, {plain(self.classes[0])}; a recogniser needs two. If that folder holds the "
                "class folders, name it instead."
            )
        if self.imbalance > UNEQUAL:
            yield f"The largest class has {self.imbalance:.0f} times the photos of the smallest."


def check(photos: str | os.PathLike[str], *, progress: Progress | None = None) -> CheckReport:
    """Find problems in a folder of class folders: unreadable, tiny, long, near-duplicate photos, unequal classes.

    Changes nothing. Raises PhotosError if the folder does not exist or has no photo.
    """
    listing = list_class_folders(photos)
    with Survey(listing, progress=progress) as survey:
        records, pairs = survey.records, survey.pairs()
    counts = {
        part or "all": dict(sorted(Counter(record.label for record in records if record.part == part).items()))
        for part in listing.parts or (None,)
    }
    sizes = Counter(record.label for record in records if record.label != OTHER)
    tiny = tuple(record.path for record in records if min(record.width, record.height) < TINY)
    trained = set(counts["train"]) if "train" in counts else set(listing.classes)
    return CheckReport(
        root=listing.root,
        photos=len(records),
        classes=listing.classes,
        counts=counts,
        unreadable=survey.unreadable,
        odd_files=listing.skipped,
        # Not a finding where most photos are that small, as in Fashion-MNIST.
        tiny=tiny if len(tiny) < len(records) / 2 else (),
        long=tuple(r.path for r in records if max(r.width, r.height) > LONG * min(r.width, r.height)),
        **_near_duplicates(records, pairs),
        located=tuple(r.path for r in records if r.located),
        few=tuple(f"{name}: {sizes[name]}" for name in listing.classes if sizes[name] < FEW),
        untrained=tuple(name for name in listing.classes if name not in trained),
        imbalance=max(sizes.values(), default=0) / max(1, min(sizes.values(), default=1)),
        notes=listing.notes,
    )


def _near_duplicates(records: Sequence[Record], pairs: Sequence[Pair]) -> dict[str, tuple[NearDuplicate, ...]]:
    """Returns the pairs by what separates them. One that differs in class and part is in both lists."""
    found: dict[str, list[NearDuplicate]] = {"within_class": [], "across_classes": [], "across_parts": []}
    for pair in pairs:
        a, b = records[pair.a], records[pair.b]
        near_duplicate = NearDuplicate(a.path, b.path, pair.kind)
        if a.label != b.label:
            found["across_classes"].append(near_duplicate)
        if a.part != b.part:
            found["across_parts"].append(near_duplicate)
        if a.label == b.label and a.part == b.part:
            found["within_class"].append(near_duplicate)
    return {name: tuple(listed) for name, listed in found.items()}


def _example(item: object) -> str:
    if isinstance(item, Skipped):
        return plain(f"{item.path}: {item.reason}")
    if isinstance(item, NearDuplicate):
        return plain(f"{item.photo}  {'=' if item.kind == 'exact' else '~'}  {item.other}")
    return plain(str(item))
