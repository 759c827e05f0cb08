"""Questions to the public DNS, by the resolvers of the settings alone, which share one deadline."""

import ipaddress
import time
from typing import Any

import dns.exception
import dns.nameserver
import dns.resolver
import dns.reversename

from observability.health.dns import resolvers


class Silence(Exception):
    """No resolver gave an answer in time."""


class Questions:
    """What names have. No answer at all is :class:`Silence`; a name that does not exist has nothing.

    Args:
        seconds: for all questions together. each: for one.
    """

    def __init__(self, seconds: float, each: float = 3.0) -> None:
        self._resolver = dns.resolver.Resolver(configure=False)
        self._resolver.nameservers = [
            dns.nameserver.Do53Nameserver(target.address, target.port) for target in resolvers()
        ]
        self._resolver.search = []
        self._until, self._each = time.monotonic() + seconds, each

    def texts(self, name: str) -> tuple[str, ...]:
        """TXT records, each with its strings joined."""
        return tuple(b"".join(row.strings).decode("utf-8", "replace") for row in self._ask(name, "TXT"))

    def mail_hosts(self, name: str) -> tuple[str, ...]:
        """Who takes a domain's mail, the first choice first; "" is a domain that takes none (RFC 7505)."""
        rows = sorted(self._ask(name, "MX"), key=lambda row: (row.preference, str(row.exchange)))
        return tuple(_host(row.exchange) for row in rows)

    def addresses(self, name: str) -> tuple[str, ...]:
        """IPv4 and IPv6 addresses of a host."""
        return tuple(str(row.address) for kind in ("A", "AAAA") for row in self._ask(name, kind))

    def names_of(self, address: str) -> tuple[str, ...]:
        """What an address is called (PTR)."""
        reverse = dns.reversename.from_address(address).to_text(omit_final_dot=True)
        return tuple(_host(row.target) for row in self._ask(reverse, "PTR"))

    def listed(self, address: str, zone: str) -> tuple[str, ...]:
        """What a blocklist says of an address: nothing, or addresses of 127.0.0.0/8 that say why."""
        reverse = ipaddress.ip_address(address).reverse_pointer
        digits = reverse.removesuffix(".in-addr.arpa").removesuffix(".ip6.arpa")
        return tuple(str(row.address) for row in self._ask(f"{digits}.{zone}", "A"))

    def _ask(self, name: str, kind: str) -> tuple[Any, ...]:
        """Records, whose attributes differ with their type."""
        left = min(self._until - time.monotonic(), self._each)
        if left <= 0 or not self._resolver.nameservers:
            raise Silence
        try:
            answer = self._resolver.resolve(f"{name}.", kind, lifetime=left, search=False, raise_on_no_answer=False)
        except dns.resolver.NXDOMAIN:
            return ()
        except (dns.exception.DNSException, OSError, ValueError) as error:
            raise Silence from error
        return tuple(answer.rrset or ())


def _host(name: dns.name.Name) -> str:
    return str(name).lower().rstrip(".")
