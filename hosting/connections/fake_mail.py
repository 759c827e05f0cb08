"""Exim and Dovecot of a fake node: does it take mail, where does it go, who is known, what waits."""

import hashlib
import json
import re
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from hosting.connections.base import Reply, Run

if TYPE_CHECKING:
    from hosting.connections.fake_node import FakeNode

_ROOT, _TLS = "/etc/npanel/mail", "/etc/npanel/tls"
_RECIPIENT = re.compile(r"RCPT TO:<([^>]*)>")


class FakeMail:
    """Answers from the files that the adapters wrote, as the real daemons look them up anew for every message."""

    def __init__(self, node: "FakeNode") -> None:
        self._node = node
        #: What waits, by message id, the oldest first. ``delivers``: whether another try brings it to its recipients.
        self.queue: dict[str, dict[str, Any]] = {}
        self.delivers = True
        #: What its log says to a search (a JSON text).
        self.log: Callable[[str], Reply] = lambda asked: Reply(
            stdout=b'{"complete": true, "messages": {}, "refused": []}'
        )
        self._shown: dict[str, str] = {}
        self.reloads = 0
        #: Whose sessions were ended, in that order.
        self.kicked: list[str] = []
        self.programs: dict[str, Callable[[list[str], Run], Reply]] = {
            "exim4": self._exim,
            "doveadm": self._doveadm,
            "doveconf": self._quiet,
            "rspamadm": self._quiet,
            "sievec": self._quiet,
        }

    def wait(self, message_id: str, *recipients: str, sender: str = "", **more: Any) -> None:
        """Put a message into the queue; ``more`` is what the program on the node says of it besides."""
        domains = sorted({address.rpartition("@")[2] for address in recipients})
        facts = {"since": 1_790_000_000, "size": 900, "login": "", "auth": "", "held": False, "said": ""}
        to = {"to": list(recipients), "count": len(recipients), "domains": domains}
        self.queue[message_id] = {"id": message_id, "sender": sender, **facts, **to, **more}

    def spool(self, words: list[str], run: Run) -> Reply:
        """What the program that looks at the queue answers; see ``hosting/adapters/mail_queue/queue_on_node.py``."""
        act, names = words[3], words[4:]
        if act == "find":
            return self.log(names[0])
        if act == "list":
            waiting = list(self.queue.values())
            oldest = waiting[0]["since"] if waiting else 0
            told = {"present": True, "total": len(waiting), "oldest": oldest, "messages": waiting[-int(names[0]) :]}
        elif act == "show":
            told = {"messages": [self.queue[name] for name in names if name in self.queue]}
        else:
            told = {"ended": True}
            for name in names if self.delivers else ():
                self.queue.pop(name, None)
        return Reply(stdout=json.dumps(told).encode())

    def answer(self, said: bytes) -> bytes:
        """What port 25 says to a whole conversation."""
        lines = ["220 node ESMTP", "250 node"]
        for line in said.decode().splitlines()[1:]:
            recipient = _RECIPIENT.fullmatch(line)
            lines.append(self._verdict(recipient[1]) if recipient else "221 bye" if line == "QUIT" else "250 OK")
        return "".join(f"{line}\r\n" for line in lines).encode()

    def _verdict(self, address: str) -> str:
        name, _, domain = address.partition("@")
        settings = self._settings(f"domains/{domain}/domain")
        if settings.get("local") != "yes":
            return "550 5.7.1 Relay not permitted"
        if settings["suspended"] == "yes":
            return "451 4.2.1 This mail domain is suspended. Try again later"
        alias, box = self._settings(f"domains/{domain}/aliases/{name}"), self._settings(f"boxes/{domain}/{name}")
        if not alias and box.get("locked") == "yes":
            return "550 5.2.1 This mailbox is locked"
        found = alias or box or settings["catch_all"] or name == "postmaster"
        return "250 Accepted" if found else "550 5.1.1 No such address here"

    def _settings(self, path: str) -> dict[str, str]:
        if not self._node.exists(f"{_ROOT}/{path}"):
            return {}
        lines = self._node.content(f"{_ROOT}/{path}").decode().splitlines()
        return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}

    def _exim(self, words: list[str], run: Run) -> Reply:
        if words[0] in ("-Mf", "-Mt", "-Mrm"):
            return self._act(*words)
        if "-bt" not in words:
            return Reply(stdout=b"Exim version 4.96\n")
        address = words[-1]
        name, _, domain = address.partition("@")
        targets = self._settings(f"domains/{domain}/aliases/{name}").get("targets", "")
        lines = [f"{target}\n    <-- {address}" for target in targets.split(", ")] if targets else []
        verdict = self._verdict(address)
        lines += [] if lines else [address if verdict.startswith("250") else f"{address} is undeliverable: {verdict}"]
        return Reply(stdout="\n".join(lines).encode())

    def _act(self, act: str, name: str) -> Reply:
        if name not in self.queue:
            return Reply(exit_status=1, stderr=b"spool file not found")
        if act == "-Mrm":
            del self.queue[name]
        else:
            self.queue[name]["held"] = act == "-Mf"
        return Reply()

    def certificate_of(self, name: str) -> str:
        """SHA-256 of the certificate that mail programs are shown for a name, as of Dovecot's last reload."""
        return self._shown.get(name, "")

    def _reload(self) -> Reply:
        self.reloads += 1
        folder = f"{_TLS}/dovecot"
        names = list(self._node.tree.at(folder).children) if self._node.exists(folder) else []
        hosts = [name.partition(".")[2].removesuffix(".conf") for name in names]
        self._shown = {host: _digest(self._node.content(f"{_TLS}/{host}.pem").decode()) for host in hosts}
        return Reply()

    def _doveadm(self, words: list[str], run: Run) -> Reply:
        if words[-1] == "reload":
            return self._reload()
        if words[0] == "kick":
            self.kicked.append(words[-1])
            return Reply()
        name, _, domain = words[-1].partition("@")
        path = f"{_ROOT}/passwd/{domain}/{name}"
        if not self._node.exists(path):
            return Reply(exit_status=67, stderr=b"user doesn't exist")
        return Reply(stdout=self._node.content(path).decode().split(":")[5].encode() + b"\n")

    def _quiet(self, words: list[str], run: Run) -> Reply:
        return Reply()


def _digest(pem: str) -> str:
    begin = pem.find("-----BEGIN CERTIFICATE")
    first = pem[begin:].partition("-----END CERTIFICATE-----")[0] + "-----END CERTIFICATE-----\n"
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(first)).hexdigest()
