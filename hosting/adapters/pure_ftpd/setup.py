"""What a node needs so that Pure-FTPd lets accounts in, over TLS alone."""

from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined

from hosting.adapters import _mail
from hosting.adapters.base import NodeFacts
from hosting.state import DaemonUnit, NodeFile, Package, Resource

KIND = "pure_ftpd"
#: The flavour that knows MySQL knows PureDB too, and is the one that Debian's hosting packages bring.
PACKAGE = "pure-ftpd-mysql"
UNIT = "pure-ftpd-mysql.service"
UNIT_FILE = f"/etc/systemd/system/{UNIT}"
ROOT = "/etc/npanel/ftp"
ACCOUNTS, DATABASE, CERTIFICATE = f"{ROOT}/accounts", f"{ROOT}/accounts.pdb", f"{ROOT}/certificate.pem"
ACCOUNTS_SCRIPT = "/usr/local/lib/npanel/ftp_accounts.py"
START_SCRIPT = "/usr/local/lib/npanel/ftp_start.py"
#: Above the ports that outgoing connections are given; a firewall has to let them in.
FIRST_PORT, LAST_PORT = 61000, 61999

_templates = Environment(
    loader=PackageLoader(__package__),
    undefined=StrictUndefined,
    autoescape=False,  # noqa: S701 - a unit, not HTML; what goes into it is checked
    keep_trailing_newline=True,
)


def node_resources(facts: NodeFacts) -> tuple[Resource, ...]:
    """The package, the scripts, the unit's file, and the unit."""
    unit = _templates.get_template("pure-ftpd.service").render(
        certificate_script=_mail.CERTIFICATE_SCRIPT,
        certificate=CERTIFICATE,
        host=_mail.node_host(facts),
        accounts_script=ACCOUNTS_SCRIPT,
        start_script=START_SCRIPT,
        database=DATABASE,
        first_port=FIRST_PORT,
        last_port=LAST_PORT,
    )
    texts = {
        UNIT_FILE: unit,
        ACCOUNTS_SCRIPT: _script("_ftp_accounts.py"),
        START_SCRIPT: _script("_ftp_start.py"),
    }
    files = [NodeFile(path, text, daemon=KIND, packages=(PACKAGE,)) for path, text in texts.items()]
    # The script that makes a certificate is of Exim's setup.
    needed = (*sorted(texts), _mail.CERTIFICATE_SCRIPT)
    return (Package(PACKAGE), *files, DaemonUnit(UNIT, daemon=KIND, files=tuple(sorted(needed))))


def _script(name: str) -> str:
    return resources.files("hosting.adapters").joinpath(name).read_text(encoding="utf-8")
