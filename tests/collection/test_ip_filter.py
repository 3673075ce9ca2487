"""Addresses of the public network, and those of this machine and its networks."""

import ipaddress

import pytest

from clothes.collection.ip_filter import resolve, why_inside
from clothes.errors import DownloadError


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "64:ff9b::8.8.8.8", "::ffff:8.8.8.8"],
)
def test_the_public_network_is_outside(address: str) -> None:
    assert why_inside(address) == ""


def test_what_python_calls_private_is_inside() -> None:
    for network in ("0.0.0.0/8", "10.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"):
        for address in (ipaddress.ip_network(network)[0], ipaddress.ip_network(network)[-1]):
            assert address.is_private
            assert why_inside(str(address))
            assert why_inside(f"::ffff:{address}")
            assert why_inside(f"64:ff9b::{address}")


def test_this_machines_own_address_is_inside_whatever_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clothes.collection.ip_filter._INSIDE", [])
    assert why_inside("127.0.0.1") == "belongs to this machine"
    assert why_inside("8.8.8.8") == ""


@pytest.mark.parametrize("host", ["nowhere.invalid", "", "a..b", "x" * 70 + ".test", "\ud800.test"])
def test_a_host_that_cannot_be_found_is_an_error(host: str) -> None:
    with pytest.raises(DownloadError, match="its host cannot be found"):
        resolve(host, 80)


def test_a_host_has_each_address_once() -> None:
    found = resolve("localhost", 80)
    assert found and len(set(found)) == len(found)
    assert all(why_inside(address) for address in found)
