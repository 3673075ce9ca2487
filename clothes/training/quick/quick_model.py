"""A quick model in memory, for pages and notebooks: it learns as photos are added."""

import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from clothes.errors import BundleError, PhotoError, PhotosError
from clothes.inference.bundle import INFO, Bundle
from clothes.inference.classifier import load
from clothes.inference.confidence import Prediction
from clothes.models.litert_head import normalize
from clothes.photos import decode
from clothes.photos.class_names import choose_spellings, class_name
from clothes.training.bundle_info import describe
from clothes.training.quick.linear_head import Fit, fit, make_folds
from clothes.training.quick.quick_training import FOLDS, cross_validated, quick_config, write_quick_bundle

_GROWTH = 1.2  # of the number of photos, after which the strength of the shrinkage is chosen again


class _Photo(NamedTuple):
    values: np.ndarray  # float32 (units,), of length 1
    label: str
    group: str


class QuickModel:
    """A recogniser of one's own classes that learns, in well under a second, whenever photos were added.

        model = clothes.QuickModel()
        model.add("mug", Path("mugs").glob("*.jpg"))
        model.add("glass", Path("glasses").glob("*.jpg"))
        model.predict("breakfast.jpg").label
        model.save("my-bundle")

    `trunk` is the bundle or run whose features it uses, by default the bundled model. Not thread-safe.
    """

    def __init__(self, trunk: str | os.PathLike[str] | None = None) -> None:
        self._network = load(trunk)
        self._photos: list[_Photo] = []
        self._fit: Fit | None = None
        self._strength: float | None = None
        self._chosen_with = 0  # photos, when the strength was chosen

    @property
    def counts(self) -> dict[str, int]:
        """The number of photos of each class, in the order of the classes."""
        return dict(sorted(Counter(photo.label for photo in self._photos).items()))

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(self.counts)

    def add(self, label: str, photos: Iterable[decode.Photo], *, group: str = "") -> list[PhotoError]:
        """Adds photos to a class, which may be new. Returns the errors of the photos that cannot be used.

        Photos of one `group`, such as a burst of the camera, are not held out from each other. Another spelling of a
        class is that class. Raises PhotosError if no class can have this name.
        """
        name = class_name(label)
        name = choose_spellings([name], self.classes)[name]
        found = list(self._network.features_many(photos))
        added = [features for features in found if not isinstance(features, PhotoError)]
        self._photos += [_Photo(values, name, group) for values in normalize(np.array(added))] if added else []
        self._fit = None
        return [error for error in found if isinstance(error, PhotoError)]

    def remove(self, label: str) -> None:
        """Removes a class with its photos."""
        self._photos = [photo for photo in self._photos if photo.label != label]
        self._fit, self._strength = None, None

    def fit(self) -> Fit:
        """Returns the head for the photos so far. Raises PhotosError unless two classes have photos."""
        if self._fit is None:
            if len(self.classes) < 2:
                raise PhotosError(f"A recogniser needs photos of two classes; so far it has {self.counts}. Add more.")
            if len(self._photos) > _GROWTH * self._chosen_with:
                self._strength = None
            values = np.stack([photo.values for photo in self._photos])
            labels, known = self._labels(), self._strength
            folds = make_folds(labels, [photo.group for photo in self._photos], FOLDS)
            blocks = lambda positions: iter([(positions, values[positions])])  # noqa: E731
            self._fit = fit(blocks, labels, folds, len(self.classes), strength=known)
            if known is None:
                self._strength, self._chosen_with = self._fit.strength, len(self._photos)
        return self._fit

    def predict(self, photo: decode.Photo) -> Prediction:
        """Predicts one photo, as the saved bundle does. Raises PhotoError, and PhotosError as `fit`."""
        fitted = self.fit()
        (features,) = self._network.features_many([photo])
        if isinstance(features, PhotoError):
            raise features
        scores, similarity = fitted.head.apply(normalize(features[None]))
        name = os.fspath(photo) if isinstance(photo, str | os.PathLike) else None
        return Prediction.from_scores(
            scores[0], self.classes, threshold=fitted.threshold, similarity=float(similarity[0]), photo=name
        )

    def save(self, path: str | os.PathLike[str]) -> Bundle:
        """Writes the bundle into a new folder, or replaces a bundle there. Raises BundleError if it is in use."""
        path, fitted = Path(path), self.fit()
        if path.exists() and not (path / INFO).exists() and not (path.is_dir() and not any(path.iterdir())):
            raise BundleError(f"{path} is in use and is not a bundle. Name a new folder.")
        measured = {"photos": {"train": len(self._photos)}, "metrics": cross_validated(fitted, self._labels())}
        info = describe(path, self.classes, quick_config(self._network)) | measured
        return write_quick_bundle(path, info, self._network, fitted)

    def _labels(self) -> np.ndarray:
        index = {name: i for i, name in enumerate(self.classes)}
        return np.array([index[photo.label] for photo in self._photos])
