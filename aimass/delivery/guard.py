"""Where a notification may go: not into the network that this machine stands in, unless the receiver allows it."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

#: Returns the addresses of a host.
Resolver = Callable[[str, int], Awaitable[list[str]]]
_PORTS = {"http": 80, "https": 443}
#: What Python takes for public and is not: clouds' own services, and where IANA keeps special things.
_SPECIAL = tuple(map(ipaddress.ip_network, ("192.0.0.0/24", "192.88.99.0/24", "168.63.129.16/32")))
_PUBLIC_V6 = ipaddress.ip_network("2000::/3")


class Refused(Exception):
    """A place that a notification may not go to."""


@dataclass(frozen=True, slots=True)
class Target:
    """A place that was looked at: connect to exactly these addresses, whatever its name resolves to later."""

    scheme: str
    host: str
    port: int
    addresses: tuple[str, ...]


async def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of a host, as this machine resolves them."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as exc:
        raise OSError(f"{host} cannot be resolved: {exc}") from exc
    except UnicodeError as exc:
        raise Refused(f"{host!r} is no name of a host: {exc}") from exc
    return [str(one[4][0]) for one in found]


def is_internal(address: str) -> bool:
    """Return whether an address is of no public network: private, loopback, link-local (clouds' metadata) and such.

    Examples
    --------
    >>> [is_internal(one) for one in ("10.0.0.1", "169.254.169.254", "::ffff:127.0.0.1", "1.1.1.1", "64:ff9b::a00:1")]
    [True, True, True, False, True]
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return is_internal(str(ip.ipv4_mapped))
        if ip not in _PUBLIC_V6 or ip.sixtofour is not None or ip.teredo is not None:
            return True
    elif any(ip in network for network in _SPECIAL):
        return True
    return not ip.is_global or ip.is_multicast or ip.is_reserved


async def look(url: str, *, allow_internal: bool, resolver: Resolver = resolve) -> Target:
    """Return where a URL leads, when it may be gone to.

    Raises
    ------
    Refused
        With the reason.
    OSError
        When the host cannot be resolved: that may pass.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as exc:
        raise Refused(f"not a URL: {exc}") from exc
    if parts.scheme not in _PORTS:
        raise Refused(f"{parts.scheme or 'no'}:// is not http:// or https://")
    if parts.username is not None or parts.password is not None:
        raise Refused("a URL with a name or password in it; use a secret")
    if not parts.hostname:
        raise Refused("a URL without a host")
    number = port or _PORTS[parts.scheme]
    addresses = await resolver(parts.hostname, number)
    if not addresses:
        raise OSError(f"{parts.hostname} has no address")
    inside = [one for one in addresses if is_internal(one)]
    if inside and not allow_internal:
        raise Refused(f"{parts.hostname} leads to {inside[0]}, an internal address; allow_internal = true allows it")
    return Target(parts.scheme, parts.hostname, number, tuple(dict.fromkeys(addresses)))
