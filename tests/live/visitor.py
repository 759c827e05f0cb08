"""Visitors of a node's sites: single requests, DNS questions, and probers that never stop asking."""

import contextlib
import http.client
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import dns.message
import dns.query
import dns.rcode
import dns.rdatatype

from tests.contract.visitor import Answer, visit
from tests.lab.nodes import Node

PATIENCE_S = 60.0
#: Pause between two questions of a prober: some more than ten a second and site, on a busy machine as well.
_PAUSE_S = 0.04


class Visitor:
    """Somebody outside of a node who uses what it serves."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def get(self, host: str, path: str = "/") -> Answer:
        """What a site answers; status 0 when the server hangs up without a word."""
        return visit(self._node, host, path)

    def dig(self, name: str, kind: str) -> list[str]:
        """The answers of the node's name server, as a zone file would say them ("REFUSED" and the like: no answer)."""
        question = dns.message.make_query(name, kind)
        reply = dns.query.udp(question, self._node.address, timeout=PATIENCE_S)
        if reply.rcode() != dns.rcode.NOERROR:
            return [dns.rcode.to_text(reply.rcode())]
        found = [rrset for rrset in reply.answer if rrset.rdtype == dns.rdatatype.from_text(kind)]
        return sorted(record.to_text() for rrset in found for record in rrset)

    @contextlib.contextmanager
    def probing(self, *sites: "Site") -> Iterator[list["Prober"]]:
        """Ask these sites without a pause worth mentioning for the time of the block.

        Raises:
            AssertionError: at the end of the block, if any of the answers was not the expected one.
        """
        probers = [Prober(self._node, site) for site in sites]
        for prober in probers:
            prober.start()
        try:
            yield probers
        finally:
            for prober in probers:
                prober.stop()
        for prober in probers:
            prober.judge()


@dataclass(frozen=True, slots=True)
class Site:
    """A page and a piece of text that it always shows."""

    host: str
    path: str
    text: str


@dataclass
class Prober:
    """A thread that asks one site again and again and remembers every answer that was not right."""

    node: Node
    site: Site
    count: int = 0
    faults: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def start(self) -> None:
        """Begin to ask; returns after the first answer."""
        self._stopping, self._asked = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._ask, daemon=True, name=f"prober-{self.site.host}")
        self._thread.start()
        self._asked.wait(PATIENCE_S)

    def stop(self) -> None:
        """Ask no more."""
        self._stopping.set()
        self._thread.join()

    def judge(self) -> None:
        """Fail if any answer was wrong."""
        assert self.count, f"{self.site.host} was never asked"
        assert not self.faults, (
            f"{len(self.faults)} of {self.count} probes of {self.site.host} failed: {self.faults[:5]}"
        )

    @property
    def rate(self) -> float:
        """Questions per second."""
        return self.count / self.seconds if self.seconds else 0.0

    def _ask(self) -> None:
        began = time.monotonic()
        while not self._stopping.is_set():
            fault = self._fault()
            self.count += 1
            if fault:
                self.faults.append(f"after {time.monotonic() - began:.2f} s: {fault}")
            self._asked.set()
            self._stopping.wait(_PAUSE_S)
        self.seconds = time.monotonic() - began

    def _fault(self) -> str:
        try:
            answer = visit(self.node, self.site.host, self.site.path)
        except (OSError, http.client.HTTPException) as error:
            return repr(error)
        right = answer.status == 200 and self.site.text in answer.text
        return "" if right else f"{answer.status} {answer.text[:80]!r}"
