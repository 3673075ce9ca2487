"""Measures what fourteen classes would give: the ten of the bundled model, and blazer, hoodie, polo and undershirt.

    uv run python benchmarks/more_kinds.py DATA PHOTOS BUNDLE

DATA holds more-kinds/ and kids-and-more-kinds-people.csv, PHOTOS is photos/ of recipes/bundled_photos.py, and BUNDLE
was trained on its train part. A last layer, that of `--model quick`, is fitted to the bundle's features of the train
part and of the photos of the four kinds. A fifth of the senders of these is held out in turn, with what they sent of
the ten: that gives the recall of each kind. Its interval is from samples of the senders, as few of them sent most
photos. The ten are measured on the validation part, with the same layer fitted with and without the four. The test part
stays closed. The bundle's network itself has seen what some of these senders sent of the ten.

Four more classes are worth it if each reaches a recall of 0.75 and the ten lose at most 0.5 points.
"""

import argparse
import csv
import hashlib
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

import clothes
from clothes.inference.metrics import wilson_interval
from clothes.models.litert_head import Head
from clothes.photos.folders import OTHER
from clothes.photos.split_file import Row, Split
from clothes.training.quick.embedding_store import EmbeddingStore
from clothes.training.quick.linear_head import fit, make_folds

KINDS = ("blazer", "hoodie", "polo", "undershirt")
FOLDS = 5
RECALL, LOSS = 0.75, 0.005  # reached by each kind, and at most of the ten
SAMPLES = 10_000  # of the senders


class Layer:
    """Fits last layers to kept features; the strength of the shrinkage is chosen once, for the ten classes."""

    def __init__(self, store: EmbeddingStore, classes: Sequence[str]) -> None:
        self.store, self.classes = store, tuple(classes)
        self.strength: float | None = None

    def fit(self, rows: Sequence[Row]) -> Head:
        present = [name for name in self.classes if any(row.label == name for row in rows)]
        labels = np.array([present.index(row.label) for row in rows])
        folds = make_folds(labels, [row.group for row in rows], FOLDS)
        fitted = fit(partial(self.store.blocks, rows), labels, folds, len(present), strength=self.strength)
        self.strength = fitted.strength
        return fitted.head

    def answers(self, head: Head, rows: Sequence[Row]) -> list[str]:
        """Returns the class of each photo; the head's classes are the first of all."""
        scores, _ = head.apply(self.store.read(rows))
        return [self.classes[i] for i in scores.argmax(axis=1)]


def more_kinds(data: Path) -> list[Row]:
    """The photos of the four kinds, grouped by sender."""
    with (data / "kids-and-more-kinds-people.csv").open(encoding="utf-8", newline="") as file:
        sent = [(row["photo"], row["person"]) for row in csv.DictReader(file)]
    return [
        Row(photo, photo.split("/")[1], "train", sender, hashlib.sha256((data / photo).read_bytes()).hexdigest())
        for photo, sender in sent
        if photo.split("/")[1] in KINDS
    ]


def sender_of(row: Row) -> str:
    """The sender of a photo of the ten classes, as in the files of DATA; nothing for photos of other sources."""
    source, _, name = row.group.partition("-")
    return name if source in ("small", "kids") else ""


def hold_out_in_turn(layer: Layer, train: Sequence[Row], four: Sequence[Row]) -> list[str]:
    """Returns the answer for each photo of the four kinds by a layer that saw no photo of its sender."""
    folds = make_folds(np.array([KINDS.index(row.label) for row in four]), [row.group for row in four], FOLDS)
    answers = [""] * len(four)
    for fold in range(FOLDS):
        held = [i for i in range(len(four)) if folds[i] == fold]
        senders = {four[i].group for i in held}
        rows = [row for row in train if sender_of(row) not in senders]
        head = layer.fit(rows + [four[i] for i in range(len(four)) if folds[i] != fold])
        for i, answer in zip(held, layer.answers(head, [four[i] for i in held]), strict=True):
            answers[i] = answer
    return answers


def interval_of_senders(right: np.ndarray, senders: Sequence[str]) -> tuple[float, float]:
    """The 95 % interval of the mean of `right` (N,), from samples of the senders with replacement."""
    names = sorted(set(senders))
    sums = np.array([[right[[s == name for s in senders]].sum(), senders.count(name)] for name in names])
    drawn = sums[np.random.default_rng(0).integers(len(names), size=(SAMPLES, len(names)))].sum(axis=1)
    low, high = np.quantile(drawn[:, 0] / drawn[:, 1], [0.025, 0.975])
    return float(low), float(high)


def show_kinds(four: Sequence[Row], answers: Sequence[str]) -> bool:
    """Prints the recall of each kind and what it was taken for. Returns whether all reach the bar."""
    reached = []
    for kind in KINDS:
        mine = [i for i, row in enumerate(four) if row.label == kind]
        right, senders = np.array([answers[i] == kind for i in mine]), [four[i].group for i in mine]
        low, high = interval_of_senders(right, senders)
        taken = Counter(answers[i] for i in mine if answers[i] != kind).most_common(3)
        reached.append(right.mean() >= RECALL)
        print(
            f"{kind:12} recall {right.mean():.3f} ({low:.2f} to {high:.2f}) of {len(mine)} photos of "
            f"{len(set(senders))} senders; taken for {', '.join(f'{name} {count}' for name, count in taken)}"
        )
    return all(reached)


def show_ten(layer: Layer, train: Sequence[Row], four: Sequence[Row], validation: Sequence[Row]) -> bool:
    """Prints the accuracy of the ten classes with and without the four. Returns whether they lose little enough."""
    right = {}
    for name, rows in (("ten classes", train), ("fourteen", [*train, *four])):
        answers = layer.answers(layer.fit(rows), validation)
        right[name] = np.array([answer == row.label for answer, row in zip(answers, validation, strict=True)])
        low, high = wilson_interval(int(right[name].sum()), len(validation))
        print(f"{name:12} {right[name].mean():.4f} ({low:.3f} to {high:.3f}) of {len(validation)} validation photos")
    taken = Counter((row.label, answer) for row, answer in zip(validation, answers, strict=True) if answer in KINDS)
    print("taken for the four:", ", ".join(f"{a} for {b} {count}" for (a, b), count in taken.most_common()) or "none")
    return bool(right["ten classes"].mean() - right["fourteen"].mean() <= LOSS)


def main(data: Path, photos: Path, bundle: Path) -> None:
    network, split = clothes.load(bundle), Split.read(photos / "split.csv", photos)
    train, validation = ([row for row in split.part(part) if row.label != OTHER] for part in ("train", "validation"))
    four = more_kinds(data)
    store = EmbeddingStore(network)
    for root, rows in ((photos, [*train, *validation]), (data, four)):
        store.fill(root, rows, lambda done, total: None)
    own = [answer.label for answer in network.predict_many(photos / row.photo for row in validation)]
    share = np.mean([label == row.label for label, row in zip(own, validation, strict=True)])
    print(f"{'the bundle':12} {share:.4f}")
    layer = Layer(store, (*split.classes, *KINDS))
    kept = show_ten(layer, train, four, validation)
    reached = show_kinds(four, hold_out_in_turn(layer, train, four))
    print(f"each kind reaches {RECALL}: {reached}; the ten lose at most {100 * LOSS:g} points: {kept}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    for name in ("data", "photos", "bundle"):
        parser.add_argument(name, type=Path)
    given = parser.parse_args()
    main(given.data, given.photos, given.bundle)
