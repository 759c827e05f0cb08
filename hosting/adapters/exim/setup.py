"""What a node needs so that Exim takes, checks, signs and sends mail."""

from importlib import resources

from hosting.adapters import _mail
from hosting.adapters.base import NodeFacts
from hosting.adapters.rspamd.setup import SCANNER
from hosting.state import DaemonUnit, NodeFile, Package, Resource

KIND = "exim"
UNIT = "exim4.service"
PACKAGE = "exim4-daemon-heavy"
#: Exim reads this file instead of the one that Debian's tools generate.
CONFIGURATION = "/etc/exim4/exim4.conf"
TMPFILES = "/etc/tmpfiles.d/npanel-mail.conf"
#: Signs the addresses that bounces of forwarded mail come back to; the node's own.
SRS_SECRET = f"{_mail.ROOT}/srs.secret"
SRS_PROGRAM = "/usr/local/lib/npanel/mail_secret.py"
UNIT_FILE = f"/etc/systemd/system/{UNIT}"

#: Recipients an hour, for programs of a service that do not send in the name of one of its mail domains.
_FOREIGN_SENDS = 100
_TEMPLATES = _mail.templates(__package__)


def node_resources(facts: NodeFacts) -> tuple[Resource, ...]:
    """The package, the files, and the unit."""
    host = _mail.node_host(facts)
    unit = _mail.render(
        _TEMPLATES,
        "exim4.service",
        script=_mail.CERTIFICATE_SCRIPT,
        certificate=_mail.NODE_CERTIFICATE,
        host=host,
        group=_mail.EXIM_USER,
        secret_script=SRS_PROGRAM,
        srs_secret=SRS_SECRET,
    )
    texts = {
        CONFIGURATION: _mail.render(
            _TEMPLATES,
            "exim4.conf",
            root=_mail.ROOT,
            certificates=_mail.CERTIFICATES,
            host=host,
            exim=_mail.EXIM_USER,
            foreign_sends=_FOREIGN_SENDS,
            scanner=SCANNER,
            srs_secret=SRS_SECRET,
        ),
        TMPFILES: _mail.render(_TEMPLATES, "tmpfiles.conf"),
        UNIT_FILE: unit,
        SRS_PROGRAM: resources.files(__package__).joinpath("secret_on_node.py").read_text(encoding="utf-8"),
    }
    files = [NodeFile(path, text, daemon=KIND, packages=(PACKAGE,)) for path, text in texts.items()]
    files.append(_mail.certificate_script(KIND, [PACKAGE]))
    return (Package(PACKAGE), *files, DaemonUnit(UNIT, daemon=KIND, files=tuple(sorted(file.path for file in files))))
