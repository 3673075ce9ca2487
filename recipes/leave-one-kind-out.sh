#!/bin/sh
# Forecasts the bundled model on kinds of photos that it has not seen: trains without a kind, and measures on it.
#   recipes/leave-one-kind-out.sh DATA
# Few photos are of children's clothes or laid flat, so one training is without both. 160 pixels and 5 epochs: eight
# minutes a training on two cores.
set -e
for kinds in "street" "catalogue" "kids try-on"; do
  name=without-$(echo $kinds | tr ' ' '-')
  uv run python recipes/bundled_photos.py "$1" runs/$name-data --without $kinds
  uv run clothes train runs/$name-data/photos --config recipes/bundled.json --image-size 160 --epochs 5 --out runs/$name
  for kind in $kinds worn-grey; do
    uv run clothes evaluate runs/$name --photos runs/$name-data/held-out/$kind --out runs/$name/$kind
  done
done
uv run python benchmarks/accuracy.py runs/without-street
