"""Asks the public DNS where a domain points today, and says whether that is here. It only reads.

Nothing but four questions about one checked host name goes out, to the resolvers of the settings alone; what the
answers name is shown and never asked or visited itself.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import dns.exception
import dns.nameserver
import dns.resolver

from hosting.desired import addresses, nameservers
from hosting.models import Node
from observability.health.dns import resolvers

#: Seconds for all questions together.
DEADLINE_S = 4.0
#: More answers than these are not shown.
_SHOWN = 8


class Verdict(StrEnum):
    """Where a domain stands."""

    HERE = "here"
    PARTLY = "partly"
    ELSEWHERE = "elsewhere"
    NOT_DELEGATED = "not_delegated"
    UNKNOWN_NAME = "unknown_name"
    NO_ANSWER = "no_answer"
    IN_PARENT = "in_parent"


@dataclass(frozen=True, slots=True)
class Delegation:
    """What the public DNS says of a domain, beside what it should say.

    Args:
        name: the domain. wanted: the name servers it should be delegated to.
        found: those it is delegated to. seconds: for how long the answer may be remembered elsewhere.
        visitors: addresses that visitors are sent to now. ours: addresses of the node.
        mail: hosts that take its mail now.
    """

    name: str
    verdict: Verdict
    wanted: tuple[str, ...]
    found: tuple[str, ...] = ()
    seconds: int = 0
    visitors: tuple[str, ...] = ()
    ours: tuple[str, ...] = ()
    mail: tuple[str, ...] = field(default=())

    @property
    def arrives(self) -> bool:
        """Whether visitors reach the node already."""
        return bool(self.visitors) and set(self.visitors) <= set(self.ours)

    @property
    def right(self) -> bool:
        """Whether there is nothing left to do at the registrar."""
        return self.verdict in (Verdict.HERE, Verdict.IN_PARENT)

    @property
    def missing(self) -> tuple[str, ...]:
        """Name servers that have to be added at the registrar."""
        return tuple(server for server in self.wanted if server not in self.found)

    @property
    def inside(self) -> tuple[str, ...]:
        """Name servers within the domain itself: only glue in the zone above says where they are (RFC 1034 §4.2.1)."""
        return tuple(server for server in self.wanted if server.endswith(f".{self.name}"))

    @property
    def stray(self) -> tuple[str, ...]:
        """Name servers that have to be taken away at the registrar."""
        return tuple(server for server in self.found if server not in self.wanted)


def check_delegation(name: str, node: Node, *, parent: str = "", servers: Sequence[str] = ()) -> Delegation:
    """Look where a domain points now.

    Args:
        name: a host name in its one spelling (:func:`hosting.names.host_name`).
        node: where it is to be served. parent: the domain whose zone carries its records, if it has none of its own.
        servers: what it is to be delegated to, where that is not the node's own.
    """
    questions = _Questions()
    visitors = questions.addresses(name)
    ours = tuple(address for _type, address in addresses(node))
    mail = questions.mail(name)
    zone = parent or name
    wanted = tuple(servers or nameservers(node, zone))
    try:
        found, seconds = questions.servers(zone)
    except _Silence:
        return Delegation(name, Verdict.NO_ANSWER, wanted, visitors=visitors, ours=ours, mail=mail)
    except dns.resolver.NXDOMAIN:
        return Delegation(name, Verdict.UNKNOWN_NAME, wanted, ours=ours)
    verdict = _verdict(found, wanted, parent)
    return Delegation(name, verdict, wanted, found, seconds, visitors, ours, mail)


def _verdict(found: tuple[str, ...], wanted: tuple[str, ...], parent: str) -> Verdict:
    if not found:
        return Verdict.NOT_DELEGATED
    if set(found) == set(wanted):
        return Verdict.IN_PARENT if parent else Verdict.HERE
    return Verdict.PARTLY if set(found) & set(wanted) else Verdict.ELSEWHERE


class _Silence(Exception):
    """No resolver gave an answer in time."""


class _Questions:
    """Questions to the resolvers of the settings, which share one deadline."""

    def __init__(self) -> None:
        self._resolver = dns.resolver.Resolver(configure=False)
        self._resolver.nameservers = [
            dns.nameserver.Do53Nameserver(target.address, target.port) for target in resolvers()
        ]
        self._resolver.search = []
        self._until = time.monotonic() + DEADLINE_S

    def servers(self, zone: str) -> tuple[tuple[str, ...], int]:
        """Name servers of a zone and how long they are remembered; none when nobody is named for just this name.

        Raises:
            _Silence: no answer.
            dns.resolver.NXDOMAIN: the name does not exist, nor does the one above it end there.
        """
        answer = self._ask(zone, "NS")
        if answer.rrset is None:
            return (), 0
        return _texts(answer, "target"), int(answer.rrset.ttl)

    def addresses(self, name: str) -> tuple[str, ...]:
        """Where visitors are sent now."""
        return (*self._quietly(name, "A", "address"), *self._quietly(name, "AAAA", "address"))

    def mail(self, name: str) -> tuple[str, ...]:
        """Who takes the mail now."""
        return tuple(host for host in self._quietly(name, "MX", "exchange") if host)

    def _quietly(self, name: str, kind: str, attribute: str) -> tuple[str, ...]:
        try:
            return _texts(self._ask(name, kind), attribute)
        except (_Silence, dns.resolver.NXDOMAIN):
            return ()

    def _ask(self, name: str, kind: str) -> dns.resolver.Answer:
        left = self._until - time.monotonic()
        if left <= 0 or not self._resolver.nameservers:
            raise _Silence
        try:
            return self._resolver.resolve(f"{name}.", kind, lifetime=left, search=False, raise_on_no_answer=False)
        except dns.resolver.NXDOMAIN:
            raise
        except (dns.exception.DNSException, OSError) as error:
            raise _Silence from error


def _texts(answer: dns.resolver.Answer, attribute: str) -> tuple[str, ...]:
    if answer.rrset is None:
        return ()
    found = sorted(str(getattr(row, attribute)).lower().rstrip(".") for row in answer.rrset)
    return tuple(found[:_SHOWN])
