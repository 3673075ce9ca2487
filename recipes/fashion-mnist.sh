#!/bin/sh
# Measures the published figure for Fashion-MNIST: five seeds, 60,000 pictures (5 % of them validation), 10,000 test.
#   recipes/fashion-mnist.sh
set -e
uv run clothes data fashion-mnist --to data/fashion-mnist
[ -f data/fashion-mnist/split.csv ] || uv run clothes split data/fashion-mnist --ratios 90/5/5
for seed in 0 1 2 3 4; do
  uv run clothes train data/fashion-mnist --config recipes/fashion-mnist.json --seed $seed --out runs/fm-$seed
done
for seed in 0 1 2 3 4; do uv run clothes evaluate runs/fm-$seed; done
uv run python benchmarks/accuracy.py runs/fm-0 runs/fm-1 runs/fm-2 runs/fm-3 runs/fm-4
