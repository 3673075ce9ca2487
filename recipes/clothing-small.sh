#!/bin/sh
# Measures the published figure for clothing-dataset-small: three seeds, the test part opened once for each.
#   recipes/clothing-small.sh PHOTOS
set -e
for seed in 0 1 2; do
  uv run clothes train "$1" --config recipes/clothing-small.json --seed $seed --out runs/photos-$seed
done
for seed in 0 1 2; do uv run clothes evaluate runs/photos-$seed; done
uv run python benchmarks/accuracy.py runs/photos-0 runs/photos-1 runs/photos-2
