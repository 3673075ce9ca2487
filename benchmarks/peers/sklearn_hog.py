"""scikit-learn's support vector machine on HOG (shapes) and a histogram of colours; cross-validation chooses C.

sklearn_hog.py train PHOTOS MODEL, or sklearn_hog.py predict MODEL FOLDER
"""

import sys
from pathlib import Path

import joblib
import numpy as np
from PIL import Image
from skimage.feature import hog
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC


def features(path):
    picture = Image.open(path).convert("RGB").resize((128, 128))
    shapes = hog(np.asarray(picture.convert("L")), pixels_per_cell=(16, 16), cells_per_block=(2, 2))
    colors, _ = np.histogramdd(np.asarray(picture.convert("HSV")).reshape(-1, 3), (8, 4, 4), [(0, 256)] * 3)
    return np.concatenate([shapes, np.sqrt(colors.ravel() / colors.sum())])


def train(photos, out):
    paths = [*Path(photos, "train").glob("*/*"), *Path(photos, "validation").glob("*/*")]
    pictures = np.stack(joblib.Parallel(n_jobs=-1)(joblib.delayed(features)(path) for path in paths))
    model = GridSearchCV(make_pipeline(StandardScaler(), SVC()), {"svc__C": [1, 10, 100]}, cv=3, n_jobs=-1)
    model.fit(pictures, [path.parent.name for path in paths])
    print(model.best_params_, model.best_score_)
    joblib.dump(model.best_estimator_, out)


def predict(out, folder):
    model = joblib.load(out)
    paths = sorted(Path(folder).iterdir())
    for path, label in zip(paths, model.predict(np.stack([features(path) for path in paths])), strict=True):
        print(path, label, sep="\t")


if __name__ == "__main__":
    {"train": train, "predict": predict}[sys.argv[1]](*sys.argv[2:])
