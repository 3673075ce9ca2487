"""Makes clothes/collection/starter/starter.zip: 2,000 pictures of Fashion-MNIST's train set, 200 a class.

    uv run python recipes/make_starter.py /usr/share/datasets/fashion-mnist

The same bytes each time: a fixed seed, fixed dates, pictures in order.
"""

import io
import sys
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from clothes.collection.public_datasets import FASHION_MNIST_CLASSES, read_idx

PER_CLASS = 200
LICENCE = """The MIT License (MIT) Copyright © 2017 Zalando SE, https://tech.zalando.com

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""
SOURCE = f"""{PER_CLASS} pictures of each class of the train set of Fashion-MNIST by Zalando Research
(Xiao, Rasul, Vollgraf 2017, arXiv 1708.07747), https://github.com/zalandoresearch/fashion-mnist.
Drawn by recipes/make_starter.py; the number in a name is the picture's place in the train set.
"""


def main(source: str) -> None:
    pictures, labels = read_idx(Path(source), "train")
    rng = np.random.default_rng(0)
    target = Path(__file__).parents[1] / "clothes" / "collection" / "starter" / "starter.zip"
    target.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:

        def add(name: str, data: bytes) -> None:
            archive.writestr(zipfile.ZipInfo(name, date_time=(2026, 1, 1, 0, 0, 0)), data)

        add("LICENSE.txt", LICENCE.encode())
        add("SOURCE.txt", SOURCE.encode())
        for number, name in enumerate(FASHION_MNIST_CLASSES):
            for i in sorted(rng.choice(np.flatnonzero(labels == number), PER_CLASS, replace=False).tolist()):
                png = io.BytesIO()
                Image.fromarray(pictures[i]).save(png, "PNG", optimize=True)
                add(f"{name}/{i:05}.png", png.getvalue())
    print(f"{target.name}: {target.stat().st_size:,} bytes")


if __name__ == "__main__":
    main(sys.argv[1])
