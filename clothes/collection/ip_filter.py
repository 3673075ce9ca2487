"""Tells public network addresses from this machine, its network, and addresses reserved for routers and clouds."""

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from clothes.errors import DownloadError

# IANA's special-purpose addresses of IPv4. Python's own list differs between versions.
_INSIDE = [
    (ip_network(network), what)
    for network, what in (
        ("0.0.0.0/8", "this machine"),
        ("10.0.0.0/8", "a private network"),
        ("100.64.0.0/10", "a provider's own network"),
        ("127.0.0.0/8", "this machine"),
        ("168.63.129.16/32", "a cloud's own service"),
        ("169.254.0.0/16", "the local link, where clouds keep their secrets"),
        ("172.16.0.0/12", "a private network"),
        ("192.0.0.0/24", "a protocol's own network"),
        ("192.0.2.0/24", "documentation"),
        ("192.88.99.0/24", "a protocol's own network"),
        ("192.168.0.0/16", "a private network"),
        ("198.18.0.0/15", "a test network"),
        ("198.51.100.0/24", "documentation"),
        ("203.0.113.0/24", "documentation"),
        ("224.0.0.0/4", "many machines at once"),
        ("240.0.0.0/4", "no machine"),
    )
]
# One eighth of IPv6 is in use. These networks of it are special, or hide an unchecked IPv4 address.
_UNICAST = ip_network("2000::/3")
_SPECIAL = [ip_network(network) for network in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")]
_NAT64 = ip_network("64:ff9b::/96")  # IPv4 addresses in IPv6-only networks
_ISATAP = (0x0000_5EFE, 0x0200_5EFE)  # third quarter of an address that ends in an IPv4 address


def resolve(host: str, port: int) -> list[str]:
    """Returns the addresses of a host from the system's resolver. Raises DownloadError."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise DownloadError("its host cannot be found") from None
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def why_inside(address: str) -> str:
    """Returns the reason to refuse an IP address, as the end of a sentence, or an empty text."""
    ip = ip_address(address)
    if isinstance(ip, IPv6Address):
        inner = ip.ipv4_mapped or (IPv4Address(int(ip) & 0xFFFF_FFFF) if ip in _NAT64 else None)
        if inner is None:
            inside = ip not in _UNICAST or any(ip in network for network in _SPECIAL)
            return "is not on the public network" if inside or int(ip) >> 32 & 0xFFFF_FFFF in _ISATAP else _own(ip)
        ip = inner
    return next((f"belongs to {what}" for network, what in _INSIDE if ip in network), "") or _own(ip)


def _own(ip: IPv4Address | IPv6Address) -> str:
    """Returns the reason if the address is this machine's own: it connects to it from itself. Sends nothing."""
    family = socket.AF_INET if ip.version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((str(ip), 9))
            return "belongs to this machine" if probe.getsockname()[0] == str(ip) else ""
        except OSError:  # not reachable
            return ""
