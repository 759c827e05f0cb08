"""What a node needs so that customers sign in over SSH with keys, each to what is theirs; others are not touched."""

from hosting.adapters import _mail
from hosting.state import NodeFile, Package, Resource

KIND = "openssh"
UNIT = "ssh.service"
PACKAGES = ("openssh-server",)
#: One file per customer. Outside of the homes: what a broken site can write must not open a door.
KEYS = "/etc/npanel/ssh/keys"
SFTP_GROUP, SHELL_GROUP = "npanel-sftp", "npanel-shell"
CONFIGURATION = "/etc/ssh/sshd_config.d/npanel.conf"
SYSUSERS = "/etc/sysusers.d/npanel-ssh.conf"
TMPFILES = "/etc/tmpfiles.d/npanel-ssh.conf"

_TEMPLATES = _mail.templates(__package__)


def node_resources() -> tuple[Resource, ...]:
    """The package and the files. The unit is not ours to start or stop: it is how the panel itself comes in."""
    values = {"keys": KEYS, "sftp": SFTP_GROUP, "shell": SHELL_GROUP}
    named = {CONFIGURATION: "sshd.conf", SYSUSERS: "sysusers.conf", TMPFILES: "tmpfiles.conf"}
    files = (
        NodeFile(path, _mail.render(_TEMPLATES, name, **values), daemon=KIND, packages=PACKAGES)
        for path, name in named.items()
    )
    return (*map(Package, PACKAGES), *files)
