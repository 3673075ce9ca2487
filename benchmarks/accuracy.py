"""Prints mean and standard deviation over the seeds of evaluated runs, also of the evaluations in their subfolders.

uv run python benchmarks/accuracy.py runs/photos-0 runs/photos-1 runs/photos-2
"""

import statistics
import sys
from pathlib import Path

from clothes.evaluation.results import read_evaluation
from clothes.inference.run import Run


def main(paths: list[str]) -> None:
    print("| run | seed | best epoch | validation | test | 95 % interval | calibration error | test part opened |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    found = []
    for path in paths:
        run = Run.open(Path(path))
        info, result = run.bundle.info, read_evaluation(run.path)
        low, high = result["interval"]
        validation = info["metrics"]["validation"]["accuracy"]
        found.append((validation, result["accuracy"], result["ece"]))
        cells = [run.path.name, info["seed"], info["epochs"]["best"], f"{validation:.4f}", f"{result['accuracy']:.4f}"]
        cells += [f"{low:.3f} to {high:.3f}", f"{result['ece']:.3f}", result["test_part_opened"]]
        print("| " + " | ".join(map(str, cells)) + " |")
    for name, values in zip(("validation", "test", "calibration error"), zip(*found, strict=True), strict=True):
        deviation = statistics.stdev(values) if len(values) > 1 else float("nan")
        print(f"\n{name}: mean {statistics.mean(values):.4f}, standard deviation {deviation:.4f}, {len(values)} seeds")
    print_kinds([Path(path) for path in paths])


def print_kinds(paths: list[Path]) -> None:
    """Prints the evaluations in the subfolders of runs."""
    kinds = sorted(path.parent.name for path in paths[0].glob("*/evaluation.json"))
    if kinds:
        print("\n| kind | photos | accuracy of each seed | mean | kept | calibration error |")
        print("| --- | --- | --- | --- | --- | --- |")
    for kind in kinds:
        results = [read_evaluation(path / kind) for path in paths]
        mean = {name: statistics.mean(result[name] for result in results) for name in ("accuracy", "known", "ece")}
        cells = [kind, results[0]["photos"], ", ".join(f"{result['accuracy']:.3f}" for result in results)]
        print("| " + " | ".join(map(str, cells + [f"{value:.3f}" for value in mean.values()])) + " |")


if __name__ == "__main__":
    main(sys.argv[1:])
