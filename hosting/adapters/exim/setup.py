"""What a node needs so that Exim takes, checks, signs and sends mail."""

from hosting.adapters import _mail
from hosting.adapters.base import NodeFacts
from hosting.state import DaemonUnit, NodeFile, Package, Resource

KIND = "exim"
UNIT = "exim4.service"
PACKAGE = "exim4-daemon-heavy"
#: Exim reads this file instead of the one that Debian's tools generate.
CONFIGURATION = "/etc/exim4/exim4.conf"
TMPFILES = "/etc/tmpfiles.d/npanel-mail.conf"
UNIT_FILE = f"/etc/systemd/system/{UNIT}"

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
    )
    texts = {
        CONFIGURATION: _mail.render(
            _TEMPLATES,
            "exim4.conf",
            root=_mail.ROOT,
            certificates=_mail.CERTIFICATES,
            host=host,
            exim=_mail.EXIM_USER,
        ),
        TMPFILES: _mail.render(_TEMPLATES, "tmpfiles.conf"),
        UNIT_FILE: unit,
    }
    files = [NodeFile(path, text, daemon=KIND, packages=(PACKAGE,)) for path, text in texts.items()]
    files.append(_mail.certificate_script(KIND, [PACKAGE]))
    return (Package(PACKAGE), *files, DaemonUnit(UNIT, daemon=KIND, files=tuple(sorted(file.path for file in files))))
