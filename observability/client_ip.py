"""Finds the address of the client, believing X-Forwarded-For only from the configured proxies."""

import ipaddress
from functools import lru_cache

from django.conf import settings
from django.http import HttpRequest

_UNIX_SOCKET = "unix"
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@lru_cache(maxsize=8)
def parse_networks(cidrs: tuple[str, ...]) -> tuple[Network, ...]:
    """Read CIDRs (or single addresses); raises ValueError on a malformed one."""
    return tuple(ipaddress.ip_network(cidr, strict=False) for cidr in cidrs if cidr != _UNIX_SOCKET)


def parse_address(text: str) -> Address | None:
    """Read an address as it stands in a header; IPv4-mapped IPv6 becomes IPv4, anything else None."""
    try:
        address = ipaddress.ip_address(text.strip().removeprefix("[").removesuffix("]"))
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def is_within(address: Address | None, cidrs: tuple[str, ...]) -> bool:
    """Whether ``address`` lies in one of ``cidrs``."""
    return address is not None and any(address in network for network in parse_networks(cidrs))


def _trusted_proxies() -> tuple[str, ...]:
    return tuple(getattr(settings, "NPANEL_TRUSTED_PROXIES", ()))


def is_trusted_peer(request: HttpRequest) -> bool:
    """Whether the TCP (or unix socket) peer is one of NPANEL_TRUSTED_PROXIES."""
    proxies = _trusted_proxies()
    peer = str(request.META.get("REMOTE_ADDR", ""))
    if not peer:
        return _UNIX_SOCKET in proxies
    return is_within(parse_address(peer), proxies)


def client_ip(request: HttpRequest) -> str:
    """The client's address, or "" when there is none (a unix socket without a trusted header).

    Of ``X-Forwarded-For`` the rightmost address that is not a trusted proxy counts: everything left of it
    was written by the client itself (SECURITY §1, 1Panel CVE-2025-66508).
    """
    peer = parse_address(str(request.META.get("REMOTE_ADDR", "")))
    found = str(peer) if peer else ""
    if not is_trusted_peer(request):
        return found
    proxies = _trusted_proxies()
    for hop in reversed(str(request.META.get("HTTP_X_FORWARDED_FOR", "")).split(",")):
        address = parse_address(hop)
        if address is None:
            return found
        found = str(address)
        if not is_within(address, proxies):
            return found
    return found
