"""What a node is: its host name, size and daemons, asked for at bootstrap and by ``node_check``."""

import json
from typing import Any

from django.utils import timezone

from hosting.adapters.base import adapters
from hosting.choices import NodeState
from hosting.connections.base import Connection, Context, Run, Steps, converse
from hosting.errors import HostingError
from hosting.models import Node

_FACTS_PROGRAM = """
import json, os, platform, socket
release = dict(line.rstrip().split("=", 1) for line in open("/etc/os-release") if "=" in line)
pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
print(json.dumps({"hostname": socket.gethostname(), "cpus": os.cpu_count(), "memory_mb": pages * size // 1048576,
    "kernel": platform.release(), "os": release.get("PRETTY_NAME", "").strip('"')}))
"""


def discover(node: Node, connection: Connection, context: Context = Context()) -> dict[str, Any]:
    """Ask the node and every adapter what is there, and keep it as the node's facts.

    Raises:
        HostingError: the node can't be asked.
    """
    talks = [_machine(), *(adapter.discover() for adapter in adapters().values())]
    found: list[dict[str, Any]] = []
    for outcome in converse(connection, talks, context=context):
        if isinstance(outcome, HostingError):
            raise outcome
        found.append(outcome)
    node.facts = found[0] | {"discovered": {k: v for k, v in zip(adapters(), found[1:], strict=True) if v}}
    node.last_seen_at = timezone.now()
    node.save(update_fields=["facts", "last_seen_at"])
    return dict(node.facts)


def mark_ready(node: Node, connection: Connection, context: Context) -> None:
    """A bootstrap has succeeded: look again (packages may have come) and let services in."""
    discover(node, connection, context)
    node.state, node.note = NodeState.READY, ""
    node.save(update_fields=["state", "note"])


def _machine() -> Steps[dict[str, Any]]:
    (reply,) = yield [Run(("/usr/bin/python3", "-I", "-"), stdin=_FACTS_PROGRAM.encode(), timeout=20)]
    facts: dict[str, Any] = json.loads(reply.text)
    return facts
