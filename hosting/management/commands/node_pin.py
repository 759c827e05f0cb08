"""``manage.py node_pin``: trust a node's new host key."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from hosting.management.commands import node_add
from hosting.management.door import HostingCommand
from hosting.services.nodes import authorize_key, fingerprint, pin_host_keys


class Command(node_add.Command):
    """Pin another host key, after a server was reinstalled."""

    help = "Trust another host key of a node from now on, and no other; for a server that was reinstalled."

    def add_arguments(self, parser: CommandParser) -> None:
        """The node, and how to trust it."""
        HostingCommand.add_arguments(self, parser)
        parser.add_argument("name")
        parser.add_argument("--host-key", default="", help='the host key, "ssh-ed25519 AAAA…", or @FILE')
        parser.add_argument("--accept-fingerprint", default="", help="accept the key with this SHA256:… fingerprint")
        parser.add_argument("--identity", help="private key that may sign in now; NPanel's own key is then installed")

    def act(self, options: dict[str, Any]) -> int:
        """Pin it, and install NPanel's key if a way in was given."""
        node = self.node(options["name"])
        where = {"address": node.address, "port": node.ssh_port, "local": False}
        pin_host_keys(actor=self.actor, node=node, host_keys=self._host_key({**options, **where}))
        if options["identity"]:
            authorize_key(actor=self.actor, node=node, identity=Path(options["identity"]).read_text())
        keys = [fingerprint(key) for key in node.host_keys.splitlines()]
        text = f"{node.name} is trusted by {', '.join(keys)} alone.\nNext: manage.py node_bootstrap {node.name}"
        self.show({"node": node.name, "fingerprints": keys}, text)
        return 0
