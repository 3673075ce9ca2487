"""Publishes the best of several runs, by validation loss, as the bundled model, and writes its model card.

    uv run python recipes/bundled_ship.py RUN...

Each RUN must be evaluated on its test part and, with --out RUN/KIND, on the held-out photos of each kind.
"""

import csv
import json
import statistics
import sys
from pathlib import Path

from clothes.evaluation.results import read_evaluation
from clothes.inference.bundle import WEIGHTS, write_bundle
from clothes.inference.classifier import BUNDLED
from clothes.inference.confidence import percent
from clothes.inference.run import Run
from clothes.photos.folders import OTHER
from clothes.report import plots

ROOT = Path(__file__).parents[1]
CARD = Path(__file__).parent / "bundled_card.md"
KINDS = {
    "street": "garments as worn, cut out of street photos that are not in train",
    "catalogue": "shop pictures on white",
    "kids": "children's clothes, photographed with phones",
    "try-on": "garments laid flat on white",
    "worn-grey": "worn shorts, skirts and trousers, grey; none of this kind in train",
}


def main(paths: list[Path]) -> None:
    runs = [Run.open(path) for path in paths]
    run = min(runs, key=lambda run: run.bundle.info["metrics"]["validation"]["loss"])
    bundle = run.bundle
    kept = {name: bundle.file(name) for name in bundle.info["files"] if name != WEIGHTS}
    published = write_bundle(BUNDLED, bundle.info | {"name": "clothes"}, kept)
    for path in BUNDLED.iterdir():
        print(f"{path.relative_to(ROOT)}  {path.stat().st_size / 1e6:.2f} MB")

    images = ROOT / "docs" / "images"
    test, kinds = read_evaluation(run.path), {kind: read_evaluation(run.path / kind) for kind in KINDS}
    title = f"Accuracy {percent(test['accuracy'])} on {test['photos']} test photos"
    plots.save(plots.confusion(test["classes"], test["confusion"], title=title), images / "bundled-confusion.png")
    with (run.path / "predictions.csv").open(encoding="utf-8", newline="") as file:
        answers = [row for row in csv.DictReader(file) if row["truth"] != OTHER]
    confidence = [float(row["confidence"]) for row in answers]
    right = [row["truth"] == row["label"] for row in answers]
    plots.save(plots.reliability(confidence, right), images / "bundled-reliability.png")
    (ROOT / "docs" / "model-card.md").write_text(write_card(runs, run, test, kinds), encoding="utf-8")
    print(json.dumps(published.info["metrics"], indent=2))


def write_card(runs: list[Run], run: Run, test: dict, kinds: dict[str, dict]) -> str:
    info = run.bundle.info
    counts = run.split.counts()
    validation = info["metrics"]["validation"]
    accuracies = [read_evaluation(one.path)["accuracy"] for one in runs]
    wrong = [
        (count, f"{truth} for {answer} ({count} of {sum(row)})")
        for truth, row in zip(test["classes"], test["confusion"], strict=True)
        for answer, count in zip(test["classes"], row, strict=True)
        if truth != answer and count
    ]
    wrong.sort(key=lambda item: -item[0])
    return CARD.read_text(encoding="utf-8").format(
        classes=", ".join(info["classes"]),
        pixels=info["image_size"],
        size=sum(path.stat().st_size for path in BUNDLED.iterdir()) / 1e6,
        created=info["created"][:10],
        seed=info["seed"],
        test_photos=test["photos"],
        test=percent(test["accuracy"]),
        test_interval=interval(test),
        test_unsure=percent(1 - test["known"]),
        seeds=len(runs),
        mean=percent(statistics.mean(accuracies)),
        deviation=f"{100 * statistics.stdev(accuracies):.1f}" if len(runs) > 1 else "unknown",
        kinds="\n".join(kind_row(runs, kind, result) for kind, result in kinds.items()),
        validation_photos=validation["photos"],
        validation=percent(validation["accuracy"]),
        validation_interval=interval(validation),
        others=test["others"],
        accepted=f"{100 * test['others_known']:.1f} %",
        ece=test["ece"],
        temperature=info["temperature"],
        threshold=info["threshold"],
        per_class="\n".join(class_row(name, test, kinds["street"]) for name in test["classes"]),
        confusions=", ".join(text for _, text in wrong[:5]),
        train_photos=sum(count for name, count in counts["train"].items() if name != OTHER),
        train_others=counts["train"][OTHER],
    )


def interval(result: dict) -> str:
    low, high = result["interval"]
    return f"{percent(low)} to {percent(high)}"


def kind_row(runs: list[Run], kind: str, result: dict) -> str:
    mean = statistics.mean(read_evaluation(run.path / kind)["accuracy"] for run in runs)
    cells = [percent(result["accuracy"]), interval(result), percent(1 - result["known"]), percent(mean)]
    return f"| {result['photos']} {KINDS[kind]} | {' | '.join(cells)} | {result['ece']:.3f} |"


def class_row(name: str, test: dict, street: dict) -> str:
    ours, worn = test["per_class"][name], street["per_class"][name]
    cells = [*(ours[key] for key in ("precision", "recall", "f1")), ours["photos"], worn["recall"], worn["photos"]]
    shown = ["-" if cell is None else f"{cell:.2f}" if isinstance(cell, float) else str(cell) for cell in cells]
    return f"| {name} | " + " | ".join(shown) + " |"


if __name__ == "__main__":
    main([Path(path) for path in sys.argv[1:]])
