"""Fits the last layer of a pretrained network before fine-tuning."""

import numpy as np

from clothes.config import TrainConfig
from clothes.models.backend import keras
from clothes.models.prediction import predict
from clothes.system.progress import Progress
from clothes.training.batches import balanced_order, one_hot
from clothes.training.datasets import Pictures

_PHOTOS = 5000  # at most


def fit_head(model: keras.Model, pictures: Pictures, config: TrainConfig, classes: int, *, progress: Progress) -> None:
    """Fits the last layer to the features of the pretrained layers, which stay as they are.

    Fine-tuning changes the features less from a fitted last layer than from a random one, most of all for photos
    unlike those of the pretraining (Kumar et al., 2022, arXiv 2202.10054).
    """
    rng = np.random.default_rng(config.seed)
    chosen = np.sort(balanced_order(pictures.labels, config.balance, rng)[:_PHOTOS])
    backbone = keras.Model(model.inputs, model.get_layer("features").output)
    features = predict(backbone, pictures.pixels, chosen, progress=progress)
    head = keras.Sequential([keras.Input(features.shape[1:]), keras.layers.Dense(classes, "softmax")])
    head.compile(keras.optimizers.AdamW(1e-3, weight_decay=0.01), loss="categorical_crossentropy")
    targets = one_hot(pictures.labels[chosen], classes, config.label_smoothing)
    head.fit(features, targets, batch_size=32, epochs=20, verbose=0)
    model.get_layer("logits").set_weights(head.get_weights())
