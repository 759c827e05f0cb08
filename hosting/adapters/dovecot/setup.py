"""What a node needs so that Dovecot keeps mailboxes, lets people read them and takes mail from Exim."""

from hosting.adapters import _mail
from hosting.adapters.base import NodeFacts
from hosting.adapters.rspamd.setup import PIPE_PROGRAMS
from hosting.state import DaemonUnit, NodeFile, Package, Resource

KIND = "dovecot"
UNIT = "dovecot.service"
PACKAGES = ("dovecot-imapd", "dovecot-lmtpd", "dovecot-managesieved", "dovecot-pop3d", "dovecot-sieve")
CONFIGURATION = "/etc/dovecot/dovecot.conf"
SIEVE = "/etc/npanel/sieve/before.sieve"
#: What runs when a mail is moved into, or out of, Junk.
SPAM, HAM = "/etc/npanel/sieve/spam.sieve", "/etc/npanel/sieve/ham.sieve"
TMPFILES = "/etc/tmpfiles.d/npanel-mailboxes.conf"
UNIT_EXTENSION = f"/etc/systemd/system/{UNIT}.d/npanel.conf"

_TEMPLATES = _mail.templates(__package__)


def node_resources(facts: NodeFacts) -> tuple[Resource, ...]:
    """The packages, the files, and the unit."""
    values = {
        "host": _mail.node_host(facts),
        "passwords": _mail.PASSWORDS,
        "certificate": _mail.NODE_CERTIFICATE,
        "certificates": _mail.CERTIFICATES,
        "script": _mail.CERTIFICATE_SCRIPT,
        "exim": _mail.EXIM_USER,
        "group": _mail.EXIM_USER,
        "sieve": SIEVE,
        "spam": SPAM,
        "ham": HAM,
        "programs": PIPE_PROGRAMS,
    }
    named = {
        CONFIGURATION: "dovecot.conf",
        SIEVE: "before.sieve",
        SPAM: "spam.sieve",
        HAM: "ham.sieve",
        TMPFILES: "tmpfiles.conf",
        UNIT_EXTENSION: "service.conf",
    }
    files = [
        NodeFile(path, _mail.render(_TEMPLATES, name, **values), daemon=KIND, packages=PACKAGES)
        for path, name in named.items()
    ]
    # The script is Exim's setup's, and so is the group that may read the certificate.
    needed = (*sorted(named), _mail.CERTIFICATE_SCRIPT)
    return (*map(Package, PACKAGES), *files, DaemonUnit(UNIT, daemon=KIND, files=needed))
