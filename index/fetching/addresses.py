"""Which network addresses are the public web, and which must never be reached from here."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Sequence

from index.errors import SourceError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str], Sequence[str]]
"""A host's name, or an address in any spelling, to its addresses; OSError where it has none."""

_SERVICES = frozenset(
    ipaddress.ip_address(address)
    for address in (
        "168.63.129.16",  # Azure's, for the machine that asks; public by its number alone
        "192.0.0.192",  # Oracle's metadata
        "100.100.100.200",  # Alibaba's metadata
        "fd00:ec2::254",  # Amazon's metadata
        "fd20:ce::254",  # Google's metadata
    )
)
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052: the last 32 bits are IPv4
_FORBIDDEN = tuple(
    ipaddress.ip_network(network)
    for network in (
        "::/96",  # IPv4-compatible, deprecated
        "64:ff9b:1::/48",  # RFC 8215: translation within a site
        "100::/64",  # discard-only
        # What older versions of the standard library take for global.
        "192.0.0.0/24",  # protocol assignments
        "2001::/23",  # the same, Teredo tunnels among them
        "3fff::/20",  # documentation
        "5f00::/16",  # segment routing
        "fec0::/10",  # site-local, deprecated
        "192.88.99.0/24",  # relays of 6to4, deprecated
    )
)


def resolve(host: str) -> list[str]:
    """Every address of a host, by the system's resolver."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def public_addresses(host: str, resolve: Resolve) -> list[str]:
    """The addresses of ``host``, each of them on the public internet.

    One forbidden address among them refuses the host: a name that stands for both is
    no mistake. Raises SourceError.
    """
    try:
        found = resolve(host)
    except (OSError, UnicodeError, ValueError) as error:
        raise SourceError(
            f"The address of {host!r} is not known here. Check its spelling."
        ) from error
    addresses = []
    for text in found:
        try:
            address = ipaddress.ip_address(text)
        except ValueError as error:  # with a zone, say
            raise SourceError(_refusal(host)) from error
        if not is_public(address):
            raise SourceError(_refusal(host))
        addresses.append(str(address))
    if not addresses:
        raise SourceError(f"{host!r} has no address. Check its spelling.")
    return addresses


def is_public(address: Address) -> bool:
    """Whether it is an ordinary address of the public internet."""
    inner = _inner(address)
    if inner is not None:
        return is_public(inner)
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and address not in _SERVICES
        and not any(
            address in network for network in _FORBIDDEN if network.version == address.version
        )
    )


def _inner(address: Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 one stands for."""
    if not isinstance(address, ipaddress.IPv6Address):
        return None
    if address in _TRANSLATED:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour


def _refusal(host: str) -> str:
    return (
        f"{host!r} is an address inside a network, not on the public web, and is never fetched."
        " Save the page as a file and add the file."
    )
