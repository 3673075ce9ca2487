"""`load(bundle)` -> Classifier: from a photo to a Prediction, on LiteRT, without TensorFlow."""

import math
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from clothes.errors import BundleError, PhotoError
from clothes.inference.bundle import MODEL, Bundle, read_bundle
from clothes.inference.litert import LiteModel
from clothes.inference.occlusion import Explanation, find_heatmap
from clothes.inference.sandbox import try_model
from clothes.photos import decode

BOX = Path(__file__).parent / "bundled"  # the bundle that comes along
T = TypeVar("T")
TOLERANCE = 1e-3  # of a probe's scores between processors


@dataclass(frozen=True)
class Prediction:
    """What a classifier says of one photo: `scores` has every class's probability, highest first.

    Where `known` is false the photo may well show none of the classes: "not sure", and `label` is the best guess.
    """

    label: str
    confidence: float
    scores: dict[str, float]
    known: bool
    photo: str | None = None


def percent(share: float) -> str:
    """A share for people, to a tenth of a percent, rounded down: 0.9996 is "99.9 %", only 1 is "100 %"."""
    if 0 < share < 0.001:
        return "< 0.1 %"
    tenths = math.floor(share * 1000 + 1e-9)
    return f"{tenths // 10}.{tenths % 10} %" if tenths < 1000 else "100 %"


def open_model(bundle: Bundle) -> LiteModel:
    """The model of a bundle, tried first in a process of its own unless it is the box's. Raises BundleError."""
    data = bundle.file(MODEL)
    if bundle.path != BOX:
        try:
            try_model(data, bundle.image_size)
        except (ValueError, OSError) as error:
            raise BundleError(f"The bundle {bundle.path} cannot be used: {MODEL} does not load: {error}.") from None
    return LiteModel(data)


class Classifier:
    """A bundle, loaded. Safe to use from several threads; each photo gets the same answer alone or among others."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self._model = open_model(bundle)
        self._check()

    @property
    def path(self) -> Path:
        return self._bundle.path

    @property
    def info(self) -> dict[str, Any]:
        """The content of bundle.json."""
        return self._bundle.info

    @property
    def classes(self) -> tuple[str, ...]:
        return self._bundle.classes

    @property
    def image_size(self) -> int:
        return self._bundle.image_size

    @property
    def threshold(self) -> float:
        """The confidence from which on a photo is known to show one of the classes."""
        return self._bundle.threshold

    def predict(self, photo: decode.Photo) -> Prediction:
        """What the photo shows. Takes a path, bytes, a PIL image or an array; raises PhotoError."""
        name = os.fspath(photo) if isinstance(photo, str | os.PathLike) else None
        scores, _ = self._model.run(decode.read_square(photo, self.image_size))
        return self._prediction(scores, name)

    def predict_many(
        self, photos: Iterable[decode.Photo], *, progress: Callable[[int], None] | None = None
    ) -> Iterator[Prediction | PhotoError]:
        """An answer for each photo, in order; for one that cannot be read its PhotoError, and the others go on."""
        return self._each(self.predict, photos, progress)

    def features_many(
        self, photos: Iterable[decode.Photo], *, progress: Callable[[int], None] | None = None
    ) -> Iterator[np.ndarray | PhotoError]:
        """What the last hidden layer makes of each photo, float32 (units,), in order; or its PhotoError.

        Photos that look alike to the network have similar ones.
        """
        return self._each(self._features, photos, progress)

    def _features(self, photo: decode.Photo) -> np.ndarray:
        return self._model.run(decode.read_square(photo, self.image_size))[1]

    def _each(
        self, look: Callable[[decode.Photo], T], photos: Iterable[decode.Photo], progress: Callable[[int], None] | None
    ) -> Iterator[T | PhotoError]:
        """Decodes and predicts on all cores, one interpreter a thread.

        One photo at a time is as fast as a batch on LiteRT, and needs no memory for batches.
        """

        def try_to_look(photo: decode.Photo) -> T | PhotoError:
            try:
                return look(photo)
            except PhotoError as error:
                return error

        threads = os.cpu_count() or 1
        waiting: deque[Future[T | PhotoError]] = deque()
        with ThreadPoolExecutor(threads, thread_name_prefix="clothes-predict") as pool:
            try:
                for done, photo in enumerate(photos, 1):
                    waiting.append(pool.submit(try_to_look, photo))
                    if len(waiting) >= 8 * threads:
                        yield waiting.popleft().result()
                    if progress:
                        progress(done)
                while waiting:
                    yield waiting.popleft().result()
            finally:
                pool.shutdown(cancel_futures=True)

    def explain(self, photo: decode.Photo, *, label: str | None = None) -> Explanation:
        """Which parts of the photo speak for a class, by default for the answer. Raises PhotoError.

        It looks at the photo 80 times, on all cores.
        """
        pixels = decode.read(photo)
        square = decode.letterbox(pixels, self.image_size)
        place = decode.place_in_square(pixels.shape[1], pixels.shape[0], self.image_size)
        label = label or self.predict(square).label

        def framed(picture: np.ndarray) -> np.ndarray:
            whole = square.copy()
            whole[place] = picture
            return whole

        def score(pictures: Iterable[np.ndarray]) -> list[float]:
            answers = self.predict_many(map(framed, pictures))
            return [answer.scores[label] for answer in answers if isinstance(answer, Prediction)]

        return Explanation(label, square[place], find_heatmap(square[place], score))

    def _prediction(self, scores: np.ndarray, photo: str | None) -> Prediction:
        order = np.argsort(-scores, kind="stable")
        ranked = {self.classes[i]: float(scores[i]) for i in order}
        best = float(scores[order[0]])
        return Prediction(self.classes[order[0]], best, ranked, best >= self.threshold, photo)

    def _check(self) -> None:
        """Loads the model and lets it answer its first probe."""
        pictures, expected = self._bundle.probes()
        try:
            scores, _ = self._model.run(pictures[0])
        except (ValueError, RuntimeError, KeyError) as error:
            raise BundleError(f"The bundle {self.path} is damaged: {MODEL} does not load: {error}") from None
        right = scores.shape == expected[0].shape == (len(self.classes),)
        if not (right and np.abs(scores - expected[0]).max() <= TOLERANCE):  # nor when one is no number
            raise BundleError(f"The bundle {self.path} does not answer as it did where it was made.")


def load(path: str | os.PathLike[str] | None = None) -> Classifier:
    """The classifier of a bundle (or of a run folder); without a path that of the one in the box.

    The one in the box knows ten kinds of clothes; docs/model-card.md says how well.
    """
    return Classifier(read_bundle(path if path is not None else BOX))
