"""Named places where a drill may kill, delay or fail this process; without effect unless the environment asks for it.

``NPANEL_FAILPOINTS=1`` arms them, ``NPANEL_FAILPOINT="name=kill|raise|sleep:SECONDS[@N]"`` chooses one and the N-th
time it is reached (the first when N is not given). Each process counts on its own.
"""

import os
import re
import signal
import threading
import time
from dataclasses import dataclass

from hosting.errors import HostingError
from hosting.texts import N_

# Every failpoint there is: (name, where). The drills kill at each of them.
FAILPOINTS: tuple[tuple[str, str], ...] = (
    ("runner.claimed", "the operation is leased, nothing was asked of the node"),
    ("runner.planned", "the plan is saved, nothing is journalled"),
    ("runner.intended", "changes are journalled as started, nothing is made"),
    ("runner.applied", "changes are made on the node, their success is not journalled"),
    ("runner.stage_done", "a stage is made and journalled, the next one is not begun"),
    ("activation.queued", "files are written, the ticket for the shared reload is in"),
    ("activation.leading", "this worker leads the activation, nothing is tested"),
    ("activation.validated", "the daemons accepted the configuration, no reload yet"),
    ("activation.activated", "the daemons were reloaded, no ticket is answered"),
    ("activation.answered", "the tickets are answered, the lock is still held"),
    ("runner.activated", "the change is live, it is not verified"),
    ("runner.verified", "everything was probed, nothing is recorded"),
    ("runner.recorded", "the outcome is committed, metric and log line are not written"),
    ("rollback.begin", "a failure was journalled, nothing is taken back"),
    ("rollback.applied", "the node is back as it was on disk, daemons are not reloaded"),
    ("rollback.verified", "the rollback is proven, nothing is recorded"),
    ("agent.before_rename", "on the node: the temporary file is complete, the old file is still in place"),
    ("agent.after_rename", "on the node: the new file is in place, nothing was answered yet"),
    ("agent.before_reply", "on the node: the whole batch is done, nothing was answered yet"),
)
AGENT_PREFIX = "agent."
_ORDER = re.compile(r"(?P<name>[a-z_.]+)=(?P<act>kill|raise|sleep:(?P<seconds>\d+(?:\.\d+)?))(?:@(?P<hit>[1-9]\d*))?")


@dataclass(frozen=True, slots=True)
class Order:
    """What the environment asks for: at the ``hit``-th time ``name`` is reached, do ``act``."""

    name: str
    act: str
    seconds: float
    hit: int


_lock = threading.Lock()
_hits: dict[str, int] = {}


def names() -> frozenset[str]:
    """The names of all failpoints."""
    return frozenset(name for name, _ in FAILPOINTS)


def armed() -> Order | None:
    """The order in the environment, or None.

    Raises:
        HostingError: ``failpoint_unknown``: it is malformed or names a failpoint that does not exist.
    """
    text = os.environ.get("NPANEL_FAILPOINT", "")
    if os.environ.get("NPANEL_FAILPOINTS") != "1" or not text:
        return None
    match = _ORDER.fullmatch(text)
    if match is None or match["name"] not in names():
        raise HostingError(
            N_("NPANEL_FAILPOINT=%(text)s names no failpoint or no act.", text=repr(text)), code="failpoint_unknown"
        )
    return Order(match["name"], match["act"].partition(":")[0], float(match["seconds"] or 0), int(match["hit"] or 1))


def failpoint(name: str) -> None:
    """A place where a drill may strike.

    Raises:
        HostingError: ``failpoint`` when the order says raise; ``failpoint_unknown`` when the name is not registered.
    """
    if name not in names():
        raise HostingError(N_("The failpoint %(name)s is not registered.", name=repr(name)), code="failpoint_unknown")
    order = armed()
    if order is None or order.name != name or not _is_due(order):
        return
    if order.act == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if order.act == "raise":
        raise HostingError(N_("A drill struck at %(name)s.", name=name), code="failpoint", permanent=False)
    time.sleep(order.seconds)


def agent_failpoint() -> str:
    """Name of the failpoint at which the agent is to die during the next batch that changes files; "" normally.

    Each call counts as one hit, so a connection asks only for such batches.
    """
    order = armed()
    if order is None or not order.name.startswith(AGENT_PREFIX) or not _is_due(order):
        return ""
    return order.name


def _is_due(order: Order) -> bool:
    with _lock:
        _hits[order.name] = _hits.get(order.name, 0) + 1
        return _hits[order.name] == order.hit
