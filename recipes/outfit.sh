#!/bin/sh
# Trains the bundled network of outfits, publishes it and measures it on validation photos.
#   recipes/outfit.sh DATA [RUN]
# recipes/outfit_photos.py describes DATA. RUN is the run of recipes/bundled.sh from which the bundled model came: the
# trunk starts from it. A first network draws masks of the tagged photos, from which it then learns. Takes 90 minutes on
# two cores.
set -e
uv run python recipes/outfit_photos.py "$1" runs/outfit-data
uv run python recipes/outfit_train.py runs/outfit-data/examples.csv runs/outfit-first ${2:+--start "$2"}
uv run python recipes/outfit_tagged.py runs/outfit-data/examples.csv runs/outfit-first/weights.npz \
    runs/outfit-data/with-masks.csv
uv run python recipes/outfit_train.py runs/outfit-data/with-masks.csv runs/outfit \
    --weights runs/outfit-first/weights.npz --steps 2800
uv run clothes verify runs/outfit
mkdir -p clothes/outfits/bundled
cp runs/outfit/bundle/* clothes/outfits/bundled/
uv run python benchmarks/outfits.py "$1" --part validation # the held-out photos are for the end, once
