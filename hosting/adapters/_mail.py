"""What Exim's and Dovecot's adapters share: where mail's files lie, their form, the users, the node's certificate."""

import re
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from hosting.adapters._values import HOST_NAME, OWNER, checked
from hosting.adapters.base import NodeFacts
from hosting.connections.base import Tcp
from hosting.errors import HostingError, UnsafeValue
from hosting.names import host_name
from hosting.state import NodeFile
from hosting.state.mail import FOREIGN_LOCAL_PART, LOCAL_PART
from hosting.texts import N_

ROOT = "/etc/npanel/mail"
#: A directory per domain: its settings, aliases and DKIM keys (Exim's adapter writes it, Exim reads it).
DOMAINS = f"{ROOT}/domains"
#: A directory per service with an empty file for each of its domains, so that no scan reads other people's.
OWNERS = f"{ROOT}/owners"
#: A directory per domain, a file per mailbox: what Exim does with its mail (Dovecot's adapter writes it).
BOXES = f"{ROOT}/boxes"
#: A directory per domain, a file per mailbox: who may sign in (Dovecot alone reads it).
PASSWORDS = f"{ROOT}/passwd"
EXIM_USER, DOVECOT_USER = "Debian-exim", "dovecot"

CERTIFICATES = "/etc/npanel/tls"
#: Key and certificate in one file, of the node itself: for names that have none of their own.
NODE_CERTIFICATE = f"{CERTIFICATES}/default.pem"
CERTIFICATE_SCRIPT = "/usr/local/lib/npanel/mail_certificate.py"
#: How long a mail server may take to say one line.
_PATIENCE = 20.0
_HEAD = "# Written by NPanel.\n"
_LINE = re.compile(r"([a-z_]+):(?: (.+))?")
_NODE_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?")


def templates(package: str) -> Environment:
    """The templates of one adapter: configuration files of daemons, not HTML; what goes into them is checked."""
    # A configuration of Exim's is full of braces, so its templates have their own signs.
    return Environment(
        loader=PackageLoader(package),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701
        keep_trailing_newline=True,
        trim_blocks=True,
        variable_start_string="[[",
        variable_end_string="]]",
        block_start_string="[%",
        block_end_string="%]",
        comment_start_string="[#",
        comment_end_string="#]",
    )


def settings_text(values: Mapping[str, str]) -> str:
    """A file of ``name: value`` lines, as Exim's lsearch reads them; every value is one line.

    Raises:
        UnsafeValue: a value holds a line end, or blanks at its ends, which would be lost.
    """
    for value in values.values():
        if value and (not value.isprintable() or value != value.strip()):
            raise UnsafeValue(N_("%(value)s can't be written to a node", value=repr(value)))
    return _HEAD + "".join(f"{name}: {value}".rstrip() + "\n" for name, value in values.items())


def settings_of(text: str) -> dict[str, str]:
    """The values of such a file, the first of each name; lines that are none are left out."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        if match := _LINE.fullmatch(line):
            found.setdefault(match[1], match[2] or "")
    return found


def number(text: str) -> int:
    """A number as it stands in a file, -1 for what is none (so that it differs from every wanted one)."""
    return int(text) if text.isdecimal() and len(text) < 10 else -1


def yes_or_no(value: bool) -> str:
    """A switch as it stands in a file."""
    return "yes" if value else "no"


def owner_checked(owner: str) -> str:
    """The Linux user's name itself, if it is one."""
    return checked(owner, OWNER, N_("user name"))


def domain_checked(name: str) -> str:
    """The mail domain's name itself, if it is one."""
    return checked(name, HOST_NAME, N_("mail domain"))


def local_part_checked(name: str) -> str:
    """The local part of an address of ours itself, if it is one."""
    return checked(name, LOCAL_PART, N_("mail address"))


def address_checked(address: str) -> str:
    """An address that mail goes on to, if it is in its one spelling."""
    name, _, domain = address.rpartition("@")
    checked(name, FOREIGN_LOCAL_PART, N_("mail address"))
    checked(domain, HOST_NAME, N_("mail address"))
    return address


def address_of(key: str) -> tuple[str, str] | None:
    """Local part and domain of an address that a file of ours can be named after, None for anything else."""
    name, _, domain = key.rpartition("@")
    return (name, domain) if LOCAL_PART.fullmatch(name) and HOST_NAME.fullmatch(domain) else None


def node_host(facts: NodeFacts) -> str:
    """The name that the node's mail server greets with.

    Raises:
        UnsafeValue: the node's host name is none.
    """
    return checked(facts.hostname.strip().lower() or "localhost", _NODE_HOST, N_("host name"))


def certificate_script(daemon: str, packages: Sequence[str]) -> NodeFile:
    """The program that makes the node's own certificate where there is none, before a mail daemon starts."""
    text = resources.files("hosting.adapters").joinpath("_mail_certificate.py").read_text(encoding="utf-8")
    return NodeFile(CERTIFICATE_SCRIPT, text, daemon=daemon, packages=tuple(sorted(packages)))


def smtp(*lines: str) -> Tcp:
    """A conversation with the node's own port 25, sent at once (Exim lets only the loopback do that)."""
    data = "".join(f"{line}\r\n" for line in ("EHLO localhost", *lines, "QUIT"))
    return Tcp("127.0.0.1", 25, data.encode(), timeout=_PATIENCE, read_until=b"\r\n221 ")


def recipient_question(address: str) -> Tcp:
    """Ask the node's mail server whether it takes mail from a stranger to that address."""
    return smtp("MAIL FROM:<>", f"RCPT TO:<{address}>")


def last_answer(said: str) -> str:
    """What a mail server answered to the line before QUIT, e.g. ``250 Accepted``."""
    answers = [line for line in said.splitlines() if re.match(r"[2-5]\d\d ", line) and not line.startswith("221 ")]
    return answers[-1] if answers else ""


def is_host_name(text: str) -> bool:
    """Whether a text is a host name in its one spelling."""
    try:
        return host_name(text) == text
    except HostingError:
        return False


def render(environment: Environment, template: str, **values: Any) -> str:
    """One of the templates with its values."""
    return environment.get_template(template).render(**values)
