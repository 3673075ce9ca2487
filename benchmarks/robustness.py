"""Measures accuracy on changed copies of labelled photos, and the accuracy that 8 bits cost.

    uv run python benchmarks/robustness.py RUN

RUN is a run folder. Its test photos are read again, after everything was chosen.
"""

import io
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from clothes.inference.classifier import load
from clothes.inference.run import Run
from clothes.photos import decode
from clothes.photos.folders import OTHER


def as_jpeg(image: Image.Image) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=30)
    return Image.open(file)


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "as it is": lambda image: image,
    "mirrored": ImageOps.mirror,
    "JPEG quality 30": as_jpeg,
    "half size": lambda image: image.resize((image.width // 2, image.height // 2), Image.Resampling.BILINEAR),
    "dark (0.4 of the light)": lambda image: ImageEnhance.Brightness(image).enhance(0.4),
    "blurred (radius 2 pixels of 400)": lambda image: image.filter(ImageFilter.GaussianBlur(image.width / 200)),
    "grey": lambda image: ImageOps.grayscale(image).convert("RGB"),
    "turned by 90 degrees": lambda image: image.transpose(Image.Transpose.ROTATE_90),
    "turned by 180 degrees": lambda image: image.transpose(Image.Transpose.ROTATE_180),
}


def main(path: Path) -> None:
    run = Run.open(path)
    classifier = load(path)
    split = run.split
    rows = [row for row in split.part("test") if row.label != OTHER]
    photos = [Image.fromarray(decode.read(split.root / row.photo)) for row in rows]
    print(f"{len(photos)} photos\n\n| photos | accuracy | known |\n| --- | --- | --- |")
    for name, change in CHANGES.items():
        answers = list(classifier.predict_many(map(change, photos)))
        right = np.mean([answer.label == row.label for answer, row in zip(answers, rows, strict=True)])
        known = np.mean([answer.known for answer in answers])
        print(f"| {name} | {right:.3f} | {known:.3f} |")

    from clothes.inference.metrics import apply_temperature
    from clothes.models.architectures import build_model, predict

    model = build_model(run.config.model, len(classifier.classes))
    model.set_weights(run.bundle.weights())
    squares = np.stack([decode.read_square(photo, classifier.image_size) for photo in photos])
    exact = apply_temperature(predict(model, squares, np.arange(len(squares))), classifier.info["temperature"])
    ours = list(classifier.predict_many(photos))
    labels = np.array([classifier.classes.index(row.label) for row in rows])
    scores = np.array([[answer.scores[name] for name in classifier.classes] for answer in ours])
    print("\n| network | accuracy | mean difference of a probability | other answer |\n| --- | --- | --- | --- |")
    print(f"| float32 | {np.mean(exact.argmax(1) == labels):.4f} | | |")
    difference, other = np.abs(scores - exact).mean(), (scores.argmax(1) != exact.argmax(1)).sum()
    print(f"| the bundle's 8 bits | {np.mean(scores.argmax(1) == labels):.4f} | {difference:.4f} | {other} |")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
