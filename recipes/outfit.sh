#!/bin/sh
# Trains the network of outfits with three seeds, publishes the best on validation photos, and measures all three on the
# held-out photos, which choose nothing.
#   recipes/outfit.sh DATA [RUN]
# recipes/outfit_photos.py describes DATA. RUN is the run of recipes/bundled.sh from which the bundled model came: the
# trunk starts from it. A first network draws masks of the tagged photos, from which it then learns. A seed takes 80 minutes
# on two cores.
set -e
data=runs/outfit-data
uv run python recipes/outfit_photos.py "$1" $data
for seed in 0 1 2; do
  first=runs/outfit-first-$seed
  uv run python recipes/outfit_train.py $data/examples.csv $first --seed $seed ${2:+--start "$2"}
  uv run python recipes/outfit_tagged.py $data/examples.csv $first/weights.npz $data/with-masks-$seed.csv
  uv run python recipes/outfit_train.py $data/with-masks-$seed.csv runs/outfit-$seed --seed $seed --steps 2800 \
    --weights $first/weights.npz
  uv run clothes verify runs/outfit-$seed
  uv run python benchmarks/outfits.py "$1" runs/outfit-$seed/bundle --part validation
done
uv run python recipes/outfit_ship.py runs/outfit-0 runs/outfit-1 runs/outfit-2
for seed in 0 1 2; do uv run python benchmarks/outfits.py "$1" runs/outfit-$seed/bundle; done
