"""``manage.py node_add``: add a server."""

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from hosting.errors import HostingError
from hosting.management.door import HostingCommand
from hosting.services.nodes import add_node, authorize_key, fingerprint, scan_host_keys
from hosting.texts import N_


class Command(HostingCommand):
    """Add a server with a pinned host key."""

    help = "Add a node. Its host key is pinned: give it with --host-key, or compare the fingerprint when asked."

    def add_arguments(self, parser: CommandParser) -> None:
        """The server, and how to trust it."""
        super().add_arguments(parser)
        parser.add_argument("name")
        parser.add_argument("address", help="host name or IP address")
        parser.add_argument("--port", type=int, default=22)
        parser.add_argument("--user", default="root", help="SSH user: root, or one with sudo without a password")
        parser.add_argument("--local", action="store_true", help="this machine, without SSH")
        parser.add_argument("--host-key", default="", help='the host key, "ssh-ed25519 AAAA…", or @FILE')
        parser.add_argument("--accept-fingerprint", default="", help="accept the key with this SHA256:… fingerprint")
        parser.add_argument("--identity", help="private key that may sign in now; NPanel's own key is then installed")
        parser.add_argument("--public-address", action="append", default=[], help="address that sites answer on")
        parser.add_argument("--nameserver", action="append", default=[], help="name server that zones are delegated to")

    def act(self, options: dict[str, Any]) -> int:
        """Add, pin, and install NPanel's key if a way in was given."""
        node = add_node(
            actor=self.actor,
            name=options["name"],
            address=options["address"],
            ssh_port=options["port"],
            ssh_user=options["user"],
            connection="local" if options["local"] else "ssh",
            host_keys=self._host_key(options),
            public_addresses=options["public_address"],
            nameservers=options["nameserver"],
        )
        if options["identity"] and not options["local"]:
            authorize_key(actor=self.actor, node=node, identity=Path(options["identity"]).read_text())
            text = f"Node {node.name} is added and NPanel's key is installed there."
        elif options["local"]:
            text = f"Node {node.name} is added: this machine."
        else:
            text = (
                f"Node {node.name} is added. Put this into {node.ssh_user}'s authorized_keys there:\n{node.public_key}"
            )
        self.show(
            {"node": node.name, "public_key": node.public_key}, text + f"\nNext: manage.py node_bootstrap {node.name}"
        )
        return 0

    def _host_key(self, options: dict[str, Any]) -> str:
        given: str = options["host_key"]
        if options["local"]:
            return ""
        if given:
            return Path(given[1:]).read_text() if given.startswith("@") else given
        keys = scan_host_keys(address=options["address"], port=options["port"])
        if wish := options["accept_fingerprint"]:
            return self._matching(keys, wish)
        return "\n".join(keys) if self._compared(keys) else ""

    def _matching(self, keys: list[str], wish: str) -> str:
        for key in keys:
            if fingerprint(key) == wish:
                return key
        raise HostingError(
            N_(
                "The server's host keys are %(keys)s, not %(wish)s.",
                keys=", ".join(fingerprint(key) for key in keys),
                wish=wish,
            ),
            code="host_key_mismatch",
            hint=N_("Check whether you reach the right server."),
        )

    def _compared(self, keys: list[str]) -> bool:
        if not sys.stdin.isatty():
            raise HostingError(
                N_("The host key is not known."),
                code="unknown_host_key",
                hint=N_("Give --host-key or --accept-fingerprint (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub)."),
            )
        for key in keys:
            self.say(f"  {key.split()[0]} {fingerprint(key)}")
        answer = input("Are these the server's own fingerprints? Only “yes” pins them: ").strip().lower()
        if answer != "yes":
            raise HostingError(N_("The host key was not confirmed; nothing was added."), code="unknown_host_key")
        return True
