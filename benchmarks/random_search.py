"""A random search beside `clothes tune`: the same space, epochs and time, every trial to its end.

uv run python benchmarks/random_search.py PHOTOS SPLIT.csv OUT MINUTES
"""

import sys

from clothes.tuning import tune


def main(photos: str, split: str, out: str, minutes: str) -> None:
    found = tune(photos, split=split, out=out, minutes=float(minutes), sampler="random", prune=False)
    done = sum(trial.state == "done" for trial in found.trials)
    print(f"{done} trials; best {found.best.score:.4f}; began with {found.trials[0].score:.4f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
