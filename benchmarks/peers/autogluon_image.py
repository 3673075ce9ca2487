"""AutoGluon's `MultiModalPredictor` on photos as in its tutorial.

autogluon_image.py train PHOTOS MODEL SECONDS, or autogluon_image.py predict MODEL FOLDER
"""

import sys
from pathlib import Path

import pandas as pd
from autogluon.multimodal import MultiModalPredictor


def table(folder):
    paths = sorted(Path(folder).glob("*/*"))
    return pd.DataFrame({"image": map(str, paths), "label": [path.parent.name for path in paths]})


def train(photos, out, seconds):
    predictor = MultiModalPredictor(label="label", path=out)
    predictor.fit(table(f"{photos}/train"), tuning_data=table(f"{photos}/validation"), time_limit=int(seconds))


def predict(out, folder):
    predictor = MultiModalPredictor.load(out)
    paths = [str(path) for path in sorted(Path(folder).iterdir())]
    for path, label in zip(paths, predictor.predict({"image": paths}), strict=True):
        print(path, label, sep="\t")


if __name__ == "__main__":
    {"train": train, "predict": predict}[sys.argv[1]](*sys.argv[2:])
