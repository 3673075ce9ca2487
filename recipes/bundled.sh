#!/bin/sh
# Trains the bundled model with three seeds, and publishes the best on validation photos with its model card.
#   recipes/bundled.sh DATA
# recipes/bundled_photos.py describes DATA and the held-out kinds. A seed takes 20 minutes on two cores.
set -e
uv run python recipes/bundled_photos.py "$1" runs/bundled-data
for seed in 0 1 2; do
  uv run clothes train runs/bundled-data/photos --config recipes/bundled.json --seed $seed --out runs/bundled-$seed
done
for seed in 0 1 2; do
  uv run clothes evaluate runs/bundled-$seed
  for kind in street kids catalogue try-on worn-grey; do
    uv run clothes evaluate runs/bundled-$seed --photos runs/bundled-data/held-out/$kind --out runs/bundled-$seed/$kind
  done
done
uv run python benchmarks/accuracy.py runs/bundled-0 runs/bundled-1 runs/bundled-2
uv run python recipes/bundled_ship.py runs/bundled-0 runs/bundled-1 runs/bundled-2
