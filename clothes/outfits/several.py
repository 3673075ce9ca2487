"""Whether a photo shows more than one garment: by one look of the bundled network alone, in 40 ms with its loading."""

from pathlib import Path

import numpy as np

from clothes.inference.bundle import read_bundle
from clothes.inference.classifier import BUNDLED_OUTFIT, open_model
from clothes.outfits.kinds import KIND_OF, KINDS, UPPER
from clothes.photos import decode

# Chosen on validation photos (benchmarks/outfits.py): true of five of six people in the street, of one of forty photos
# of single garments, and of no other thing.
_LEAST_CELLS = 0.007  # of the square: fewer cells of one kind are no garment
_LEAST_STRENGTH = 0.65  # mean probability of the kind in them


class FirstLook:
    """The network of a bundle of outfits, by default of the bundled one, loaded for `shows_several`."""

    def __init__(self, path: Path | None = None) -> None:
        bundle = read_bundle(path or BUNDLED_OUTFIT)
        self._size, self._model = bundle.image_size, open_model(bundle)
        places = [KIND_OF.get(name) for name in bundle.classes]
        kinds = [UPPER, *((kind,) for kind in KINDS if kind not in UPPER)]
        self._members = [[i for i, place in enumerate(places) if place in kind] for kind in kinds]
        self._others = [i for i, place in enumerate(places) if place is None]

    def shows_several(self, photo: decode.Photo) -> bool:
        """Returns whether a photo shows garments of two kinds; both upper layers are one. Raises PhotoError."""
        cells = self._model.run_all(decode.read_square(photo, self._size))["regions"]
        sums = [cells[..., each].sum(axis=-1) for each in self._members]
        largest = np.stack([*sums, *(cells[..., i] for i in self._others)]).argmax(axis=0)
        found = [each[largest == i] for i, each in enumerate(sums)]
        least = _LEAST_CELLS * largest.size
        return sum(len(each) >= least and each.mean() >= _LEAST_STRENGTH for each in found) > 1
