"""A world whose sites a real authority can visit: it asks a small resolver and web server that stand for the node."""

import http.server
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from hosting.connections.agent.wire import Refused
from hosting.models import AutoCertificate, Domain, HostingService
from tests.acme import Pebble, pebble
from tests.unit.portal.name_server import name_server
from tests.unit.services.world import ADDRESS, NAMESERVERS, World, new_world

NAME = "example.com"


class _Records(dict[tuple[str, str], list[str]]):
    """What an authority's resolver finds: every site here, TXT records as the node's name server has them."""

    world: World | None = None

    def get(self, key: tuple[str, str], default: Any = None) -> Any:
        """The contents of one name and type."""
        name, kind = key
        if kind == "A":
            return ["127.0.0.1"]
        return sorted(self.world.server.resolve(name, kind)) if kind == "TXT" and self.world else default


@dataclass
class Internet:
    """What lies between the authority and the node.

    Args:
        authority: Pebble. records: what the panel's own resolver finds; a test changes it. visits: paths it asked for.
    """

    authority: Pebble
    records: dict[tuple[str, str], list[str]]
    sites: Any
    seen: _Records
    visits: list[tuple[str, str]] = field(default_factory=list)

    def serve(self, world: World) -> None:
        """Have the authority see this world's node."""
        self.seen.world = self.sites.world = world
        self.visits.clear()

    def lead_elsewhere(self) -> None:
        """Have the authority get to a server that has no such site."""
        self.sites.world = None


class _Visits(http.server.BaseHTTPRequestHandler):
    """Answers the authority as the node in memory would."""

    def do_GET(self) -> None:
        """One visit."""
        host = self.headers["Host"].partition(":")[0]
        self.server.visits.append((host, self.path))  # type: ignore[attr-defined]
        if self.server.world is None:  # type: ignore[attr-defined]
            self.send_error(404)
            return
        try:
            reply = self.server.world.server.visit(host, self.path)  # type: ignore[attr-defined]
        except Refused:
            self.send_error(404)
            return
        self.send_response(reply.status)
        self.end_headers()
        self.wfile.write(reply.stdout)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def _table() -> dict[tuple[str, str], list[str]]:
    found = {(name, "A"): [ADDRESS] for name in (NAME, f"www.{NAME}")}
    found[(NAME, "NS")] = [f"{name}." for name in NAMESERVERS]
    return found


@pytest.fixture(scope="module")
def lines() -> Iterator[Internet]:
    """An authority, started once for a file of tests, that refuses every fifth nonce."""
    records, seen = _table(), _Records()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Visits) as sites, name_server(seen) as resolver:
        threading.Thread(target=sites.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        address = resolver.setting[0].replace("#", ":")
        with pebble(resolver=address, http_port=sites.server_address[1], bad_nonces=20) as authority:
            found = Internet(authority, records, sites, seen)
            sites.visits = found.visits  # type: ignore[attr-defined]
            yield found
        sites.shutdown()


@pytest.fixture
def internet(lines: Internet, settings: Any) -> Iterator[Internet]:
    """The authority with the settings that name it, and a resolver that knows where the example points."""
    lines.records.clear()
    lines.records.update(_table())
    with name_server(lines.records) as resolver:
        settings.NPANEL_ACME_DIRECTORY = lines.authority.directory
        settings.NPANEL_ACME_CA_FILE = lines.authority.ca_file
        settings.NPANEL_ACME_EMAIL = "hostmaster@example.com"
        settings.NPANEL_HEALTH_RESOLVERS = resolver.setting
        yield lines


@pytest.fixture
def world(internet: Internet, db: None) -> World:
    """One server, which the authority can visit."""
    found = new_world()
    internet.serve(found)
    return found


@pytest.fixture
def service(world: World) -> HostingService:
    """A service with a site."""
    return world.host(NAME, username="alice")


@pytest.fixture
def domain(service: HostingService) -> Domain:
    """Its domain."""
    return service.domains.get()


def auto_of(domain: Domain) -> AutoCertificate:
    """What is kept about a domain's certificate."""
    return AutoCertificate.objects.get(domain=domain)
