"""What keeps a training from several processes is said in a sentence, before any is started."""

import os
from pathlib import Path

import pytest

pytest.importorskip("jax", reason="several processes need the extra 'jax'")

from clothes.errors import ConfigError
from clothes.training.workers import group
from clothes.training.workers.place import COORDINATOR, COUNT, INDEX, Place
from tests.support.commands import run_command


@pytest.mark.parametrize(
    ("options", "backend", "said"),
    [
        (["--workers", "100000"], "", f"--workers 100000 are more than the {os.cpu_count()} cores of this machine"),
        (["--workers", "1"], "torch", "Several processes train with JAX, and KERAS_BACKEND is 'torch'"),
        (["--workers", "1"], "tensorflow", "Leave it out, or leave out --workers"),
        (["--workers", "1", "--model", "quick"], "", "--workers is not for the quick model"),
    ],
)
def test_workers_that_cannot_be_started(
    options: list[str], backend: str, said: str, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_BACKEND", backend)
    result = run_command("train", photos, "--out", tmp_path / "run", *options)
    assert result.status == 1
    assert result.err.startswith("Error: ") and said in result.err
    assert not (tmp_path / "run").exists()


def test_no_worker_is_wrong_usage(photos: Path) -> None:
    result = run_command("train", photos, "--workers", "0")
    assert result.status == 2
    assert "'--workers'" in result.err


def test_the_place_of_a_worker_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Place.from_environment() is None
    for name, value in {COORDINATOR: "10.0.0.1:1234,10.0.0.2:1234", COUNT: "2", INDEX: "1"}.items():
        monkeypatch.setenv(name, value)
    assert Place.from_environment() == Place("10.0.0.1:1234", 2, 1)


@pytest.mark.parametrize(
    "given", [("host:1", "2", ""), ("", "2", "0"), ("host", "2", "0"), ("host:1", "2", "2"), ("host:1", "²", "0")]
)
def test_an_incomplete_place_is_an_error(given: tuple[str, str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in zip((COORDINATOR, COUNT, INDEX), given, strict=True):
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=f"{COORDINATOR} .*they are '{given[0]}', .*Set all three, or none"):
        Place.from_environment()


def test_a_batch_that_cannot_be_shared_names_what_can(monkeypatch: pytest.MonkeyPatch) -> None:
    class Three:
        devices = 3

    group.require_even_shares(64)  # this process trains alone
    monkeypatch.setattr(group, "_group", Three())
    group.require_even_shares(66)
    for batch, fitting in {64: "1, 2, 4, 8 or 16", 17: "1", 4: "1, 2 or 4"}.items():
        said = f"3 workers cannot have equal shares of batches of {batch} photos. Give --workers {fitting}, or another"
        with pytest.raises(ConfigError, match=said):
            group.require_even_shares(batch)


@pytest.mark.parametrize(
    ("address", "loopback"),
    [("127.0.0.1:1", True), ("localhost:1", True), ("[::1]:1", True), ("10.0.0.1:1", False), ("head:1", False)],
)
def test_addresses_of_this_machine_alone(address: str, loopback: bool) -> None:
    assert group._is_loopback(address) == loopback
