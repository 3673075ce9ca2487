"""`load(bundle)` -> Classifier: photo -> Prediction, on LiteRT, without TensorFlow."""

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import numpy as np

from clothes.errors import BundleError, PhotoError
from clothes.inference.bundle import MODEL, Bundle, read_bundle
from clothes.inference.confidence import Prediction
from clothes.inference.litert import LiteModel, Outputs
from clothes.inference.occlusion import Explanation, find_heatmap
from clothes.inference.sandbox import try_model
from clothes.photos import decode
from clothes.system.threads import map_in_threads

BUNDLED = Path(__file__).parent / "bundled"  # the bundled model, which is part of the package
BUNDLED_OUTFIT = Path(__file__).parents[1] / "outfits" / "bundled"  # and that of `clothes.outfits`
TOLERANCE = 1e-3  # difference of a score between processors that is still the same answer

T = TypeVar("T")


def open_model(bundle: Bundle) -> LiteModel:
    """Loads the model of a bundle, after a run in the sandbox unless it is a bundled one. Raises BundleError."""
    data = bundle.file(MODEL)
    if bundle.path not in (BUNDLED, BUNDLED_OUTFIT):
        try:
            try_model(data, bundle.image_size)
        except (ValueError, OSError) as error:
            raise BundleError(f"The bundle {bundle.path} cannot be used: {MODEL} does not load: {error}.") from None
    return LiteModel(data)


def check_first_probe(bundle: Bundle, model: LiteModel) -> None:
    """Raises BundleError if the model does not load or answers its first golden sample differently."""
    pictures, expected = bundle.probes()
    try:
        scores = model.run(pictures[0]).scores
    except (ValueError, RuntimeError, KeyError) as error:
        raise BundleError(f"The bundle {bundle.path} is damaged: {MODEL} does not load: {error}") from None
    same_shape = scores.shape == expected[0].shape == (len(bundle.classes),)
    if not (same_shape and np.abs(scores - expected[0]).max() <= TOLERANCE):  # false for NaN, too
        raise BundleError(
            f"The bundle {bundle.path} does not reproduce its recorded scores. Copy it again, or train again."
        )


class Classifier:
    """A loaded bundle. Thread-safe; a photo gets the same answer alone and among others.

    It can be pickled, as process pools and Ray do: the pickle holds the model, so it needs no bundle where it is read.
    """

    def __init__(self, bundle: Bundle) -> None:
        if bundle.finds_outfits:
            raise BundleError(
                f"The bundle {bundle.path} finds the garments of an outfit, and does not classify a photo. Use it with "
                "`clothes outfit` or clothes.load_outfit, or name a bundle made by `clothes train`."
            )
        self.path = bundle.path
        self.classes = bundle.classes
        self.image_size = bundle.image_size
        self.info = bundle.info
        """The content of bundle.json."""
        self.threshold = bundle.threshold
        """The lowest confidence, or similarity, of an accepted prediction."""
        self.model = open_model(bundle)
        """The LiteRT model."""
        check_first_probe(bundle, self.model)

    def predict(self, photo: decode.Photo) -> Prediction:
        """Predicts one photo: a path, bytes, an open binary file, a PIL image or an array uint8 (H, W, 3).

        An open file is read from its start and stays open. Raises PhotoError.
        """
        name = os.fspath(photo) if isinstance(photo, str | os.PathLike) else None
        scores, _, similarity = self.outputs(photo)
        return Prediction.from_scores(scores, self.classes, threshold=self.threshold, similarity=similarity, photo=name)

    def predict_many(self, photos: Iterable[decode.Photo]) -> Iterator[Prediction | PhotoError]:
        """Yields the prediction for each photo, in order; for an unreadable one its PhotoError."""
        return map_photos(self.predict, photos)

    def features_many(self, photos: Iterable[decode.Photo]) -> Iterator[np.ndarray | PhotoError]:
        """Yields the embedding of each photo, in order; for an unreadable one its PhotoError.

        An embedding is the output of the last hidden layer, float32 (units,). Near-duplicates have similar ones.
        """
        return map_photos(lambda photo: self.outputs(photo).features, photos)

    def outputs_many(self, photos: Iterable[decode.Photo]) -> Iterator[Outputs | PhotoError]:
        """Yields the outputs of the model for each photo, in order; for an unreadable one its PhotoError."""
        return map_photos(self.outputs, photos)

    def outputs(self, photo: decode.Photo) -> Outputs:
        """Returns the outputs of the model for a photo, as `predict` takes it. Raises PhotoError."""
        outputs = self.model.run(decode.read_square(photo, self.image_size))
        scores, features, _ = outputs
        if not (np.all((scores >= 0) & (scores <= 1 + TOLERANCE)) and np.isfinite(features).all()):  # false for NaN
            raise BundleError(
                f"The bundle {self.path} cannot be used: the scores of a photo are no probabilities. Train again."
            )
        return outputs

    def explain(self, photo: decode.Photo, *, label: str | None = None) -> Explanation:
        """Computes the heatmap of a photo for a class, by default the predicted one. Raises PhotoError.

        Predicts 80 versions of the photo, on all cores.
        """
        pixels = decode.read(photo)
        square = decode.letterbox(pixels, self.image_size)
        place = decode.place_in_square(pixels.shape[1], pixels.shape[0], self.image_size)
        label = label or self.predict(square).label

        def framed(picture: np.ndarray) -> np.ndarray:
            result = square.copy()
            result[place] = picture
            return result

        def score(pictures: Iterable[np.ndarray]) -> list[float]:
            answers = self.predict_many(map(framed, pictures))
            return [answer.scores[label] for answer in answers if isinstance(answer, Prediction)]

        return Explanation(label, square[place], find_heatmap(square[place], score))


def map_photos(function: Callable[[decode.Photo], T], photos: Iterable[decode.Photo]) -> Iterator[T | PhotoError]:
    """Yields `function(photo)` or its PhotoError for each photo, in order, computed on every core.

    On LiteRT single photos are as fast as batches, and need less memory.
    """

    def result_or_error(photo: decode.Photo) -> T | PhotoError:
        try:
            return function(photo)
        except PhotoError as error:
            return error

    return map_in_threads(result_or_error, photos)


def load(path: str | os.PathLike[str] | None = None) -> Classifier:
    """Loads the classifier of a bundle or run folder; without a path, of the bundled model.

    The bundled model knows ten classes of clothes; docs/model-card.md gives its accuracy.
    """
    return Classifier(read_bundle(path if path is not None else BUNDLED))
