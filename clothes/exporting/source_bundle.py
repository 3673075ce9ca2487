"""The source of an export: a bundle, its Keras network, and a description for programs that use the export."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from clothes.errors import BundleError, ExportError
from clothes.exporting.agreement import Pictures, Scorer
from clothes.inference.bundle import WEIGHTS, Bundle
from clothes.inference.litert import LiteModel
from clothes.photos import decode
from clothes.system.version import __version__

_BATCH = 8
_NOT_SURE = "below `threshold` the answer is: not sure"
_FEATURES = "float32 (N, units): the last hidden layer"
_SIMILARITIES = {  # by the entry of bundle.json
    "trunk": "the cosine to the centre of each class",
    "rejection": "the probability of each class, times that of no other thing",
}
_OUTFIT_OUTPUTS = {
    "regions": "float32 (N, rows, columns, classes): the probability of each class in each cell of 8 x 8 pixels",
    "scores": "float32 (N, classes): the largest of each class, averaged over nine cells",
    "features": _FEATURES,
}


@dataclass(frozen=True)
class Source:
    """A bundle to export. With `int8` the export has 8-bit weights; `runtime` is that of a web page.

    Whoever writes the export adds to `notes` what a user should know of it.
    """

    bundle: Bundle
    int8: bool = False
    runtime: str = "local"
    notes: list[str] = field(default_factory=list)

    @cached_property
    def network(self) -> Any:
        """The calibrated Keras network in float32, built when first used. Raises BundleError without weights."""
        bundle = self.bundle
        if WEIGHTS not in bundle.info["files"]:
            raise BundleError(
                f"The bundle {bundle.path} has no {WEIGHTS}, which this format is made from: only a bundle that Keras "
                "trained has them, the bundled model and quick models do not. litert, space and web need none."
            )
        from clothes.models.conversion import served_model

        network, temperature = bundle.network(), bundle.info.get("temperature", 1.0)
        rejection = bundle.rejection(network.get_layer("features").output.shape[-1])
        network = served_model(network, temperature=temperature, rejection=rejection)
        # Keras exports only networks that have run.
        network(np.zeros((1, bundle.image_size, bundle.image_size, 3), np.uint8))
        return network

    @property
    def answer(self) -> str:
        """The output that is compared with the bundle's: it has a row of probabilities a picture, or a cell of one."""
        return "regions" if self.bundle.finds_outfits else "scores"

    @property
    def description(self) -> dict[str, Any]:
        """The facts that a program needs to use an export: classes in order, preprocessing, inputs and outputs."""
        bundle = self.bundle
        if bundle.finds_outfits:
            return self._describe(_OUTFIT_OUTPUTS)
        similarity = next((text for entry, text in _SIMILARITIES.items() if bundle.info.get(entry)), "")
        scores = "float32 (N, classes): the probability of each class"
        outputs = {"scores": scores if similarity else f"{scores}; {_NOT_SURE}", "features": _FEATURES}
        if similarity:
            outputs["similarity"] = f"float32 (N, classes): {similarity}; if the largest lies {_NOT_SURE}"
        return self._describe(outputs)

    def _describe(self, outputs: dict[str, str]) -> dict[str, Any]:
        bundle, size, gray = self.bundle, self.bundle.image_size, decode.LETTERBOX_GRAY
        return {
            "classes": list(bundle.classes),
            "threshold": bundle.threshold,
            "input": {"name": "pictures", "dtype": "uint8", "shape": ["N", size, size, 3], "channels": "RGB"},
            "outputs": outputs,
            "preprocessing": (
                f"Turn the photo upright (EXIF) and put transparent parts on white. Resize it, bilinear with "
                f"antialiasing, so that its longer side has {size} pixels. Centre it in a square of {size} pixels "
                f"filled with {gray},{gray},{gray}. Pass the values 0 to 255 as they are: the model scales them."
            ),
            "made_from": {key: bundle.info.get(key, "") for key in ("name", "created", "sha256")},
            "made_by": f"clothes {__version__}",
        }


def lite_scorer(model: LiteModel, answer: str = "scores") -> Scorer:
    """Returns the scorer by one of the outputs of a LiteRT model."""
    return lambda pictures: np.array([model.run_all(square)[answer] for square in pictures.squares])


def keras_scorer(network: Any) -> Scorer:
    """Returns the scorer of a Keras network, on any backend."""
    from clothes.models.backend import keras

    return in_batches(lambda squares: keras.ops.convert_to_numpy(network(squares)["scores"]))


def in_batches(score: Callable[[np.ndarray], np.ndarray]) -> Scorer:
    """Returns a scorer by a function that takes a few squares at a time."""

    def scorer(pictures: Pictures) -> np.ndarray:
        squares = pictures.squares
        return np.concatenate([score(squares[i : i + _BATCH]) for i in range(0, len(squares), _BATCH)])

    return scorer


def require_tensorflow(format_name: str) -> None:
    from clothes.models.backend import keras

    if keras.backend.backend() != "tensorflow":
        raise ExportError(
            f"Keras writes {format_name} from TensorFlow only, and KERAS_BACKEND is {keras.backend.backend()}. Run the "
            "same command with KERAS_BACKEND=tensorflow."
        )
