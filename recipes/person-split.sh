#!/bin/sh
# Measures how optimistic a random split is: all photos of clothing-dataset-small, split by person and at random.
#   recipes/person-split.sh PHOTOS PEOPLE.csv
set -e
mkdir -p runs
uv run clothes split "$1" --pool --out runs/pooled-random.csv
uv run clothes split "$1" --pool --groups "$2" --out runs/pooled-person.csv
for kind in random person; do
  for seed in 0 1; do
    uv run clothes train "$1" --config recipes/clothing-small.json --split runs/pooled-$kind.csv --seed $seed \
      --out runs/pooled-$kind-$seed
    uv run clothes evaluate runs/pooled-$kind-$seed
  done
  uv run python benchmarks/accuracy.py runs/pooled-$kind-0 runs/pooled-$kind-1
done
