#!/bin/sh
# Forecasts the bundled model on kinds of photos that it has not seen: trains without a kind, and measures on it.
#   recipes/leave-one-kind-out.sh DATA
# 160 pixels and 5 epochs: ten minutes a kind on two cores.
set -e
for kind in street catalogue kids try-on; do
  uv run python recipes/bundled_photos.py "$1" runs/without-$kind-data --without $kind
  uv run clothes train runs/without-$kind-data/photos --config recipes/bundled.json --image-size 160 --epochs 5 \
    --out runs/without-$kind
  uv run clothes evaluate runs/without-$kind --photos runs/without-$kind-data/held-out/$kind --out runs/without-$kind/$kind
done
