"""The tab "Whole outfit" and its endpoint, on drawn outfits."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("gradio", reason="the page needs the extra 'serve'")

from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

import clothes
from clothes.web import PAGE_FOLDER, studio_page
from clothes.web.outfit_tab import outfit_html
from clothes.web.predict_page import build_app
from tests.support.outfits import draw_outfit, wearer, write_color_bundle
from tests.support.page_client import PageClient
from tests.support.pictures import encode
from tests.support.served_page import served
from tests.support.studio_page import studio_client


@pytest.fixture(scope="module")
def parser(tmp_path_factory: pytest.TempPathFactory) -> clothes.OutfitParser:
    return clothes.load_outfit(write_color_bundle(tmp_path_factory.mktemp("outfits") / "bundle"))


@pytest.fixture(scope="module")
def url(parser: clothes.OutfitParser) -> Iterator[str]:
    with served(build_app(parser.classifier, parser=parser)) as address:
        yield address


def test_the_endpoint_answers_as_the_library_does(url: str, parser: clothes.OutfitParser, tmp_path: Path) -> None:
    draw_outfit(*wearer()).save(tmp_path / "me.png")
    client = Client(url, analytics_enabled=False, download_files=False, verbose=False)
    answer = client.predict(handle_file(tmp_path / "me.png"), api_name="/outfit")
    expected = parser.parse(tmp_path / "me.png")
    assert answer["garments"] == [garment.to_dict() for garment in expected.garments]
    assert answer["scores"] == pytest.approx(expected.scores)
    (tmp_path / "page.jpg").write_text("<html>")
    with pytest.raises(AppError, match="cannot be used: this is not a picture"):
        client.predict(handle_file(tmp_path / "page.jpg"), api_name="/outfit")
    assert not list(PAGE_FOLDER.rglob("me.png"))


def test_the_tab_shows_a_row_a_garment(url: str) -> None:
    with PageClient(url) as client:

        def look(data: bytes) -> str:
            return str(client.join(client.dependency("outfit-photo")["id"], client.upload(data, "me.png"))["data"][0])

        shown = look(encode(draw_outfit(*wearer()), "PNG"))
        assert shown.count("<li ") == shown.count("<details ") == shown.count('alone"') == 3
        assert 'alt="The photo with shirt, pants, shoes"' in shown
        assert "white" in shown and "navy" in shown
        assert "No clothing found" in look(encode(draw_outfit(), "PNG"))
        assert "is not a picture" in look(b"<html>")


def test_the_studio_shows_the_same(
    parser: clothes.OutfitParser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(studio_page, "load_outfit", lambda: parser)
    image = draw_outfit(*wearer())
    with studio_client(tmp_path) as client:
        shown = client.post("outfit", content=encode(image, "PNG")).json()["html"]
        assert shown == outfit_html(np.asarray(image), parser.parse(image))
        assert shown.count("<details ") == 3
        refused = client.post("outfit", content=b"no photo")
    assert refused.status_code == 400 and "not a picture" in refused.json()["problem"]
    assert not list(PAGE_FOLDER.rglob("file"))


def test_a_page_without_a_parser_has_no_such_tab(predict_url: str) -> None:
    with PageClient(predict_url) as client, pytest.raises(StopIteration):
        client.dependency("outfit-photo")


def test_a_guess_is_shown_as_one(parser: clothes.OutfitParser, tmp_path: Path) -> None:
    unsure = clothes.load_outfit(write_color_bundle(tmp_path / "bundle", certainty=[-4.8, 1.0, *[0.0] * 6]))
    pixels = np.asarray(draw_outfit(*wearer()))
    assert "Not sure: shirt?" in outfit_html(pixels, unsure.parse(pixels))
