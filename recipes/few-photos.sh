#!/bin/sh
# Measures the accuracy with few photos: 40 of each of three classes, three seeds, tested on others of these classes.
#   recipes/few-photos.sh PHOTOS      (clothing-dataset-small)
set -e
here=runs/few-photos
for class in shirt shoes hat; do
  mkdir -p $here/photos/$class $here/others/$class
  ls "$1"/train/$class/*.jpg | head -40 | xargs -I{} cp {} $here/photos/$class
  ls "$1"/train/$class/*.jpg | tail -n +41 | head -120 | xargs -I{} cp {} $here/others/$class
done
for seed in 0 1 2; do
  uv run clothes train $here/photos --seed $seed --out $here/run-$seed
  uv run clothes evaluate $here/run-$seed --photos $here/others --out $here/result-$seed
done
