"""Mail on a node: domains, mailboxes, aliases, and what an address may be."""

import re
from dataclasses import dataclass
from datetime import date
from typing import ClassVar

from hosting.errors import HostingError
from hosting.names import host_name
from hosting.state.resources import Ref, Resource, Secret, SystemUser, register_resource
from hosting.texts import N_, NOTHING, Text

#: A part of RFC 5321's dot-string in lower case. What a shell, a path or Exim gives a meaning is not in it; the plus
#: sign parts a mailbox from its tag (``kim+shop``), so no name holds one.
_ATOM = r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?"
LOCAL_PART = re.compile(rf"(?!.{{65}}){_ATOM}(?:\.{_ATOM})*")
#: The same for an address elsewhere: with a tag, and the other signs that really occur.
_FOREIGN_ATOM = r"[a-z0-9_](?:[a-z0-9_+=-]*[a-z0-9_+=-])?"
FOREIGN_LOCAL_PART = re.compile(rf"(?!.{{65}}){_FOREIGN_ATOM}(?:\.{_FOREIGN_ATOM})*")
#: What crypt(3) makes with BLF-CRYPT or SHA512-CRYPT.
PASSWORD_HASH = re.compile(
    r"\$2[aby]\$[0-9]{2}\$[./A-Za-z0-9]{53}|\$6\$(?:rounds=[0-9]{4,9}\$)?[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{86}"
)
#: A DKIM selector: one DNS label.
SELECTOR = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
MAX_TARGETS = 100
MAX_SUBJECT, MAX_BODY = 200, 10_000
#: Control characters and whatever else ends a line for some reader; a body may have line feeds.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_UNSAFE_IN_BODY = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]")


class MailInvalid(HostingError):
    """An address, or what a mailbox shall do, is not what a mail server could keep."""

    code = "mail_invalid"


@dataclass(frozen=True, slots=True, order=True)
class DkimKey:
    """A key that signs what is sent from a domain: its selector and its RSA private key, PEM of PKCS#8."""

    selector: str
    private_key: Secret


@dataclass(frozen=True, slots=True)
class Autoreply:
    """What answers a mail by itself, at most once a week to the same sender.

    Args:
        subject, body: plain text; the body's lines end with ``\\n``.
        start, end: first and last day (ISO dates of the node's clock), "" for no limit.
    """

    subject: str
    body: str
    start: str = ""
    end: str = ""


@register_resource
@dataclass(frozen=True, slots=True)
class MailDomain(Resource):
    """A domain that a service sends and receives mail for.

    Args:
        owner: Linux user of the service.
        name: domain name, lower-case ASCII.
        local: False when its MX is elsewhere: nothing is delivered here, its mailboxes may still send.
        catch_all: where mail to addresses that do not exist goes; "" to refuse it.
        dkim: keys that sign, sorted by selector; normally one, each of them signs.
        suspended: True while the service is: mail is held off (the senders' servers try again), nothing is sent.
        sends_per_hour: recipients an hour of the whole service, 0 for no limit; the same in all its domains.
        edited: what somebody else changed of its files, "" if nothing; never desired.
    """

    kind: ClassVar[str] = "mail_domain"
    owner: str
    name: str
    local: bool = True
    catch_all: str = ""
    dkim: tuple[DkimKey, ...] = ()
    suspended: bool = False
    sends_per_hour: int = 0
    edited: str = ""

    @property
    def key(self) -> str:
        return self.name

    def depends_on(self) -> tuple[Ref, ...]:
        return (Ref(SystemUser.kind, self.owner),)


@register_resource
@dataclass(frozen=True, slots=True)
class Mailbox(Resource):
    """One mailbox: who may sign in, where its mail lies, what happens to mail that arrives.

    Args:
        owner: Linux user of the service.
        domain: the MailDomain's name. local_part: what stands before the @, see :data:`LOCAL_PART`.
        home: the owner's home directory; the mail lies below it, see ``directory``.
        password_hash: BLF-CRYPT or SHA512-CRYPT, without a scheme in braces.
        quota_mb: mail it may hold in MiB, 0 for no limit.
        locked: no sign-in, no sending, and mail to it is refused.
        sends_per_hour: recipients an hour, 0 for no limit.
        autoreply: what answers by itself, if anything.
        forward_to: addresses that get a copy, sorted. keep: False when those get it instead.
        edited: what somebody else changed of its files, "" if nothing; never desired.
    """

    kind: ClassVar[str] = "mailbox"
    owner: str
    domain: str
    local_part: str
    home: str
    password_hash: Secret
    quota_mb: int = 0
    locked: bool = False
    sends_per_hour: int = 0
    autoreply: Autoreply | None = None
    forward_to: tuple[str, ...] = ()
    keep: bool = True
    edited: str = ""

    @property
    def key(self) -> str:
        return f"{self.local_part}@{self.domain}"

    @property
    def directory(self) -> str:
        """Where all of it lies: the Maildir, its filters, its indexes."""
        return f"{self.home}/mail/{self.domain}/{self.local_part}"

    def depends_on(self) -> tuple[Ref, ...]:
        return (Ref(SystemUser.kind, self.owner), Ref(MailDomain.kind, self.domain))


@register_resource
@dataclass(frozen=True, slots=True)
class MailAlias(Resource):
    """An address without a mailbox: its mail goes to others.

    Args:
        owner: Linux user of the service.
        domain, local_part: as a Mailbox's; an address is a Mailbox or a MailAlias, never both.
        targets: addresses, sorted, at least one. Mailboxes of the same owner among them may send as the alias.
        edited: what somebody else changed of its file, "" if nothing; never desired.
    """

    kind: ClassVar[str] = "mail_alias"
    owner: str
    domain: str
    local_part: str
    targets: tuple[str, ...]
    edited: str = ""

    @property
    def key(self) -> str:
        return f"{self.local_part}@{self.domain}"

    def depends_on(self) -> tuple[Ref, ...]:
        return (Ref(MailDomain.kind, self.domain),)


def own_local_part(text: str) -> str:
    """The local part of an address that is to be made here, in its one spelling.

    Raises:
        MailInvalid: ``bad_local_part``.
    """
    name = text.strip().lower()
    if not LOCAL_PART.fullmatch(name):
        hint = N_("Use lower-case letters, digits, and inside dots, hyphens and underscores; 64 characters at most.")
        raise _invalid(N_("%(name)s can't be the name of an address.", name=repr(text[:80])), "bad_local_part", hint)
    return name


def mail_address(text: str) -> str:
    """Any address that mail may be sent on to, in its one spelling.

    Raises:
        MailInvalid: ``bad_address``.
    """
    name, at, domain = text.strip().rpartition("@")
    try:
        if at and FOREIGN_LOCAL_PART.fullmatch(name.lower()):
            return f"{name.lower()}@{host_name(domain)}"
    except HostingError:
        pass
    hint = N_("Write it as name@example.com.")
    raise _invalid(N_("%(address)s is not a mail address.", address=repr(text[:100])), "bad_address", hint)


def mail_addresses(texts: tuple[str, ...] | list[str]) -> tuple[str, ...]:
    """Addresses in their one spelling, each once, sorted.

    Raises:
        MailInvalid: ``bad_address`` or ``too_many_addresses``.
    """
    found = tuple(sorted({mail_address(text) for text in texts}))
    if len(found) > MAX_TARGETS:
        detail = N_("Mail can go on to %(count)s addresses at most.", count=MAX_TARGETS)
        raise _invalid(detail, "too_many_addresses")
    return found


def check_autoreply(autoreply: Autoreply) -> None:
    """Refuse what could not be sent as an answer.

    Raises:
        MailInvalid: ``bad_autoreply``.
    """
    if not autoreply.subject.strip() or len(autoreply.subject) > MAX_SUBJECT or _UNSAFE.search(autoreply.subject):
        detail = N_("The answer's subject must be one line of 1 to %(count)s characters.", count=MAX_SUBJECT)
        raise _invalid(detail, "bad_autoreply")
    if not autoreply.body.strip() or len(autoreply.body) > MAX_BODY or _UNSAFE_IN_BODY.search(autoreply.body):
        detail = N_("The answer's text must have 1 to %(count)s characters, and no control characters.", count=MAX_BODY)
        raise _invalid(detail, "bad_autoreply")
    if not _is_day(autoreply.start) or not _is_day(autoreply.end):
        raise _invalid(N_("The answer's first and last day are dates like 2026-12-24."), "bad_autoreply")
    if autoreply.start and autoreply.end and autoreply.end < autoreply.start:
        raise _invalid(N_("The answer's last day is before its first."), "bad_autoreply")


def _is_day(text: str) -> bool:
    try:
        return not text or date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _invalid(detail: Text, code: str, hint: Text = NOTHING) -> MailInvalid:
    return MailInvalid(detail, code=code, hint=hint)
