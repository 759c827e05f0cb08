"""Rows with everything that pages show: hosts' facts, records, plans with diffs, journals, drift."""

import itertools
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from django.db import transaction
from django.utils import timezone

from hosting.certificate_reader import read_pair
from hosting.choices import (
    FINAL_STATES,
    CertificateSource,
    DriftState,
    EntryState,
    OperationKind,
    OperationState,
    Phase,
)
from hosting.desired import keep_certificate
from hosting.dkim import new_key
from hosting.models import (
    Certificate,
    Database,
    DatabaseGrant,
    DatabaseUser,
    DkimKey,
    DnsRecord,
    Domain,
    DriftItem,
    FtpAccount,
    HostingService,
    JournalEntry,
    MailAlias,
    Mailbox,
    MailDomain,
    MailLookup,
    MailQueue,
    Node,
    Operation,
    QueuedMessage,
    RecordTemplate,
    Secondary,
    SshKey,
)
from hosting.sealing import seal
from hosting.state import Change, DnsZone, DocumentRoot, PhpPool, Plan, SystemUser, VirtualHost
from hosting.state import DnsRecord as Record
from hosting.state.ssh import ssh_key as ssh_key_of
from tests import factories
from tests.certificates import Authority
from tests.ssh_keys import ed25519_pair
from tests.unit.certificates.making import pair

HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGtGlyYQG2dXv1XbnT1rKHVzv0TYbVUKdgW0VEYL9a9k"
#: How long the steps of a made-up journal took.
_STEP, _TOOK = timedelta(milliseconds=90), timedelta(milliseconds=61)

_traces = itertools.count(1)


def node(name: str, **fields: Any) -> Node:
    """A ready node with two PHP versions, seen just now."""
    values = {
        "host_keys": HOST_KEY,
        "public_key": f"{HOST_KEY} npanel-{name}",
        "last_seen_at": timezone.now(),
        "scanned_at": timezone.now(),
        "facts": {
            "hostname": name,
            "os": "Debian GNU/Linux 12 (bookworm)",
            "kernel": "6.1.0-37-amd64",
            "memory_mb": 7953,
            "cpus": 4,
            "discovered": {"php_fpm": {"versions": ["8.2", "8.3"]}, "nginx": {"version": "1.22.1"}},
        },
    }
    return factories.make_node(name=name, **{**values, **fields})


def service(username: str, name: str, **fields: Any) -> HostingService:
    """An active service with its main domain and that domain's records."""
    made = factories.make_service(username=username, **fields)
    domain(made, name, is_primary=True)
    return made


def queued_message(service: HostingService, **fields: Any) -> QueuedMessage:
    """A message of a service that waits in its node's mail queue."""
    MailQueue.objects.update_or_create(
        node=service.node, defaults={"total": 1, "seen_at": timezone.now(), "look_at": timezone.now()}
    )
    values = {
        "message_id": f"1vOZ2k-{next(_traces):06d}-01",
        "sender": f"kim@{service.username}.example",
        "recipients": ["bob@far.test", "sue@far.test"],
        "recipient_count": 2,
        "size": 48_211,
        "since": timezone.now() - timedelta(minutes=41),
        "said": "far.test [192.0.2.7] Connection timed out",
    }
    return QueuedMessage.objects.create(node=service.node, service=service, **{**values, **fields})


def mail_lookup(service: HostingService, **fields: Any) -> MailLookup:
    """A question about a service's mail that has its answer."""
    lines = [
        {"at": "2026-11-27 08:00:00", "what": "accepted", "address": "", "origin": "", "detail": ""},
        {"at": "2026-11-27 08:00:02", "what": "delivered", "address": "bob@far.test", "origin": "",
         "detail": "mx.far.test 250 2.0.0 Ok: queued as 4XyZ"},
        {"at": "2026-11-27 08:00:03", "what": "deferred", "address": "sue@far.test", "origin": "info@far.test",
         "detail": "SMTP error from remote mail server after RCPT TO: 450 4.2.0 Greylisted"},
    ]  # fmt: skip
    sender = f"kim@{service.username}.example"
    story = {
        "message_id": "1vOZ2k-000000-01", "sender": sender, "login": "", "auth": sender, "size": 2_048,
        "recipients": ["bob@far.test", "sue@far.test"], "events": lines,
    }  # fmt: skip
    values = {
        "kind": "log", "state": "answered", "node": service.node, "query": "bob@far.test",
        "actor_login": "kim@customer.test", "finished_at": timezone.now(),
        "answer": {"stories": [story], "refused": [], "complete": True},
    }  # fmt: skip
    return MailLookup.objects.create(service=service, **{**values, **fields})


def domain(service: HostingService, name: str, **fields: Any) -> Domain:
    """A domain with the address records that services get."""
    with transaction.atomic():
        made = factories.make_domain(service, name, **fields)
    for label in ("@", "www"):
        record(made, label, "A", service.node.address)
    return made


def record(domain: Domain, name: str, type: str, content: str, ttl: int = 3600) -> DnsRecord:
    """A DNS record."""
    return DnsRecord.objects.create(domain=domain, name=name, type=type, content=content, ttl=ttl)


def certificate(domain: Domain, **options: Any) -> Certificate:
    """A certificate that a domain and its www name are served with, of an authority of the tests' own."""
    pem = read_pair(*pair(Authority(), domain.name, f"www.{domain.name}", **options))
    domain.certificate = keep_certificate(domain.service, pem, CertificateSource.UPLOADED)
    domain.save(update_fields=["certificate"])
    return domain.certificate


def ssh_key(service: HostingService, name: str = "Kim's laptop") -> SshKey:
    """A key that signs in."""
    value = ssh_key_of(ed25519_pair(name).public)
    return SshKey.objects.create(
        service=service, type=value.type, blob=value.blob, comment=value.comment, fingerprint=value.fingerprint
    )


def database(service: HostingService, name: str) -> Database:
    """A database, and an account of the same name that may use it."""
    made = Database.objects.create(service=service, name=f"{service.username}_{name}")
    account = DatabaseUser.objects.create(service=service, name=made.name, password_hash="*" + "A" * 40)
    DatabaseGrant.objects.create(user=account, database=made, privileges=["ALL PRIVILEGES"])
    return made


def ftp_account(service: HostingService, name: str = "web", **fields: Any) -> FtpAccount:
    """An FTP account with a password that nobody knows."""
    hashed = "$2b$10$" + "a" * 53
    return FtpAccount.objects.create(service=service, name=f"{service.username}_{name}", password_hash=hashed, **fields)


#: Of a mailbox that nobody signs in to.
MAIL_HASH = "$2b$10$" + "." * 53
_one_key = cache(new_key)


def mail(domain: Domain, *names: str) -> MailDomain:
    """Mail of a domain: a key that signs, mailboxes of these names (or kim), and info, an alias of the first."""
    made = MailDomain.objects.create(domain=domain)
    private, public = _one_key()
    key = DkimKey(mail=made, selector="np202611-1", public_key=public)
    key.private_key_sealed = seal(private, key.seal_context)
    key.save()
    for name in names or ("kim",):
        Mailbox.objects.create(mail=made, local_part=name, password_hash=MAIL_HASH)
    MailAlias.objects.create(mail=made, local_part="info", targets=[f"{(names or ('kim',))[0]}@{domain.name}"])
    return made


def creation_of(service: HostingService) -> tuple[Change, ...]:
    """The changes that make a service's main site on a bare node."""
    owner, home = service.username, service.home
    domain = service.domains.get(is_primary=True)
    address, name = service.node.address, domain.name
    resources = (
        SystemUser(owner=owner, home=home, quota_mb=service.plan.disk_mb or 0),
        DocumentRoot(owner=owner, path=domain.root),
        PhpPool(owner=owner, version=service.php_version, home=home),
        VirtualHost(owner=owner, name=name, root=f"{home}/{domain.root}", aliases=(f"www.{name}",)),
        DnsZone(
            owner=owner, name=name, primary=f"ns1.{name}", hostmaster=f"hostmaster.{name}",
            records=(Record(name, "A", address), Record(name, "NS", f"ns1.{name}.", 86400)),
        ),
    )  # fmt: skip
    return tuple(Change(r.kind, r.key, None, r) for r in resources)


def change_of(service: HostingService) -> tuple[Change, ...]:
    """The changes of another PHP version."""
    before = PhpPool(owner=service.username, version="8.2", home=service.home)
    return (Change(before.kind, before.key, before, PhpPool(owner=service.username, version="8.3", home=service.home)),)


def operation(
    service: HostingService | None = None, node: Node | None = None, state: str = OperationState.SUCCEEDED,
    kind: str = OperationKind.CREATE, changes: Sequence[Change] | None = None, begun: int | None = None,
    at: datetime | None = None, **fields: Any,
) -> Operation:  # fmt: skip
    """An operation with a plan, and a journal as far as it has come.

    Args:
        changes: of the plan; by default those that create the service.
        begun: how many of them are in the journal; by default all once it is more than planned.
        at: when it was asked for.
    """
    where = node or (service.node if service else factories.make_node())
    made = Plan(tuple(creation_of(service) if changes is None and service else changes or ()))
    asked = at or timezone.now() - timedelta(minutes=2)
    ended = asked + timedelta(milliseconds=1630)
    values = {
        "phase": Phase.QUEUED if state == OperationState.PENDING else Phase.DONE,
        "target_key": f"service:{service.pk}" if service else f"node:{where.pk}",
        "target_label": service.username if service else where.name,
        "actor_login": "operator@example.test",
        "trace_id": f"{next(_traces):032x}",
        "plan": None if state == OperationState.PENDING else made.to_json(),
        "plan_digest": "" if state == OperationState.PENDING else made.digest,
        "started_at": None if state == OperationState.PENDING else asked + timedelta(milliseconds=180),
        "finished_at": ended if state in FINAL_STATES and state != OperationState.CANCELLED else None,
    }
    row = Operation.objects.create(kind=kind, state=state, node=where, service=service, **{**values, **fields})
    Operation.objects.filter(pk=row.pk).update(created_at=asked)
    row.refresh_from_db()
    _journal(row, made, begun)
    return row


def _journal(operation: Operation, plan: Plan, begun: int | None) -> None:
    waiting = operation.state in (OperationState.PENDING, OperationState.PLANNED, OperationState.CANCELLED)
    many = begun if begun is not None else 0 if waiting else len(plan)
    state = EntryState.REVERTED if operation.state == OperationState.ROLLED_BACK else EntryState.APPLIED
    for number, change in enumerate(plan.changes[:many], start=1):
        last = number == many and operation.state in (OperationState.ROLLED_BACK, OperationState.ROLLBACK_FAILED)
        entry = JournalEntry.objects.create(
            operation=operation, seq=number, kind=change.kind, key=change.key, change=change.to_json(),
            state=EntryState.FAILED if last else state, error={"detail": "nginx: [emerg] refused"} if last else None,
        )  # fmt: skip
        began = operation.created_at + _STEP * (number + 2)
        JournalEntry.objects.filter(pk=entry.pk).update(started_at=began, finished_at=began + _TOOK)


def template(**fields: Any) -> RecordTemplate:
    """Records of a mail provider's, for any zone."""
    text = "@ 3600 IN MX 10 mx.{domain}.\nmx 3600 IN A {ip}\nmx 3600 IN AAAA {ip6}\n"
    return RecordTemplate.objects.create(**{"name": "Mail on the node", "text": text, **fields})


def secondary(node: Node, **fields: Any) -> Secondary:
    """A name server elsewhere that is to fetch a node's zones."""
    values = {"name": "ns2.example.net", "address": "192.0.2.53", "key_sealed": "{}"}
    return Secondary.objects.create(node=node, **{**values, **fields})


def drift(service: HostingService | None = None, node: Node | None = None, **fields: Any) -> DriftItem:
    """An open difference: somebody edited the PHP pool of a service by hand."""
    where = node or (service.node if service else factories.make_node())
    owner, home = (service.username, service.home) if service else ("nobody1", "/home/nobody1")
    found, wanted = (PhpPool(owner=owner, version="8.2", home=home, max_children=n) for n in (50, 5))
    change = Change(wanted.kind, wanted.key, found, wanted)
    now = timezone.now()
    values = {
        "adapter": "php_fpm", "kind": change.kind, "key": change.key, "change": change.to_json(), "diff": change.diff(),
        "open_key": f"{where.pk}:{change.kind}:{change.key}", "state": DriftState.OPEN,
        "first_seen_at": now - timedelta(hours=3), "last_seen_at": now,
    }  # fmt: skip
    return DriftItem.objects.create(node=where, service=service, **{**values, **fields})
