#!/bin/sh
# Measures the gain of tuning on clothing-dataset-small: a search, a random search of the same time, and trainings.
#   recipes/tuning.sh PHOTOS PEOPLE.csv
# The validation part is split by person; the test part chooses nothing. The search begins with seed 0, the trainings
# have other seeds. Takes two hours and ten minutes on two cores.
set -e
split=runs/tuning-split.csv
mkdir -p runs
uv run clothes split "$1" --groups "$2" --out $split --overwrite
uv run clothes tune "$1" --split $split --scale 0.67 --minutes 45 --out tunings/tpe
uv run python benchmarks/random_search.py "$1" $split tunings/random 45 0.67
uv run python benchmarks/pruning.py tunings/random
for seed in 1 2 3; do
  uv run clothes train "$1" --split $split --seed $seed --out runs/default-$seed
  uv run clothes train "$1" --split $split --config tunings/tpe/config.json --seed $seed --out runs/tuned-$seed
done
for run in runs/default-? runs/tuned-?; do uv run clothes evaluate "$run"; done
uv run python benchmarks/accuracy.py runs/default-?
uv run python benchmarks/accuracy.py runs/tuned-?
