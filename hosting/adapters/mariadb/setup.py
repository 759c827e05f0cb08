"""What a node needs so that MariaDB serves customers' databases to programs on the node itself."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from hosting.adapters.base import NodeFacts
from hosting.state import DaemonUnit, NodeFile, Package, Resource

KIND = "mariadb"
UNIT = "mariadb.service"
PACKAGE = "mariadb-server"
CONFIGURATION = "/etc/mysql/mariadb.conf.d/99-npanel.cnf"
_MEMORY_SHARE = 8
_LEAST_BUFFER_MB = 64

# The template is a configuration file, not HTML; its one value is a number.
_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    undefined=StrictUndefined,
    autoescape=False,  # noqa: S701
    keep_trailing_newline=True,
)


def node_resources(facts: NodeFacts) -> tuple[Resource, ...]:
    """The package, the file and the unit."""
    buffer_pool_mb = max(_LEAST_BUFFER_MB, facts.memory_mb // _MEMORY_SHARE)
    content = _TEMPLATES.get_template("99-npanel.cnf").render(buffer_pool_mb=buffer_pool_mb)
    file = NodeFile(CONFIGURATION, content, daemon=KIND, packages=(PACKAGE,))
    return (Package(PACKAGE), file, DaemonUnit(UNIT, daemon=KIND, files=(CONFIGURATION,)))
