"""What a node needs so that PowerDNS serves zones and takes NPanel's changes over its HTTP API."""

import ipaddress
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from hosting.adapters.base import NodeFacts
from hosting.errors import UnsafeValue
from hosting.state import DaemonUnit, NodeFile, Package, Resource, Secret
from hosting.texts import N_

KIND = "powerdns"
PORT = 8081
#: A directory of its own: what lies in the distribution's (and other packages' backends there) does not count.
CONFIGURATION_DIRECTORY = "/etc/powerdns/npanel"
CONFIGURATION = f"{CONFIGURATION_DIRECTORY}/pdns.conf"
#: Only root reads it; the agent sends its content as the API key, so that the key never crosses the wire again.
KEY_FILE = f"{CONFIGURATION_DIRECTORY}/api.key"
#: Who fetches whose zones with which TSIG key, as JSON; the script below brings it into the database at each start.
TRANSFERS = f"{CONFIGURATION_DIRECTORY}/transfers.json"
_NOBODY = '{"catalog": "", "follows": [], "keys": []}'
UNIT = "pdns.service"
UNIT_EXTENSION = f"/etc/systemd/system/{UNIT}.d/npanel.conf"
SCRIPT = "/usr/local/lib/npanel/powerdns_database.py"
DATABASE = "/var/lib/powerdns/npanel.sqlite3"
SCHEMA = "/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql"
PACKAGES = ("pdns-server", "pdns-backend-sqlite3")

_FOLDER = Path(__file__).parent
# The templates are configuration files of daemons, not HTML: what goes into them is checked instead of escaped.
_TEMPLATES = Environment(
    loader=FileSystemLoader(_FOLDER / "templates"),
    undefined=StrictUndefined,
    autoescape=False,  # noqa: S701
    keep_trailing_newline=True,
    trim_blocks=True,
)


def listen_addresses(facts: NodeFacts) -> tuple[str, ...]:
    """The addresses that the name server answers on.

    Raises:
        UnsafeValue: one of them is no IP address.
    """
    found = facts.addresses or (facts.address,)
    try:
        return tuple(str(ipaddress.ip_address(address)) for address in found)
    except ValueError as error:
        raise UnsafeValue(
            N_("Node %(name)s: %(error)s.", name=facts.name, error=error), hint=N_("Give the node its IP addresses.")
        ) from error


def node_resources(facts: NodeFacts) -> tuple[Resource, ...]:
    """Packages, files and the unit, in no particular order."""
    key = Secret(facts.secrets.get("powerdns_api_key", ""))
    if key.value and not (key.value.isascii() and key.value.isalnum()):
        raise UnsafeValue(N_("The API key of PowerDNS may hold only letters and digits."))
    transfers = Secret(facts.secrets.get("dns_transfers", _NOBODY))
    configuration = _render(
        "pdns.conf", database=DATABASE, addresses=listen_addresses(facts), port=PORT,
        secondaries=_addresses(facts.secondaries), primaries=_addresses(facts.primaries),
    )  # fmt: skip
    files = (
        _file(CONFIGURATION, configuration, mode=0o640, group="pdns", secret=key),
        _file(KEY_FILE, "@SECRET@\n", mode=0o600, secret=key),
        _file(TRANSFERS, "@SECRET@\n", mode=0o640, group="pdns", secret=transfers),
        _file(SCRIPT, (_FOLDER / "node_database.py").read_text(encoding="utf-8")),
        _file(UNIT_EXTENSION, _unit_extension()),
    )  # fmt: skip
    unit = DaemonUnit(UNIT, daemon=KIND, files=tuple(sorted(file.path for file in files)))
    return (*map(Package, PACKAGES), *files, unit)


def _addresses(found: tuple[str, ...]) -> tuple[str, ...]:
    """Addresses as the configuration may hold them: nothing but that."""
    return tuple(str(ipaddress.ip_address(address)) for address in found)


def _unit_extension() -> str:
    return _render(
        "service.conf", script=SCRIPT, database=DATABASE, schema=SCHEMA, transfers=TRANSFERS,
        configuration_directory=CONFIGURATION_DIRECTORY,
    )  # fmt: skip


def _file(path: str, content: str, **more: Any) -> NodeFile:
    return NodeFile(path, content, daemon=KIND, packages=tuple(sorted(PACKAGES)), **more)


def _render(template: str, **values: Any) -> str:
    return _TEMPLATES.get_template(template).render(**values)
