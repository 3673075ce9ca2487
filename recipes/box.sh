#!/bin/sh
# The recogniser in the box: three seeds; the best on validation photos ships, with its model card.
#   recipes/box.sh DATA
# DATA is what recipes/box_photos.py says. A seed takes 20 minutes on two cores.
set -e
uv run python recipes/box_photos.py "$1" runs/box-data
for seed in 0 1 2; do
  uv run clothes train runs/box-data/photos --config recipes/box.json --seed $seed --out runs/box-$seed
done
for seed in 0 1 2; do
  uv run clothes evaluate runs/box-$seed
  uv run clothes evaluate runs/box-$seed --photos runs/box-data/street --out runs/box-$seed/street
done
uv run python benchmarks/accuracy.py runs/box-0 runs/box-1 runs/box-2
uv run python recipes/box_ship.py runs/box-0 runs/box-1 runs/box-2
