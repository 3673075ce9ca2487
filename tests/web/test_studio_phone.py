"""The studio's page for a phone, without a browser."""

import ssl
from pathlib import Path
from urllib.parse import unquote

import httpx
import pytest
import segno

from clothes.web.studio_answers import Studio
from clothes.web.studio_page import build_page
from clothes.web.studio_phone import Phone
from clothes.web.studio_projects import Desk
from tests.support.pictures import photo
from tests.support.studio_page import counts, studio_client, upload


def test_a_phone_brings_photos_with_its_password_until_the_page_is_closed(tmp_path: Path) -> None:
    with studio_client(tmp_path / "one") as client:
        assert client.get("phone").json() == {}
        told = client.post("phone", json={"do": "open", "label": "hat"}).json()
        assert client.post("phone", json={"do": "open"}).json()["password"] == told["password"]
        assert client.get("phone").json()["address"] == told["address"]
        assert (len(told["password"]), told["is_https"]) == (10, False)
        with httpx.Client(base_url=told["address"], timeout=60) as phone:
            assert phone.get("studio/state").status_code == 401
            signed_in = phone.post("login", data={"username": told["user"], "password": told["password"]})
            assert signed_in.status_code == 200
            phone.base_url = f"{told['address']}studio/"  # type: ignore[assignment]
            for number in range(3):
                upload(phone, f"{number}.png", photo(number), "hat", burst="7")
            assert client.get("state").json()["classes"] == [{"name": "hat", "photos": 3, "garments": 1}]
            for path in ("project", "phone"):
                answer = phone.post(path, json={"do": "open", "folder": str(tmp_path)})
                assert answer.status_code == 400 and "computer itself" in answer.json()["problem"]
            assert client.post("project", json={"do": "new", "name": "two"}).status_code == 200
            assert counts(phone) == {}  # it follows
            assert client.post("phone", json={"do": "close"}).json() == {}
            with pytest.raises(httpx.ConnectError):
                phone.get("state")
        assert client.post("phone", json={"do": "explode"}).status_code == 400


def test_with_a_certificate_the_phone_comes_by_https(tmp_path: Path, certificate: tuple[Path, Path]) -> None:
    desk = Desk(Studio(tmp_path / "one", checks=False))
    with Phone(lambda: build_page(desk), certificate, host="127.0.0.1") as phone:
        told = phone.answer({"do": "open"})
        assert told["is_https"] and told["address"].startswith("https://")
        trusted = ssl.create_default_context(cafile=str(certificate[0]))
        trusted.check_hostname = False
        with httpx.Client(base_url=told["address"], verify=trusted, timeout=60) as visitor:
            assert visitor.get("studio/state").status_code == 401
            visitor.post("login", data={"username": told["user"], "password": told["password"]})
            assert visitor.get("studio/state").json()["name"] == "one"


@pytest.mark.parametrize("label", ["", "T-Shirt", "ä" * 50])
def test_the_code_holds_the_address_and_the_class(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, label: str) -> None:
    texts: list[str] = []
    make = segno.make_qr
    monkeypatch.setattr(segno, "make_qr", lambda text: texts.append(text) or make(text))
    with studio_client(tmp_path) as client:
        told = client.post("phone", json={"do": "open", "label": label}).json()
    assert unquote(texts[-1]) == told["address"] + (f"?class={label}" if label else "")
    assert told["code"].startswith("data:image/png;base64,")
