"""Pixel truth: each photo is what a reference says, and is answered the same by library, command line, page and API.

The reference is not Pillow's doing: NumPy turns and mixes, OpenCV decodes what is lossy. Prints how many were compared.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import clothes
from tests.support.commands import run_command
from tests.support.pictures import draw

PICTURE = np.asarray(draw("bar", 700, size=(90, 70))).copy()
PICTURE[:20, :30] = (250, 20, 20)  # no symmetry: a turn or a mirror is seen
ALPHA = np.tile(np.linspace(0, 255, 90).astype(np.uint8), (70, 1))
GREY = PICTURE.mean(axis=2).astype(np.uint8)
# What a picture is turned by, as the EXIF standard puts it: where its row 0 and its column 0 are seen.
TURNS = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
    8: lambda a: np.rot90(a, 1),
}


def decoded(path: Path) -> np.ndarray:
    """A lossy photo's pixels by OpenCV, not turned."""
    cv2 = pytest.importorskip("cv2", reason="the reference decoder comes with the extra 'train'")
    return cv2.imread(str(path), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)[..., ::-1]


def on_white(color: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    share = alpha[..., None] / 255
    return np.round(color * share + 255 * (1 - share))


def grey(values: np.ndarray) -> np.ndarray:
    return np.repeat(values[..., None], 3, axis=2)


def write_turned(folder: Path) -> Iterator[tuple[Path, np.ndarray]]:
    for orientation, turn in TURNS.items():
        exif = Image.Exif()
        exif[0x0112] = orientation
        for ending, options in ((".jpg", {"quality": 95}), (".png", {}), (".webp", {"lossless": True})):
            path = folder / f"turned-{orientation}{ending}"
            Image.fromarray(PICTURE).save(path, exif=exif, **options)
            yield path, turn(decoded(path) if ending == ".jpg" else PICTURE)


def write_modes(folder: Path) -> Iterator[tuple[Path, np.ndarray]]:
    """Modes and formats, each with its reference."""
    rgb, rgba = Image.fromarray(PICTURE), Image.fromarray(np.dstack([PICTURE, ALPHA]))
    palette = rgb.quantize(64)
    colors = np.array(palette.getpalette()).reshape(-1, 3)[np.asarray(palette)]
    ink = np.dstack([PICTURE, ALPHA // 2])
    deep = GREY.astype(np.uint16) * 257
    for name, image, reference, options in (
        ("bits.png", Image.fromarray(GREY > 128), grey((GREY > 128) * 255), {}),
        ("grey.png", Image.fromarray(GREY), grey(GREY), {}),
        ("grey-clear.png", Image.fromarray(np.dstack([GREY, ALPHA])), on_white(grey(GREY), ALPHA), {}),
        ("palette.png", palette, colors, {}),
        (
            "palette-clear.png",
            palette,
            np.where((np.asarray(palette) == 3)[..., None], 255, colors),
            {"transparency": 3},
        ),
        ("clear.png", rgba, on_white(PICTURE, ALPHA), {}),
        ("clear.webp", rgba, on_white(PICTURE, ALPHA), {"lossless": True, "exact": True}),
        ("deep.png", Image.fromarray(deep), grey(GREY), {}),
        ("deep.tif", Image.fromarray(deep), grey(GREY), {}),
        ("float.tif", Image.fromarray(GREY.astype(np.float32)), grey(GREY), {}),
        ("print.tif", Image.fromarray(ink, mode="CMYK"), (255.0 - ink[..., :3]) * (255 - ink[..., 3:]) / 255, {}),
        ("plain.bmp", rgb, PICTURE, {}),
        ("plain.tif", rgb, PICTURE, {"compression": "tiff_lzw"}),
        ("moving.gif", palette, colors, {"save_all": True, "append_images": [Image.new("P", rgb.size)]}),
        ("fine.avif", rgb, PICTURE, {"quality": 100, "subsampling": "4:4:4"}),
    ):
        image.save(folder / name, **options)
        yield folder / name, reference
    for name, image, options in (
        ("slow.jpg", rgb, {"progressive": True}),
        ("grey.jpg", Image.fromarray(GREY), {}),
        ("two.mpo", rgb, {"save_all": True, "append_images": [Image.new("RGB", rgb.size)]}),
    ):
        image.save(folder / name, **options)
        yield folder / name, decoded(folder / name)


@pytest.fixture(scope="module")
def references(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, np.ndarray]:
    folder = tmp_path_factory.mktemp("pixels")
    return dict([*write_turned(folder), *write_modes(folder)])


def test_every_photo_is_what_a_reference_says(references: dict[Path, np.ndarray]) -> None:
    for path, reference in references.items():
        pixels = clothes.photos.decode.read(path)
        assert pixels.shape == reference.shape, path.name
        allowed = 4 if path.suffix == ".avif" else 1  # of 255; an AVIF was written with loss, others only round
        assert np.abs(pixels - reference.astype(float)).max() <= allowed, path.name
    turned = sum(path.name.startswith("turned") for path in references)
    assert (turned, len(references) - turned) == (24, 18)
    print(f"{turned} turned photos and {len(references) - turned} modes and formats equal their references")


@pytest.mark.slow
def test_library_command_line_page_and_api_answer_the_same(
    references: dict[Path, np.ndarray],
    bundle: Path,
    classifier: clothes.Classifier,
    request: pytest.FixtureRequest,
    tmp_path: Path,
) -> None:
    pytest.importorskip("gradio", reason="the page needs the extra 'serve'")
    from clothes.web import rendering
    from tests.support.page_client import PageClient

    expected = {str(path): classifier.predict(path) for path in references}
    shown = run_command("predict", *references, "--json", "--model", bundle)
    lines = [json.loads(line) for line in shown.out.splitlines()]
    assert {line.pop("photo"): line for line in lines} == {
        path: {"label": answer.label, "confidence": answer.confidence, "known": answer.known, "scores": answer.scores}
        for path, answer in expected.items()
    }
    with PageClient(request.getfixturevalue("predict_url")) as client:
        for path, answer in expected.items():
            assert client.look(Path(path)) == rendering.prediction_html(answer), path
            assert client.predict(Path(path))["scores"] == answer.scores, path
    assert len({tuple(answer.scores.values()) for answer in expected.values()}) > 5
    print(f"{len(expected)} photos answered the same in 4 ways")
