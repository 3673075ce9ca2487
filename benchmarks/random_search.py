"""A random search beside `clothes tune`: the same space, epochs, size and time, every trial to its end, none twice.

uv run python benchmarks/random_search.py PHOTOS SPLIT.csv OUT MINUTES SCALE
"""

import sys

from clothes.training.search_space import SearchConfig
from clothes.training.tuning import run_search


def main(photos: str, split: str, out: str, minutes: str, scale: str) -> None:
    search = SearchConfig(minutes=float(minutes), scale=float(scale), sampler="random", prune=False)
    found = run_search(photos, search, split=split, out=out)
    done = sum(trial.state == "done" for trial in found.trials)
    print(f"{done} trials; best {found.best.score:.4f}; began with {found.trials[0].score:.4f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
