"""Publishes the best of several networks of outfits, by validation photos, as the bundled one.

    uv run python recipes/outfit_ship.py OUT...

Each OUT is a folder of recipes/outfit_train.py. The best has the highest sum of what its thresholds were chosen by: the
F1 of garments, the share of photos of one garment with exactly that one, and minus that of other things with a garment.
"""

import shutil
import sys
from pathlib import Path

from clothes.inference.bundle import Bundle, read_bundle
from clothes.inference.classifier import BUNDLED_OUTFIT


def main(folders: list[Path]) -> None:
    bundles = [read_bundle(folder / "bundle") for folder in folders]
    for bundle in bundles:
        print(f"{bundle.path}: {score(bundle):.4f} {bundle.info['outfit']['measured']}")
    best = max(bundles, key=score)
    BUNDLED_OUTFIT.mkdir(parents=True, exist_ok=True)
    for path in best.path.iterdir():
        shutil.copy2(path, BUNDLED_OUTFIT)
    print(f"{best.path} is bundled now.")


def score(bundle: Bundle) -> float:
    measured = bundle.info["outfit"]["measured"]
    return float(measured["f1"] + measured["flat_exact"] - measured["empty_claimed"])


if __name__ == "__main__":
    main([Path(word) for word in sys.argv[1:]])
