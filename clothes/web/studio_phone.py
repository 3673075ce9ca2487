"""The studio's page once more for a phone in the same network: with a password, until it is closed."""

import secrets
import threading
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import segno

from clothes.errors import ConfigError
from clothes.web.base_page import Page
from clothes.web.server import address_for_others
from clothes.web.studio_answers import Given

_USER = "phone"
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # that are easily told apart
_LENGTH = 10


class Phone(AbstractContextManager["Phone"]):
    """The page for the phone, which `build` makes. `certificate` holds the PEM files for https."""

    def __init__(self, build: Any, certificate: tuple[Path, Path] | None = None, *, host: str = "0.0.0.0") -> None:  # noqa: S104
        self._build, self._certificate, self._host = build, certificate, host
        self._lock = threading.Lock()
        self._page: Page | None = None
        self._address = self._password = ""

    def __exit__(self, *_: object) -> None:
        with self._lock:
            if self._page:
                self._page.close()
            self._page = None

    def answer(self, given: Given) -> dict[str, Any]:
        """Opens or closes the page if asked to. Says how it is reached, or nothing if it is closed."""
        match given.get("do"):
            case "open":
                self._open()
            case "close":
                self.__exit__()
            case None:
                pass
            case _:
                raise ConfigError("The studio knows no such answer about phones. Reload the page.")
        with self._lock:
            return self._describe(str(given.get("label", ""))) if self._page else {}

    def _open(self) -> None:
        with self._lock:
            if self._page:
                return
            password = "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))
            files = self._certificate
            https = {"ssl_certfile": str(files[0]), "ssl_keyfile": str(files[1])} if files else {}
            page = self._build()
            _, url, _ = page.launch(
                server_name=self._host, server_port=0, auth=(_USER, password), prevent_thread_lock=True, **https
            )
            self._page, self._address, self._password = page, address_for_others(url), password

    def _describe(self, label: str) -> dict[str, Any]:
        """The address and the password, and the address as a QR code, which also chooses a class."""
        address = f"{self._address}?class={quote(label)}" if label else self._address
        return {
            "address": self._address,
            "user": _USER,
            "password": self._password,
            "is_https": self._address.startswith("https:"),
            "code": segno.make_qr(address).png_data_uri(scale=8),
        }
