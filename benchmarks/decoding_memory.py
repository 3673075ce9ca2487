"""Measures the memory of decoding 5,000 and 100,000 photos, and of one epoch of batches.

    uv run python benchmarks/decoding_memory.py ../shared/data/clothing-dataset-small

The split repeats the photos of the folder up to this number. Memory is Linux's RssAnon of the process, read every
20 ms. It does not count the pages of the memory-mapped cache, which the system can take back.
"""

import hashlib
import os
import re
import sys
import tempfile
import threading
from itertools import cycle, islice
from pathlib import Path

SIZE = 96


def own_megabytes() -> float:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(re.findall(r"RssAnon:\s+(\d+) kB", status)[0]) / 1000


class Peak:
    """Measures the peak memory of the process inside the block, in MB."""

    def __enter__(self) -> "Peak":
        self.most = own_megabytes()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()
        return self

    def _look(self) -> None:
        while not self._over.wait(0.02):
            self.most = max(self.most, own_megabytes())

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


def main(photos: str) -> None:
    with tempfile.TemporaryDirectory() as cache:
        os.environ["CLOTHES_CACHE"] = cache
        from clothes.config import TrainConfig
        from clothes.photos.decode import read_file
        from clothes.photos.folders import list_class_folders
        from clothes.photos.split_file import Row, Split
        from clothes.training.batches import batches
        from clothes.training.datasets import decode

        found = list_class_folders(photos)
        rows = [
            Row(photo.path, photo.label, "train", "", hashlib.sha256(read_file(found.root / photo.path)).hexdigest())
            for photo in found.photos
        ]
        print("| photos | decoded, MB | own memory before, MB | decoding, MB | one epoch, MB |")
        print("| --- | --- | --- | --- | --- |")
        for count in (5_000, 100_000):
            split = Split(found.root, tuple(islice(cycle(rows), count)))
            before = own_megabytes()
            with Peak() as decoding:
                pictures = decode(split, SIZE, ("train",))["train"]
            with Peak() as epoch:
                for _ in batches(pictures, TrainConfig(), 10, epoch=0):
                    pass
            megabytes = pictures.pixels.nbytes / 1e6
            print(
                f"| {count:,} | {megabytes:,.0f} | {before:.0f} | {decoding.most:.0f} | {epoch.most:.0f} |", flush=True
            )


if __name__ == "__main__":
    main(sys.argv[1])
