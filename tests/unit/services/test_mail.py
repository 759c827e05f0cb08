"""Mail by its facts: what a node is asked for, what DNS publishes, and that no password or key is kept readable."""

import json

import bcrypt
import pytest

from audit.models import Event
from hosting.desired import adopt_all, kept_records, service_resources
from hosting.errors import HostingError
from hosting.models import Autoreply, DkimKey, DnsRecord, Domain, HostingService, MailAlias, Mailbox, MailDomain
from hosting.services.keys import rotate_worker_key
from hosting.services.mail import change_mail, disable_mail, enable_mail, rotate_dkim
from hosting.services.mail_aliases import change_alias, create_alias
from hosting.services.mailboxes import (
    change_mailbox,
    create_mailbox,
    delete_mailbox,
    mail_password_hash,
    set_autoreply,
    set_mailbox_password,
    suspend_mailbox,
)
from hosting.services.zone_edits import import_zone_file, look_at_import, zone_file
from hosting.state import Mailbox as MailboxResource
from hosting.state import MailDomain as MailDomainResource
from hosting.state import Ref, plan
from tests.unit.services.world import World

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery staple"
#: What ends a line for some reader, or has a meaning for a shell, a path, Exim or Dovecot.
HOSTILE = ["a\nb", "a\rb", "a\x00b", "a\x85b", "a\u2028b", "../a", "a/b", "a b", "|cat", "a:b", "${run{id}}", "", "a@b"]


@pytest.fixture
def service(world: World) -> HostingService:
    """A hosted service whose domain has a zone."""
    return world.host("example.com", username="alice")


@pytest.fixture
def mail(world: World, service: HostingService) -> MailDomain:
    """Mail that is on."""
    enable_mail(actor=world.actor, domain=service.domains.get())
    return MailDomain.objects.get()


def box(world: World, mail: MailDomain, name: str = "kim") -> Mailbox:
    """A mailbox."""
    create_mailbox(actor=world.actor, mail=mail, local_part=name, password=PASSWORD)
    return Mailbox.objects.get(local_part=name)


def wanted_domain(service: HostingService) -> MailDomainResource:
    found = service_resources(fresh(service))[Ref("mail_domain", "example.com")]
    assert isinstance(found, MailDomainResource)
    return found


def fresh(service: HostingService) -> HostingService:
    return HostingService.objects.get(pk=service.pk)


def kept(name: str, kind: str) -> list[str]:
    domain = Domain.objects.get(name="example.com")
    return [row.content for row in kept_records(domain) if (row.name, row.type) == (name, kind)]


def test_mail_that_is_on_signs_and_is_in_dns(world: World, service: HostingService, mail: MailDomain) -> None:
    wanted, key = wanted_domain(service), DkimKey.objects.get()
    assert wanted.local and [signing.selector for signing in wanted.dkim] == [key.selector]
    assert wanted.dkim[0].private_key.value.startswith("-----BEGIN PRIVATE KEY-----")
    assert "PRIVATE" not in json.dumps(list(DkimKey.objects.values()), default=str)
    assert kept("@", "MX") == ["10 mail.example.com."]
    assert key.public_key in kept(f"{key.selector}._domainkey", "TXT")[0].replace('" "', "")
    assert kept("_dmarc", "TXT") == ['"v=DMARC1; p=none"']
    assert kept("@", "TXT")[0].startswith('"v=spf1 mx ip4:')
    assert kept("_imaps._tcp", "SRV") == ["0 1 993 mail.example.com."]


def test_what_the_customer_wrote_stays_and_stands_alone(service: HostingService, mail: MailDomain) -> None:
    domain = service.domains.get()
    for name, kind, content in (
        ("@", "TXT", "v=spf1 -all"),
        ("_dmarc", "CNAME", "dmarc.example.net."),
        ("mail", "A", "192.0.2.77"),
        ("_imaps._tcp", "SRV", "0 1 993 imap.example.net."),
    ):
        DnsRecord.objects.create(domain=domain, name=name, type=kind, content=content)
    assert kept("@", "TXT") == [] and kept("_dmarc", "TXT") == [] and kept("_imaps._tcp", "SRV") == []
    assert kept("mail", "A") == [] and kept("@", "MX") == ["10 mx.example.com."] and len(kept("mx", "A")) == 1


def test_an_mx_elsewhere_is_recognised(service: HostingService, mail: MailDomain) -> None:
    row = DnsRecord.objects.create(domain=service.domains.get(), name="@", type="MX", content="10 mx.example.net.")
    assert not wanted_domain(service).local
    assert [record.type for record in kept_records(Domain.objects.get())] == ["TXT"]  # the DKIM key alone
    row.content = "10 mail"
    row.save()
    assert wanted_domain(service).local


def test_mail_elsewhere_can_be_said(world: World, service: HostingService, mail: MailDomain) -> None:
    change_mail(actor=world.actor, mail=mail, remote=True)
    assert not wanted_domain(service).local and kept("@", "MX") == []


def test_the_key_is_rotated_with_overlap(world: World, service: HostingService, mail: MailDomain) -> None:
    old = wanted_domain(service).dkim[0].selector
    rotate_dkim(actor=world.actor, mail=mail)
    new = [key.selector for key in wanted_domain(service).dkim]
    assert len(new) == 1 and new != [old]
    assert kept(f"{old}._domainkey", "TXT") and kept(f"{new[0]}._domainkey", "TXT")


def test_another_workers_key_opens_the_dkim_key(world: World, service: HostingService, mail: MailDomain) -> None:
    before = wanted_domain(service).dkim
    sealed = DkimKey.objects.get().private_key_sealed
    rotate_worker_key(actor=world.actor)
    assert DkimKey.objects.get().private_key_sealed != sealed and wanted_domain(service).dkim == before


def test_a_mailbox_keeps_only_a_hash(world: World, service: HostingService, mail: MailDomain) -> None:
    made = box(world, mail)
    found = service_resources(fresh(service))[Ref("mailbox", "kim@example.com")]
    assert isinstance(found, MailboxResource) and found.directory == "/home/alice/mail/example.com/kim"
    assert bcrypt.checkpw(PASSWORD.encode(), found.password_hash.value.encode())
    assert made.password_hash.startswith("$2b$10$")
    set_mailbox_password(actor=world.actor, mailbox=made, password=f"another {PASSWORD}")
    text = json.dumps([*Event.objects.values(), *Mailbox.objects.values()], default=str)
    assert PASSWORD not in text and made.password_hash not in text


def test_a_plans_mailboxes_are_all(world: World, service: HostingService, mail: MailDomain) -> None:
    service.plan.mailboxes = 1
    service.plan.save()
    box(world, mail)
    with pytest.raises(HostingError) as caught:
        box(world, mail, "lee")
    assert caught.value.code == "limit_reached" and Mailbox.objects.count() == 1


def test_an_address_is_a_mailbox_or_an_alias(world: World, mail: MailDomain) -> None:
    box(world, mail)
    with pytest.raises(HostingError) as caught:
        create_alias(actor=world.actor, mail=mail, local_part="Kim", targets=["lee@example.net"])
    assert caught.value.code == "address_taken"


def test_an_alias_goes_to_others_not_to_itself(world: World, mail: MailDomain) -> None:
    create_alias(actor=world.actor, mail=mail, local_part="info", targets=["Lee@Example.net", "kim@example.com"])
    alias = MailAlias.objects.get()
    assert alias.targets == ["kim@example.com", "lee@example.net"]
    for targets, code in ((["info@example.com"], "alias_loop"), ([], "no_targets"), (["nobody"], "bad_address")):
        with pytest.raises(HostingError) as caught:
            change_alias(actor=world.actor, alias=alias, targets=targets)
        assert caught.value.code == code


def test_copies_and_answers_and_suspension_reach_the_node(
    world: World, service: HostingService, mail: MailDomain
) -> None:
    made = box(world, mail)
    change_mailbox(actor=world.actor, mailbox=made, forward_to=["lee@example.net"], keep=False, quota_mb=5)
    set_autoreply(actor=world.actor, mailbox=made, subject="Away", body="Back\r\nsoon")
    suspend_mailbox(actor=world.actor, mailbox=made)
    found = service_resources(fresh(service))[Ref("mailbox", "kim@example.com")]
    assert isinstance(found, MailboxResource) and found.autoreply is not None
    assert (found.forward_to, found.keep, found.quota_mb, found.locked) == (("lee@example.net",), False, 5, True)
    assert found.autoreply.body == "Back\nsoon"
    set_autoreply(actor=world.actor, mailbox=made)
    assert not Autoreply.objects.exists()


def test_a_suspended_service_locks_all_of_it(world: World, service: HostingService, mail: MailDomain) -> None:
    box(world, mail)
    HostingService.objects.update(state="suspended")
    found = service_resources(fresh(service))
    assert wanted_domain(service).suspended
    assert getattr(found[Ref("mailbox", "kim@example.com")], "locked", False)


def test_turning_mail_off_can_be_taken_back_whole(world: World, service: HostingService, mail: MailDomain) -> None:
    made = box(world, mail)
    create_alias(actor=world.actor, mail=mail, local_part="info", targets=["kim@example.com"])
    set_autoreply(actor=world.actor, mailbox=made, subject="Away", body="Back soon")
    before = service_resources(fresh(service))
    operation = disable_mail(actor=world.actor, mail=mail)
    assert {ref.partition(":")[0] for ref in operation.refs or ()} == {
        "mail_certificate", "mail_domain", "mailbox", "mail_alias", "dns_zone"
    }  # fmt: skip
    after = service_resources(fresh(service))
    assert not [ref for ref in after if ref.kind.startswith("mail")]
    adopt_all(fresh(service), plan(after, before).changes)
    assert service_resources(fresh(service)) == before
    assert DnsRecord.objects.filter(type="MX").count() == 0  # what is kept has not become the customer's


def test_removing_a_mailbox_takes_its_row(world: World, mail: MailDomain) -> None:
    delete_mailbox(actor=world.actor, mailbox=box(world, mail))
    assert not Mailbox.objects.exists()


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_refused(world: World, mail: MailDomain, name: str) -> None:
    for call in (
        lambda: create_mailbox(actor=world.actor, mail=mail, local_part=name, password=PASSWORD),
        lambda: create_alias(actor=world.actor, mail=mail, local_part=name, targets=["kim@example.net"]),
        lambda: create_alias(actor=world.actor, mail=mail, local_part="ok", targets=[f"{name}@example.net"]),
    ):
        with pytest.raises(HostingError):
            call()
    assert not Mailbox.objects.exists() and not MailAlias.objects.exists()


@pytest.mark.parametrize("text", ["a\x00b", "a\rb", "a\x85b", "a\u2028b", "a\x1bb"])
def test_a_hostile_answer_is_refused(world: World, mail: MailDomain, text: str) -> None:
    made = box(world, mail)
    for subject, body in ((text, "fine"), ("fine", text), ("a\nb", "fine")):
        with pytest.raises(HostingError):
            set_autoreply(actor=world.actor, mailbox=made, subject=subject, body=body)
    assert not Autoreply.objects.exists()


@pytest.mark.parametrize("password", ["short", "x" * 73, "a long\npassword", "a long\x00password"])
def test_a_password_that_no_program_could_send_is_refused(password: str) -> None:
    with pytest.raises(HostingError) as caught:
        mail_password_hash(password)
    assert caught.value.code == "weak_password"


def test_a_zone_file_goes_out_and_in_beside_what_is_kept(
    world: World, service: HostingService, mail: MailDomain
) -> None:
    domain = Domain.objects.get()
    text = zone_file(domain)
    assert "mail.example.com." in text
    import_zone_file(actor=world.actor, domain=domain, text=text)
    assert not DnsRecord.objects.filter(type="MX").exists() and kept("@", "MX") == ["10 mail.example.com."]
    look_at_import(domain=domain, text="www 3600 IN A 192.0.2.7\n_dmarc 3600 IN CNAME dmarc.example.net.\n")
    import_zone_file(
        actor=world.actor, domain=domain, text="@ 300 IN MX 5 mx.example.net.\n_dmarc IN CNAME d.example.net.\n"
    )
    assert not wanted_domain(service).local and kept("_dmarc", "TXT") == []
