"""Requests to PowerDNS's HTTP API on the node's loopback, and what its answers mean."""

import json
from typing import Any

from hosting.adapters.powerdns import setup
from hosting.connections.base import Http, Reply, Run
from hosting.errors import HostingError
from hosting.texts import N_

_API = f"http://127.0.0.1:{setup.PORT}/api/v1/servers/localhost"


def call(method: str, path: str, body: Any = None) -> Http:
    """A request below the server's own path, with its key."""
    return Http(
        method,
        f"{_API}{path}",
        headers=(("Content-Type", "application/json"), ("Accept", "application/json")),
        header_files=(("X-API-Key", setup.KEY_FILE),),
        body=b"" if body is None else json.dumps(body).encode(),
        timeout=30.0,
    )


def purge(zone: str) -> Run:
    """Have the server forget its answers about a zone: they live 20 seconds, and not every request empties them."""
    return Run(("/usr/bin/pdns_control", f"--config-dir={setup.CONFIGURATION_DIRECTORY}", "purge", f"{zone}$"))


def is_missing(reply: Reply) -> bool:
    """Whether there is no such zone."""
    return reply.status == 404


def content(reply: Reply) -> Any:
    """The JSON of an answer that has to be one."""
    expect(reply, 200)
    return json.loads(reply.stdout)


def expect(reply: Reply, status: int) -> None:
    """Refuse any other answer of the API, in its own words."""
    if reply.status == status:
        return
    try:
        said = str(json.loads(reply.stdout)["error"])
    except (ValueError, KeyError, TypeError):
        said = reply.text[:200]
    detail = N_("PowerDNS answered %(status)s: %(said)s", status=reply.status, said=said)
    raise HostingError(detail, code="powerdns_refused", permanent=reply.status in (400, 422))
