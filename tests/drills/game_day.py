"""A game day: one fault on a lab node that a panel of yours uses, and people who follow the runbook."""

import time
from collections.abc import Callable

from hosting.models import Node as PanelNode
from tests.drills.node_faults import NODE_FAULTS, NodeFault
from tests.lab import network
from tests.lab.errors import LabError
from tests.lab.nodes import Lab, Node

#: What :meth:`GameDay.play` came to.
MENDED, GIVEN_UP = "mended", "given up"


class GameDay:
    """A fault on a lab node.

    Raises:
        LookupError: there is no such drill. LabError: the node is none of the lab's on this machine.
    """

    def __init__(self, name: str, node: PanelNode) -> None:
        if name not in NODE_FAULTS:
            raise LookupError(f"There is no drill {name}; there are: {', '.join(sorted(NODE_FAULTS))}.")
        self.fault: NodeFault = NODE_FAULTS[name]
        self.node = lab_node(node)

    def play(self, minutes: float, tell: Callable[[str], None]) -> tuple[str, float]:
        """Make the fault, wait until somebody has mended it, or time is over; gives the outcome and the seconds.

        The fault is taken back when nobody has mended it, also on Ctrl-C.
        """
        began = time.monotonic()
        self.fault.inject(self.node)
        tell(self.fault.says)
        try:
            while time.monotonic() - began < minutes * 60:
                if self.fault.mended(self.node):
                    return MENDED, time.monotonic() - began
                time.sleep(1)
        except KeyboardInterrupt:
            tell("Given up.")
        finally:
            self.fault.undo(self.node)
        return GIVEN_UP, time.monotonic() - began


def lab_node(node: PanelNode) -> Node:
    """The lab's node behind a node of the panel, proved by its host key.

    Raises:
        LabError: it is another machine.
    """
    refusal = f"{node.name} is no node of the lab on this machine; drills break nothing else"
    numbers = {network.address(number): number for number in range(1, network.MAX_NODE + 1)}
    if node.address not in numbers:
        raise LabError(refusal)
    found = Lab().node(numbers[node.address])
    if not found.running or found.host_key.split()[1] not in node.host_keys:
        raise LabError(refusal)
    return found
