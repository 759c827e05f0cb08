"""Every field refuses what must never be rendered: in Froxlor a check never ran (CVE-2026-26279)."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator
from django.db import models, transaction
from django.db.models.signals import pre_save

from hosting.errors import HostingError
from hosting.models import (
    AcmeAccount,
    Autoreply,
    Certificate,
    Database,
    DatabaseUser,
    DnsRecord,
    Domain,
    FtpAccount,
    HostingPlan,
    HostingService,
    MailAlias,
    Mailbox,
    MailDomain,
    Node,
    Secondary,
    SshKey,
)
from hosting.models.mail import MAX_QUOTA_MB, MAX_SENDS
from hosting.services.validation import check_texts, save_valid
from tests.factories import make_customer, make_node, make_plan

MODELS = tuple(apps.get_app_config("hosting").get_models())
#: What ends a line somewhere (files, logs, terminals, SQL), or is no text at all.
CONTROL = ("\n", "\r", "\x00", "\x1b", "\x7f", "\x85", "\u2028", "\u2029")
#: Local parts of addresses that are none of ours.
LOCAL_PARTS = ("", "Kim", "kim+shop", "-kim", "kim-", ".kim", "a..b", "a b", "a@b", "../a", "k" * 65, "kïm")
#: Addresses that mail is sent on to, in a spelling that is not the one that is kept.
ADDRESSES = (["nobody"], ["Kim@example.com"], ["b@x.test", "a@x.test"], ["a@x.test"] * 2, ["a@b c"], [1], "a@x.test")
SHELL = ("; id", "$(id)", "`id`", "| id", "' OR 1=1 -- ", '"', "../../etc/passwd", "\\")

_PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
#: For each field with a validator: values that look almost right. A new validated field has to be added here.
BAD: dict[tuple[type[models.Model], str], tuple[Any, ...]] = {
    (Node, "name"): ("", "Node", "-node", "node-", "no de", "no_de", "n" * 41, "knöte"),
    (Node, "address"): ("", "-a", "a b", "fe80::1%eth0;id", "fe80::1%", "host/..", "[::1]", "a" * 191),
    (Node, "ssh_port"): (0, -1, 65536, None),
    (Node, "ssh_user"): ("", "Root", "ro ot", "0root", "root:x", "r" * 33),
    (Node, "host_keys"): (
        "ssh-ed25519",
        "ssh-ed25519 not base64",
        "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIA==",
        "ProxyCommand=id AAAA",
        "AAAAC3NzaC1lZDI1NTE5AAAAIA== ssh-ed25519",
        "@cert-authority * ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA==",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA== comment\x00",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA== comment\x1b[2J",
        "x" * 4001,
    ),
    (HostingService, "username"): ("", "a", "root", "Alice", "al ice", "al-ice", "1alice", "a" * 17, "álice"),
    (HostingService, "php_version"): ("", "8", "8.", "8.2.1", "8.2/..", "4.4", "8.٢", "８.2", " 8.2"),
    (HostingService, "shell"): ("", "/bin/zsh", "/bin/bash -c id", "bash", "/BIN/BASH"),
    (Domain, "name"): ("", "com", "Example.com", "example.com.", "exam_ple.com", "*.example.com", "bücher.example"),
    (AcmeAccount, "directory"): (
        "",
        "http://a.test/dir",
        "https://",
        "https://a b.test",
        "https://a.test/\n",
        "ftp://a.test",
    ),
    (AcmeAccount, "url"): ("http://a.test/1", "https://a.test/ 1", "a.test", "https://a.test/\x00"),
    (Certificate, "names"): ([], "example.com", ["Example.com"], ["*"], ["*.*.test"], ["a b.test"], ["x.test\n"], [1]),
    (Certificate, "chain_pem"): (
        "",
        "x",
        _PEM + "x",
        _PEM * 11,
        _PEM.replace("CERTIFICATE", "PRIVATE KEY"),
        f" {_PEM}",
    ),
    (Certificate, "fingerprint"): ("", "x", "a" * 63, "A" * 64, "g" * 64, "a" * 65),
    (DnsRecord, "name"): ("", "WWW", "www.", ".www", "a..b", "-a", "a-", "a.*.b", "*a", "bücher", "a b", "a" * 64),
    (DnsRecord, "type"): ("", "a", "SOA", "LUA", "ALIAS", "DNAME", "ANY", "AXFR", "TXT "),
    (DnsRecord, "content"): ("", " ", "x" * 8193),
    (DnsRecord, "ttl"): (-1, 0, 29, 2147483648, None),
    (Secondary, "name"): ("", "com", "NS2.example.net", "ns2.example.net.", "ns_2.example.net", "*.example.net"),
    (Database, "name"): ("", "shop", "alice-shop", "Alice_shop", "alice_", "_shop", "alice_shöp", f"alice_{'x' * 48}"),
    (Database, "charset"): ("", "utf8-mb4", "UTF8", "utf8 mb4"),
    (Database, "collation"): ("", "utf8-mb4", "UTF8", "utf8 mb4"),
    (DatabaseUser, "name"): ("", "shop", "alice-shop", "Alice_shop", "alice_", "root", "mysql.sys"),
    (DatabaseUser, "host"): ("", "%.example.com", "10.%.0.1", "fe80::1%eth0'", "10.0.0.0/8", "local host", "١٠.٠.%"),
    (SshKey, "type"): ("", "ssh-dss", "ssh-ed25519 ", "ssh-ed25519-cert-v01@openssh.com", "SSH-ED25519", "command=id"),
    (SshKey, "blob"): ("", "AAAA", "BBBBC3Nz", "AAAA C3Nz", "AAAA====", f"AAAA{'A' * 1600}"),
    (SshKey, "comment"): (" a", "a ", "a  b", "k" * 101),
    (SshKey, "fingerprint"): ("", "SHA256:", f"MD5:{'a' * 43}", f"SHA256:{'a' * 42}", f"SHA256:{'a' * 43}="),
    (MailDomain, "catch_all"): (
        "kim",
        "kim@",
        "@example.com",
        "Kim@example.com",
        "kim@localhost",
        "a b@x.test",
        "|x@y.test",
    ),
    (Mailbox, "local_part"): LOCAL_PARTS,
    (Mailbox, "password_hash"): (
        "",
        "secret",
        "{BLF-CRYPT}$2b$10$" + "a" * 53,
        "$1$salt$" + "a" * 22,
        "$2b$10$" + "a" * 52,
    ),
    (Mailbox, "quota_mb"): (-1, MAX_QUOTA_MB + 1, None),
    (Mailbox, "sends_per_hour"): (-1, MAX_SENDS + 1, None),
    (Mailbox, "forward_to"): ADDRESSES,
    (MailAlias, "local_part"): LOCAL_PARTS,
    (MailAlias, "targets"): ([], *ADDRESSES),
    (Autoreply, "body"): ("", "x" * 10_001),
    (DatabaseUser, "password_hash"): ("", "*", "secret password", f"*{'a' * 40}", f"*{'A' * 39}", f"{'A' * 41}"),
    (FtpAccount, "name"): ("", "web", "alice-web", "Alice_web", "alice_", "alice_-web", "alice_wëb", f"a_{'x' * 33}"),
    (FtpAccount, "folder"): ("/etc", "sites/", "..", "sites/../x", "a//b", "a b", "sités", ".", "a" * 201),
    (FtpAccount, "password_hash"): ("", "secret password", "$1$abc$def", "$2b$10$" + "a" * 52, "$6$salt$short"),
    (FtpAccount, "quota_mb"): (-1, 1_048_577, None),
}

#: Texts without a validator of their own, and why that is right.
UNCHECKED: dict[tuple[str, str], str] = {
    ("Node", "public_key"): "made by NPanel itself",
    ("Node", "private_key_sealed"): "JSON that hosting.sealing makes and checks",
    ("Node", "note"): "written by the worker from an error's text; shown escaped, never rendered into a file",
    ("HostingPlan", "name"): "a label; save_valid refuses control characters in it",
    ("HostingService", "username_key"): "a copy of username, or NULL",
    ("AcmeAccount", "key_sealed"): "JSON that hosting.sealing makes and checks",
    ("AcmeRequest", "tail"): "made from a checked host name",
    ("AcmeRequest", "names_key"): "a digest that NPanel made",
    ("Certificate", "name"): "the first of its checked names",
    ("Certificate", "private_key_sealed"): "JSON that hosting.sealing makes and checks",
    ("Certificate", "key_type"): "made by hosting.certificate_reader from the key",
    ("Certificate", "issuer"): "printable characters of the certificate; shown escaped, rendered into no file",
    ("Domain", "name_servers"): "a copy of the reseller's, which accounts.name_servers checks",
    ("Domain", "ds"): "what the name server said of its key",
    ("Domain", "name_key"): "a copy of name, or NULL",
    ("Domain", "reversed_key"): "made from name, or NULL",
    ("NameLock", "tail"): "made from a checked name",
    ("DkimKey", "selector"): "made by NPanel itself",
    ("DkimKey", "public_key"): "made by NPanel itself",
    ("DkimKey", "private_key_sealed"): "JSON that hosting.sealing makes and checks",
    ("Autoreply", "subject"): "check_autoreply; save_valid refuses control characters in it",
    ("BulkRun", "actor_login"): "copied from an account; shown escaped",
    ("BulkRun", "reason"): "words of the actor, shown escaped, never rendered into a file",
    ("BulkRun", "trace_id"): "made by observability",
    ("BulkRun", "correlation_id"): "made by observability",
    ("BulkRun", "digest"): "a digest that NPanel made",
    ("BulkItem", "label"): "a copy of a checked name",
    ("Intent", "digest"): "a digest that NPanel made",
    ("Intent", "token_sha256"): "a digest that NPanel made",
    ("Operation", "target_key"): "made from a kind and an id",
    ("Operation", "target_label"): "a copy of a checked name",
    ("Operation", "customer_name"): "a copy of a checked name",
    ("Operation", "active_key"): "a copy of target_key, or NULL",
    ("Operation", "actor_login"): "copied from an account; shown escaped",
    ("Operation", "reason"): "words of the actor, shown escaped, never rendered into a file",
    ("Operation", "trace_id"): "made by observability",
    ("Operation", "correlation_id"): "cut to letters and digits by observability",
    ("Operation", "request_id"): "made by observability",
    ("Operation", "expected_digest"): "compared with a digest that NPanel made",
    ("Operation", "plan_digest"): "a digest that NPanel made",
    ("Operation", "lease_owner"): "the worker's own name",
    ("JournalEntry", "kind"): "of a Resource",
    ("JournalEntry", "key"): "of a Resource",
    ("DriftItem", "adapter"): "an adapter's name",
    ("DriftItem", "kind"): "of a Resource",
    ("DriftItem", "key"): "of a Resource as observed on the node; shown escaped, rendered only after its kind's checks",
    ("DriftItem", "open_key"): "made from node, kind and key",
    ("DriftItem", "closed_by"): "copied from an account; shown escaped",
    ("ActivationLock", "holder"): "the worker's own name",
    ("MailQueue", "note"): "written by the worker from an error's text; shown escaped",
    ("MailLookup", "query"): "hosting.services.mail_lookups.checked_query; passed on as a fixed text",
    ("MailLookup", "actor_login"): "copied from an account; shown escaped",
    ("QueuedMessage", "message_id"): "hosting.adapters.mail_queue.answers: an id of Exim's",
    ("QueuedMessage", "sender"): "hosting.adapters.mail_queue.answers: one line, without control signs; shown escaped",
    ("QueuedMessage", "said"): "likewise",
    ("WorkerHeartbeat", "name"): "the worker's own name",
    ("RecordTemplate", "name"): "a label; save_valid refuses control characters in it",
    ("RecordTemplate", "text"): "hosting.state.record_templates.check_template: it is tried as a zone file",
    ("Secondary", "key_sealed"): "JSON that hosting.sealing makes and checks",
    ("Webhook", "url"): "hosting.operations.webhook_post.check_url, when saved and again when sent",
    ("Webhook", "secret_sealed"): "JSON that hosting.sealing makes and checks",
    ("Webhook", "disabled_reason"): "the worker, from an answer without control characters; shown escaped",
    ("WebhookDelivery", "event"): "a value of WebhookEvent",
    ("WebhookDelivery", "response_text"): "printable characters of an answer, cut; shown escaped",
    ("ApiIdempotencyKey", "key"): "hosting.api.idempotency: visible ASCII",
    ("ApiIdempotencyKey", "digest"): "an HMAC that NPanel made",
    ("ApiIdempotencyKey", "location"): "an address that the API made",
}

#: JSON columns have no validators; who vouches for each.
JSON: dict[tuple[str, str], str] = {
    ("Node", "secrets_sealed"): "hosting.sealing",
    ("Node", "transfer_keys"): "made from checked names",
    ("Node", "public_addresses"): "add_node checks each address",
    ("Node", "nameservers"): "add_node checks each name",
    ("Node", "facts"): "adapters' discover(), parsed on the way in",
    ("Certificate", "names"): "a validator all the same: validate_certificate_names",
    ("HostingService", "unsynced"): "refs made by NPanel",
    ("AutoCertificate", "error"): "a HostingError, redacted",
    ("DatabaseGrant", "privileges"): "constants of the services; the mariadb adapter knows them all",
    ("Mailbox", "forward_to"): "validate_mail_addresses",
    ("MailAlias", "targets"): "validate_mail_addresses",
    ("BulkRun", "options"): "names and texts that services/bulk.py lets through for the kind",
    ("BulkRun", "actor"): "an Actor",
    ("BulkItem", "error"): "a HostingError",
    ("Intent", "impacted"): "names of hosting/governance.py",
    ("Operation", "refs"): "refs made by NPanel",
    ("Operation", "actor"): "an Actor",
    ("Operation", "plan"): "hosting.state",
    ("Operation", "error"): "a HostingError, redacted",
    ("Operation", "result"): "the runner",
    ("Operation", "commands"): "argv as it ran, redacted",
    ("JournalEntry", "change"): "hosting.state",
    ("JournalEntry", "error"): "a HostingError, redacted",
    ("ActivationTicket", "error"): "a HostingError, redacted",
    ("ActivationTicket", "reloads"): "adapters' names",
    ("ActivationLock", "reloads"): "adapters' names",
    ("MailQueue", "listed_on"): "addresses of nodes and zones of the settings",
    ("MailLookup", "answer"): "hosting.adapters.mail_queue.log and hosting.operations.mail_check; shown escaped",
    ("MailLookup", "error"): "a HostingError, redacted",
    ("QueuedMessage", "recipients"): "hosting.adapters.mail_queue.answers, like the sender",
    ("QueuedMessage", "retry_actor"): "an Actor",
    ("DriftItem", "change"): "hosting.state, secrets sealed",
    ("DriftItem", "diff"): "hosting.state, without control characters",
    ("WorkerHeartbeat", "details"): "the worker",
    ("Webhook", "events"): "hosting.services.webhooks: values of WebhookEvent",
    ("WebhookDelivery", "payload"): "hosting.operations.webhooks",
    ("ApiIdempotencyKey", "body"): "an answer of the API without what is shown once",
}


def fields(kind: type[models.Field]) -> Iterator[tuple[type[models.Model], models.Field]]:
    """All hosting fields of a kind."""
    for model in MODELS:
        for field in model._meta.concrete_fields:
            if isinstance(field, kind):
                yield model, field


def refuses(model: type[models.Model], name: str, value: Any) -> bool:
    """Whether what save_valid checks blames this field for this value (others are left out: they are empty)."""
    instance = model(**{name: value})
    others = {field.name for field in model._meta.concrete_fields} - {name}
    try:
        instance.full_clean(exclude=others, validate_unique=False, validate_constraints=False)
        check_texts(instance)
    except ValidationError as error:
        return name in error.error_dict
    return False


def has_validator(field: models.Field) -> bool:
    """Whether somebody gave the field a rule (its length, range and choices come from Django itself)."""
    return any(validator for validator in field._validators if not isinstance(validator, MaxLengthValidator))


def test_every_validated_field_has_bad_values_here() -> None:
    validated = {(model, field.name) for model, field in fields(models.Field) if has_validator(field)}
    assert validated == set(BAD)


@pytest.mark.parametrize(
    ("model", "name", "value"),
    [pytest.param(model, name, value, id=f"{model.__name__}.{name}-{number}")
     for (model, name), values in BAD.items() for number, value in enumerate(values)],
)  # fmt: skip
def test_every_validated_field_refuses_its_bad_values(model: type[models.Model], name: str, value: Any) -> None:
    assert refuses(model, name, value)


GOOD: dict[tuple[type[models.Model], str], str] = {
    (Node, "name"): "web-1",
    (Node, "address"): "fe80::1%eth0",
    (Node, "ssh_user"): "root",
    (Node, "host_keys"): "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMFx",
    (HostingService, "username"): "alice",
    (HostingService, "php_version"): "8.2",
    (HostingService, "shell"): "/bin/bash",
    (Domain, "name"): "example.com",
    (AcmeAccount, "directory"): "https://acme.example.test:14000/dir",
    (AcmeAccount, "url"): "https://acme.example.test/acct/1?a=b",
    (Certificate, "chain_pem"): _PEM,
    (Certificate, "fingerprint"): "0a" * 32,
    (DnsRecord, "name"): "_dmarc.www",
    (DnsRecord, "type"): "TXT",
    (DnsRecord, "content"): "v=spf1 -all",
    (Database, "name"): "alice_shop",
    (Database, "charset"): "utf8mb4",
    (Database, "collation"): "utf8mb4_bin",
    (Secondary, "name"): "ns2.example.net",
    (DatabaseUser, "name"): "alice_shop",
    (DatabaseUser, "host"): "10.0.%",
    (DatabaseUser, "password_hash"): f"*{'A1' * 20}",
    (FtpAccount, "name"): "alice_web",
    (FtpAccount, "folder"): "sites/example.com/public",
    (FtpAccount, "password_hash"): "$2b$10$" + "a" * 53,
    (SshKey, "type"): "ssh-ed25519",
    (SshKey, "blob"): "AAAAC3NzaC1lZDI1NTE5AAAAIMFx",
    (SshKey, "comment"): "kim's laptop",
    (SshKey, "fingerprint"): f"SHA256:{'a' * 43}",
    (MailDomain, "catch_all"): "kim@example.com",
    (Mailbox, "local_part"): "kim.lee",
    (Mailbox, "password_hash"): "$2b$10$" + "./a1" * 13 + "x",
    (MailAlias, "local_part"): "info",
    (Autoreply, "body"): "Back soon",
}


def test_good_values_of_every_validated_text_are_here_and_pass() -> None:
    texts = {
        (model, name)
        for model, name in BAD
        if isinstance(model._meta.get_field(name), models.CharField | models.TextField)
    }
    assert set(GOOD) == texts
    for (model, name), value in GOOD.items():
        assert not refuses(model, name, value), (model, name)


@pytest.mark.parametrize("bad", CONTROL, ids=ascii)
@pytest.mark.parametrize(("model", "name"), list(GOOD), ids=lambda part: getattr(part, "__name__", part))
def test_a_good_value_with_a_control_character_anywhere_is_refused(
    model: type[models.Model], name: str, bad: str
) -> None:
    value = GOOD[model, name]
    lines = name == "host_keys"  # one key a line: a line break between or after keys is no mistake
    if name == "body" and bad == "\n":
        return  # a letter has many lines
    middle = len(value) // 2
    if not (name == "chain_pem" and bad == "\n"):  # base64 is in lines
        assert refuses(model, name, value[:middle] + bad + value[middle:])
    if not (lines and len(f"a{bad}b".splitlines()) == 2):
        assert refuses(model, name, value + bad)
        assert refuses(model, name, bad + value)


@pytest.mark.parametrize("bad", SHELL)
@pytest.mark.parametrize(("model", "name"), list(GOOD), ids=lambda part: getattr(part, "__name__", part))
def test_names_that_reach_a_command_or_a_file_hold_no_shell(model: type[models.Model], name: str, bad: str) -> None:
    if name in ("content", "host_keys", "comment", "body"):
        return  # free text; the zone's own grammar, and the key's own form, are checked elsewhere; a letter is base64
    assert refuses(model, name, GOOD[model, name] + bad)


def test_every_text_is_checked_or_says_why_not() -> None:
    unchecked = {
        (model.__name__, field.name)
        for model, field in (*fields(models.CharField), *fields(models.TextField))
        if not has_validator(field) and not field.choices
    }
    assert unchecked == set(UNCHECKED)


def test_every_json_column_says_who_vouches_for_it() -> None:
    assert {(model.__name__, field.name) for model, field in fields(models.JSONField)} == set(JSON)


@pytest.mark.django_db  # a plan's name is looked for
@pytest.mark.parametrize(
    ("model", "name"), [(model, field.name) for model, field in fields(models.CharField) if field.choices]
)
def test_every_choice_refuses_what_was_not_offered(model: type[models.Model], name: str) -> None:
    for value in ("", "root", "ACTIVE", "active\n"):
        assert refuses(model, name, value)


@pytest.mark.django_db
@pytest.mark.parametrize("bad", CONTROL, ids=ascii)
def test_services_save_no_line_with_a_control_character(bad: str) -> None:
    for label in (f"Gold{bad}", f"{bad}Gold", f"Go{bad}ld"):
        with pytest.raises(HostingError) as refusal:
            save_valid(HostingPlan(name=label))
        assert (refusal.value.code, refusal.value.field) == ("invalid", "name")
    assert HostingPlan.objects.count() == 0


@pytest.mark.django_db
def test_a_name_taken_meanwhile_is_a_refusal_and_no_crash() -> None:
    customer, node, plan = make_customer(), make_node(), make_plan()
    rows = [
        HostingService(
            customer=customer, node=node, plan=plan, username="alice", username_key="alice", php_version="8.2"
        )
        for _n in range(2)
    ]

    def be_faster(instance: HostingService, **_told: object) -> None:
        if instance is rows[1]:  # between the look and the row
            rows[0].save()

    pre_save.connect(be_faster, sender=HostingService)
    try:
        with pytest.raises(HostingError) as refusal, transaction.atomic():
            save_valid(rows[1])
    finally:
        pre_save.disconnect(be_faster, sender=HostingService)
    assert (refusal.value.code, refusal.value.permanent) == ("taken", False)
    assert not HostingService.objects.exists()
