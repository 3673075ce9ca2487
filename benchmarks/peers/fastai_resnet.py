"""fastai's `vision_learner` with ResNet-18, which starts from random weights since none can be downloaded.

fastai_resnet.py train PHOTOS MODEL EPOCHS, or fastai_resnet.py predict MODEL FOLDER
"""

import sys
from pathlib import Path

from fastai.vision.all import (
    ImageDataLoaders,
    RandomResizedCrop,
    accuracy,
    aug_transforms,
    get_image_files,
    load_learner,
    resnet18,
    set_seed,
    vision_learner,
)


def train(photos, out, epochs):
    set_seed(0)
    data = ImageDataLoaders.from_folder(
        photos,
        train="train",
        valid="validation",
        bs=32,
        item_tfms=RandomResizedCrop(96, min_scale=0.35),
        batch_tfms=aug_transforms(),
    )
    learner = vision_learner(data, resnet18, pretrained=False, metrics=accuracy)
    learner.fit_one_cycle(int(epochs), 3e-3)
    learner.export(Path(out).absolute())


def predict(out, folder):
    learner = load_learner(out)
    paths = sorted(get_image_files(folder))
    with learner.no_bar(), learner.no_logging():
        scores, _ = learner.get_preds(dl=learner.dls.test_dl(paths, num_workers=0))
    for path, best in zip(paths, scores.argmax(1), strict=True):
        print(path, learner.dls.vocab[best], sep="\t")


if __name__ == "__main__":
    {"train": train, "predict": predict}[sys.argv[1]](*sys.argv[2:])
