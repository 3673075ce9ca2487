"""Garments of drawn outfits: their labels, places, colours and masks, in any photo and from any network."""

import io
import json
from dataclasses import replace
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from PIL import Image

import clothes
from clothes.inference.bundle import read_bundle
from clothes.inference.classifier import BUNDLED_OUTFIT
from clothes.outfits.kinds import BACKGROUND, PERSON
from tests.support.outfits import COLORS, draw_outfit, wearer, write_color_bundle


def labels(garments: list[clothes.Garment]) -> list[str]:
    return sorted(garment.label for garment in garments)


def overlap(one: tuple[int, ...], other: tuple[int, ...]) -> float:
    boxes = []
    for left, top, right, bottom in (one, other):
        box = np.zeros((800, 800), bool)
        box[top:bottom, left:right] = True
        boxes.append(box)
    return float((boxes[0] & boxes[1]).sum() / (boxes[0] | boxes[1]).sum())


def test_every_garment_is_found_with_its_place_and_colour(parser: clothes.OutfitParser) -> None:
    garments = {garment.label: garment for garment in parser.garments(draw_outfit(*wearer()))}
    assert list(garments) == ["shirt", "pants", "shoes"]  # the largest first
    expected = {"shirt": (70, 70, 170, 190), "pants": (75, 190, 165, 320), "shoes": (70, 320, 170, 350)}
    for label, box in expected.items():
        garment = garments[label]
        assert overlap(garment.box, box) > 0.7
        assert garment.area == pytest.approx((box[2] - box[0]) * (box[3] - box[1]) / (240 * 360), rel=0.2)
        assert garment.known
        assert next(iter(garment.scores)) == label
        assert sum(garment.scores.values()) == pytest.approx(1)
    assert [garments[label].colors[0].name for label in expected] == ["white", "navy", "brown"]


def test_masks_have_the_size_of_the_photo_and_the_garment_s_pixels(parser: clothes.OutfitParser) -> None:
    image = draw_outfit(*wearer(), size=(480, 360))
    mask = next(garment.mask for garment in parser.garments(image) if garment.label == "pants")
    truth = (np.asarray(image) == COLORS["pants"]).all(axis=-1)
    assert mask.shape == truth.shape
    assert (mask & truth).sum() / (mask | truth).sum() > 0.8


def test_a_garment_is_drawn_in_a_copy_of_its_photo(parser: clothes.OutfitParser) -> None:
    image = draw_outfit(*wearer(), size=(480, 360))
    small = image.resize((240, 180))
    for garment in parser.garments(image):
        copy = garment.resized(small.size)
        assert np.abs(np.array(copy.box) - np.array(garment.box) / 2).max() <= 1
        reduced = garment.mask[::2, ::2]
        assert copy.mask.shape == reduced.shape == (180, 240)
        assert (copy.mask & reduced).sum() / (copy.mask | reduced).sum() > 0.9


def test_parts_that_something_lies_across_are_one_garment(parser: clothes.OutfitParser) -> None:
    image = draw_outfit(*wearer(), ("bag", (40, 240, 200, 270)))
    garments = parser.garments(image)
    assert labels(garments) == ["bag", "pants", "shirt", "shoes"]
    pants = next(garment for garment in garments if garment.label == "pants")
    assert overlap(pants.box, (75, 190, 165, 320)) > 0.8


def test_a_jacket_and_what_is_worn_under_it_are_two(parser: clothes.OutfitParser) -> None:
    image = draw_outfit(*wearer(), ("outwear", (55, 70, 100, 230)), ("outwear", (140, 70, 185, 230)))
    assert labels(parser.garments(image)) == ["outwear", "pants", "shirt", "shoes"]


def test_a_narrow_edge_of_the_other_layer_is_no_garment(parser: clothes.OutfitParser) -> None:
    assert labels(parser.garments(draw_outfit(*wearer(), ("outwear", (70, 70, 170, 82))))) == [
        "pants",
        "shirt",
        "shoes",
    ]


def test_two_people_have_their_own_garments(parser: clothes.OutfitParser) -> None:
    image = draw_outfit(*wearer(), *wearer(240), size=(480, 360))
    garments = parser.garments(image)
    assert labels(garments) == ["pants", "pants", "shirt", "shirt", "shoes", "shoes"]
    assert all(garment.box[2] <= 240 or garment.box[0] >= 240 for garment in garments)


def test_shoes_apart_from_the_pants_are_one_pair_of_the_person_above(parser: clothes.OutfitParser) -> None:
    parts = [part for part in wearer() if part[0] != "shoes"]
    image = draw_outfit(*parts, ("shoes", (60, 335, 105, 355)), ("shoes", (135, 335, 180, 355)))
    assert labels(parser.garments(image)) == ["pants", "shirt", "shoes"]
    two = draw_outfit(
        *parts, *[(name, (a + 240, b, c + 240, d)) for name, (a, b, c, d) in parts],
        ("shoes", (80, 335, 150, 355)), ("shoes", (320, 335, 390, 355)), size=(480, 360),
    )  # fmt: skip
    assert labels(parser.garments(two)) == ["pants", "pants", "shirt", "shirt", "shoes", "shoes"]


def test_shoes_that_stand_apart_are_one_pair(parser: clothes.OutfitParser) -> None:
    image = draw_outfit(("shoes", (30, 150, 90, 300)), ("shoes", (150, 150, 210, 300)))
    assert labels(parser.garments(image)) == ["shoes"]


def test_a_small_person_is_looked_at_from_nearer(parser: clothes.OutfitParser) -> None:
    photo = Image.new("RGB", (900, 700), COLORS["background"])
    photo.paste(draw_outfit(*wearer()), (500, 300))
    garments = {garment.label: garment for garment in parser.garments(photo)}
    assert sorted(garments) == ["pants", "shirt", "shoes"]
    assert garments["shoes"].box == pytest.approx((570, 620, 670, 650), abs=8)


def test_a_photo_without_clothing_has_no_garment(parser: clothes.OutfitParser) -> None:
    assert parser.garments(draw_outfit()) == []
    assert parser.garments(draw_outfit(("person", (60, 60, 180, 300)))) == []
    assert parser.garments(draw_outfit(("bag", (100, 100, 104, 104)))) == []  # too small


def test_a_mirrored_photo_has_the_mirrored_map(parser: clothes.OutfitParser, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels, run_all = np.asarray(draw_outfit(*wearer(60), size=(360, 360))), parser.model.run_all

    def leaning(picture: np.ndarray) -> dict[str, np.ndarray]:
        """A network that is blind in the left half."""
        outputs = run_all(picture)
        return outputs | {"regions": outputs["regions"] * (np.arange(len(outputs["regions"])) >= 16)[:, None]}

    monkeypatch.setattr(parser.model, "run_all", leaning)
    cells, mirrored = parser.look(pixels)[1], parser.look(pixels[:, ::-1])[1]
    assert cells[..., parser.classes.index("shirt")].max() > 0.4
    np.testing.assert_allclose(cells, mirrored[:, ::-1], atol=1e-6)


def test_boxes_are_those_of_the_upright_photo(parser: clothes.OutfitParser) -> None:
    image = draw_outfit(*wearer())
    expected = {garment.label: garment.box for garment in parser.garments(image)}
    file, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6  # it is to be turned by 270 degrees
    image.transpose(Image.Transpose.ROTATE_90).save(file, "PNG", exif=exif)
    found = {garment.label: garment.box for garment in parser.garments(file.getvalue())}
    assert found == expected


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (900, 1), (37, 611)])
def test_photos_of_any_shape_are_read(parser: clothes.OutfitParser, size: tuple[int, int]) -> None:
    image = draw_outfit(*wearer()).resize(size)
    for garment in parser.garments(image):
        left, top, right, bottom = garment.box
        assert 0 <= left < right <= size[0] and 0 <= top < bottom <= size[1]
        assert garment.mask.shape == size[::-1]


def test_the_answer_is_the_same_in_threads(parser: clothes.OutfitParser) -> None:
    image, found = draw_outfit(*wearer()), []
    threads = [Thread(target=lambda: found.append(parser.garments(image))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [parser.garments(image)] * 4


def test_an_unreadable_photo_is_an_answer_of_its_own(parser: clothes.OutfitParser, tmp_path: Path) -> None:
    (tmp_path / "page.jpg").write_text("<html>")
    draw_outfit(*wearer()).save(tmp_path / "me.png")
    bad, good = parser.parse_many([tmp_path / "page.jpg", tmp_path / "me.png"])
    assert isinstance(bad, clothes.PhotoError) and bad.code == "not-a-photo"
    assert isinstance(good, clothes.Outfit) and good.photo == str(tmp_path / "me.png")
    assert list(good.scores)[:3] == sorted(good.scores, key=lambda name: -good.scores[name])[:3]
    assert "background" not in good.scores


def test_an_unsure_name_is_not_known_and_an_unlikely_garment_not_shown(color_bundle: Path, tmp_path: Path) -> None:
    image = draw_outfit(*wearer())
    unsure = clothes.load_outfit(write_color_bundle(tmp_path / "unsure", certainty=[-4.8, 1.0, *[0.0] * 6]))
    garments = unsure.garments(image)
    assert garments and not any(garment.known for garment in garments)
    none = clothes.load_outfit(write_color_bundle(tmp_path / "none", certainty=[-9.0, 1.0, *[0.0] * 6]))
    assert none.garments(image) == []


def test_bundles_of_the_two_kinds_are_not_mistaken(color_bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(clothes.BundleError, match="load_outfit"):
        clothes.load(color_bundle)
    with pytest.raises(clothes.BundleError, match=r"clothes\.load"):
        clothes.load_outfit(clothes.load().path)
    assert clothes.verify(color_bundle).holds
    info = json.loads((color_bundle / "bundle.json").read_text())
    assert info["format"] == 2  # an older clothes says that it is too new
    assert json.loads((clothes.load().path / "bundle.json").read_text())["format"] == 1
    for broken in ({"task": "other"}, {"outfit": {}}, {"outfit": info["outfit"] | {"shown": 7}}):
        (tmp_path / "bundle.json").write_text(json.dumps({**info, **broken}))
        with pytest.raises(clothes.BundleError, match="is damaged"):
            read_bundle(tmp_path)


@pytest.mark.parametrize("name", [BACKGROUND, PERSON])
def test_a_bundle_without_a_class_that_is_no_garment_is_refused(name: str) -> None:
    bundle = read_bundle(BUNDLED_OUTFIT)
    classes = ["other" if each == name else each for each in bundle.classes]
    with pytest.raises(clothes.BundleError, match=f"it has no class {name}"):
        clothes.OutfitParser(replace(bundle, info=bundle.info | {"classes": classes}))


def test_a_map_whose_values_do_not_add_up_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clothes.OutfitParser, "__init__", lambda self: None)
    parser = clothes.OutfitParser()  # type: ignore[call-arg]
    parser.image_size, parser.classes = 16, (BACKGROUND, "hat")
    cells = np.full((2, 2, 2), 0.6, np.float32)
    monkeypatch.setattr(parser, "_run", lambda view: (cells, {"hat": 0.6}))
    view, seen, scores = parser.look(np.zeros((8, 8, 3), np.uint8))
    assert seen is cells and scores == {"hat": 0.6} and view.photo_size == (8, 8)
