#!/bin/sh
# Measures what a teacher gives the project's own CNN: the same training with and without --teacher, two seeds.
#   recipes/teacher.sh SMALL PEOPLE.csv [EPOCHS]
# SMALL is clothing-dataset-small, 96 pixels, with its test part and a validation part by person. The teacher is the bundled
# model. It was trained on all train photos of SMALL and chosen by its validation part (recipes/bundled_photos.py makes the
# same parts), so both see the same photos, and its validation flatters the student's, too. Only the test part was seen by
# neither: its senders are in no other part. That the teacher also learned from photos of other kinds is its advantage.
set -e
epochs=${3:-40}
mkdir -p runs
uv run clothes split "$1" --groups "$2" --out runs/teacher-split.csv
for seed in 0 1; do
  for teacher in "" "--teacher bundled"; do
    name=runs/teacher-${teacher:+with-}$seed
    uv run clothes train "$1" --config recipes/clothing-small.json --epochs "$epochs" --split runs/teacher-split.csv \
      --seed $seed $teacher --out "$name"
    uv run clothes evaluate "$name"
  done
done
uv run python benchmarks/accuracy.py runs/teacher-0 runs/teacher-1
uv run python benchmarks/accuracy.py runs/teacher-with-0 runs/teacher-with-1
for seed in 0 1; do uv run clothes compare runs/teacher-$seed runs/teacher-with-$seed; done
