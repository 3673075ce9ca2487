"""A package that is not installed leads to the command that installs it."""

import sys

import pytest

from clothes.cli.options import missing_package, require
from clothes.errors import MissingExtraError
from tests.support.commands import run_command


@pytest.mark.parametrize(
    ("module", "words", "message"),
    [
        ("keras", "train photos", "Training needs the extra 'train'."),
        ("optuna", "tune photos", "Tuning needs the extra 'tune'."),
        ("gradio", "serve", "The web page needs the extra 'serve'."),
        ("google_auth_oauthlib", "drive pull p d", "Google Drive needs the extra 'drive'."),
    ],
)
def test_a_command_names_its_extra_at_once(
    module: str, words: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    shown = run_command(*words.split())
    assert shown.status == 1
    assert shown.err.startswith(f"Error: {message} In the folder of clothes: pip install '.[")


def test_installed_extras_pass() -> None:
    pytest.importorskip("keras")
    require("Training", "train")


def test_a_failed_import_names_the_extra_or_the_package() -> None:
    assert isinstance(missing_package(ModuleNotFoundError(name="keras.models"), "Training"), MissingExtraError)
    error = missing_package(ModuleNotFoundError(name="no_such.thing"), "Training")
    assert "Training needs the package no_such" in str(error) and "pip install no_such" in str(error)
    with pytest.raises(ModuleNotFoundError):
        missing_package(ModuleNotFoundError(name="clothes.gone"), "Training")
