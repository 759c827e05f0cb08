"""A mailbox as the text of its two files, and the texts (whoever wrote them) as a mailbox.

One file is Exim's (what happens to its mail), one is Dovecot's (who signs in, where the mail lies).
"""

import base64
import re
from dataclasses import replace
from email.header import Header, decode_header, make_header

from hosting.adapters import _mail
from hosting.adapters._edited import edit_of
from hosting.adapters._values import checked, home_checked, number_checked
from hosting.adapters.exim.text import MAX_SENDS
from hosting.errors import HostingError, UnsafeValue
from hosting.state import Autoreply, Mailbox, Secret
from hosting.state.mail import MAX_TARGETS, PASSWORD_HASH, check_autoreply
from hosting.texts import N_, plain

_MAX_QUOTA_MB = 1 << 24
#: A hash that no password has; the true one stands behind it.
_LOCK = "!"
_PASSWD = re.compile(
    r"(?P<key>[^:\n]+):\{CRYPT\}(?P<lock>!?)(?P<hash>[^:\n]*):(?P<user>[a-z0-9]+):(?P<group>[a-z0-9]+)::"
    r"(?P<directory>[^:\n]+)::(?:userdb_quota_rule=\*:storage=(?P<quota>[0-9]{1,9})M)?\n"
)


def box_path(box: Mailbox) -> str:
    """The file that Exim reads."""
    return f"{_mail.BOXES}/{_mail.domain_checked(box.domain)}/{_mail.local_part_checked(box.local_part)}"


def password_path(box: Mailbox) -> str:
    """The file that Dovecot reads."""
    return f"{_mail.PASSWORDS}/{_mail.domain_checked(box.domain)}/{_mail.local_part_checked(box.local_part)}"


def render_box(box: Mailbox) -> str:
    """What Exim does with the mailbox's mail.

    Raises:
        UnsafeValue: a value must not reach a configuration file.
    """
    if len(box.forward_to) > MAX_TARGETS:
        raise UnsafeValue(N_("The mailbox %(name)s forwards to too many addresses.", name=box.key))
    values = {
        "owner": _mail.owner_checked(box.owner),
        "directory": _directory(box),
        "locked": _mail.yes_or_no(box.locked),
        "sends_per_hour": str(number_checked(box.sends_per_hour, 0, MAX_SENDS, plain("sends_per_hour"))),
        "keep": _mail.yes_or_no(box.keep),
        "forward_to": ", ".join(map(_mail.address_checked, box.forward_to)),
    }
    return _mail.settings_text(values | (_reply_values(box.autoreply) if box.autoreply else {"autoreply": "no"}))


def render_password(box: Mailbox) -> str:
    """Dovecot's line: who may sign in, as whom, where the mail lies, how much of it.

    Raises:
        UnsafeValue: a value must not reach a configuration file.
    """
    if not PASSWORD_HASH.fullmatch(box.password_hash.value):
        raise UnsafeValue(N_("The password hash of %(name)s has no form that is used here.", name=box.key))
    number_checked(box.quota_mb, 0, _MAX_QUOTA_MB, plain("quota_mb"))
    lock = _LOCK if box.locked else ""
    quota = f"userdb_quota_rule=*:storage={box.quota_mb}M" if box.quota_mb else ""
    owner = _mail.owner_checked(box.owner)
    return f"{box.key}:{{CRYPT}}{lock}{box.password_hash.value}:{owner}:{owner}::{_directory(box)}::{quota}\n"


def parse(domain: str, local_part: str, box_text: str, password_text: str) -> Mailbox:
    """The mailbox that its two files stand for (either may be missing: "")."""
    values, line = _mail.settings_of(box_text), _PASSWD.fullmatch(password_text)
    directory = values.get("directory", "")
    box = Mailbox(
        owner=values.get("owner", "") or (line["user"] if line else ""),
        domain=domain,
        local_part=local_part,
        home=directory.removesuffix(f"/mail/{domain}/{local_part}"),
        password_hash=Secret(line["hash"] if line else ""),
        quota_mb=int(line["quota"] or 0) if line else 0,
        locked=values.get("locked") == "yes",
        sends_per_hour=_mail.number(values.get("sends_per_hour", "")),
        autoreply=_reply(values),
        forward_to=tuple(address for address in values.get("forward_to", "").split(", ") if address),
        keep=values.get("keep") == "yes",
    )
    wrong = [edit_of(text, ours) for text, ours in _pairs(box, box_text, password_text) if text != ours]
    return replace(box, edited="\n".join(wrong)) if wrong else box


def _pairs(box: Mailbox, box_text: str, password_text: str) -> list[tuple[str, str]]:
    try:
        # Of the other file only a digest is shown: it holds the password's hash.
        return [(box_text, render_box(box)), (password_text, render_password(box) if password_text else "\0")]
    except HostingError:
        return [(box_text + password_text, "")]


def _directory(box: Mailbox) -> str:
    home_checked(box.home, box.owner)
    _mail.domain_checked(box.domain)
    _mail.local_part_checked(box.local_part)
    return box.directory


def _reply_values(reply: Autoreply) -> dict[str, str]:
    try:
        check_autoreply(reply)
    except HostingError as error:
        raise UnsafeValue(error.detail_text) from error
    subject = Header(reply.subject, "utf-8", maxlinelen=10_000).encode() if not reply.subject.isascii() else ""
    return {
        "autoreply": "yes",
        "autoreply_start": reply.start,
        "autoreply_end": reply.end,
        "autoreply_subject": checked(subject or reply.subject, re.compile(r"[ -~]+"), N_("subject")),
        "autoreply_body": base64.b64encode(reply.body.encode()).decode(),
    }


def _reply(values: dict[str, str]) -> Autoreply | None:
    if values.get("autoreply") != "yes":
        return None
    subject = values.get("autoreply_subject", "")
    try:
        body = base64.b64decode(values.get("autoreply_body", ""), validate=True).decode()
        if subject.startswith("=?"):
            subject = str(make_header(decode_header(subject)))
    except (ValueError, LookupError):
        return Autoreply("", "")
    return Autoreply(subject, body, values.get("autoreply_start", ""), values.get("autoreply_end", ""))
