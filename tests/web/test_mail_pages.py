"""Mail on pages, by a customer and by an operator, carried out on a server in memory."""

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.choices import MemberAccess
from hosting.choices import OperationKind, OperationState
from hosting.models import (
    Autoreply,
    DkimKey,
    DnsRecord,
    Domain,
    HostingService,
    MailAlias,
    Mailbox,
    MailDomain,
    Operation,
)
from hosting.portal import pages
from tests import factories, people
from tests.unit.services.world import World
from tests.web import rows
from tests.web.pages import act, words
from tests.web.portal import Account, account, signed_in
from tests.web.test_portal_pages import MAIL_LOOKS

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery staple"


@pytest.fixture
def service(world: World) -> HostingService:
    """A service that is really hosted."""
    return world.host("anna.example", username="anna", customer=factories.make_customer(name="Anna"))


@pytest.fixture
def owner(customer_interface: None, service: HostingService) -> Client:
    """Its owner's session."""
    return signed_in(people.member(service.customer))


def newest() -> Operation:
    """The operation that was asked for last."""
    return Operation.objects.order_by("-created_at")[0]


def send(client: Client, world: World, name: str, row: Any, **data: Any) -> Any:
    """Send a form of the portal and see it carried out."""
    answer = client.post(reverse(f"portal:{name}", args=(row.pk,)), {"approval": "at_once", **data})
    assert answer.status_code == 302, words(answer)
    world.work()
    assert newest().state == OperationState.SUCCEEDED, newest().error
    return client.get(answer.url)


def settings_of(world: World, path: str) -> str:
    """A file below the mail's folder on the server, "" if it is not there."""
    full = f"/etc/npanel/mail/{path}"
    return str(world.server.content(full).decode()) if world.server.exists(full) else ""


def with_mailbox(client: Client, world: World, service: HostingService) -> Mailbox:
    """Mail that is on, with one mailbox."""
    send(client, world, "mail_enable", service.domains.get())
    send(client, world, "mailbox_add", MailDomain.objects.get(), local_part="Kim", password=PASSWORD, quota_mb=100,
         sends_per_hour=50)  # fmt: skip
    return Mailbox.objects.get()


# --- the customer ----------------------------------------------------------------------------------------------------


def test_mail_from_on_to_off(world: World, service: HostingService, owner: Client) -> None:
    """Each step is on the server when its page says so; the operation leads back to the mail."""
    assert "Turn mail on" in words(owner.get(reverse("portal:mail")))
    done = send(owner, world, "mail_enable", service.domains.get())
    assert "Email of anna.example" in words(done) and "local: yes" in settings_of(world, "domains/anna.example/domain")
    assert "No mailboxes yet." in words(owner.get(reverse("portal:mail_domain", args=(MailDomain.objects.get().pk,))))
    mail = MailDomain.objects.get()
    send(owner, world, "mailbox_add", mail, local_part="kim", password=PASSWORD, quota_mb=100, sends_per_hour=50)
    assert "locked: no" in settings_of(world, "boxes/anna.example/kim")
    page = words(owner.get(reverse("portal:mail_domain", args=(mail.pk,))))
    assert "kim@anna.example" in page and "100 MB" in page and "Mailboxes of this service 1 of 10" in page
    url = reverse("portal:mail_disable", args=(mail.pk,))
    assert "This is not the name." in words(owner.post(url, {"typed": "anna"})) and MailDomain.objects.exists()
    owner.post(url, {"typed": "anna.example", "approval": "at_once"})
    world.work()
    assert newest().state == OperationState.PLANNED, "mail is turned off only once the plan was seen"
    owner.post(reverse("portal:operation_approve", args=(newest().pk,)), {"digest": newest().plan_digest})
    world.work()
    assert not MailDomain.objects.exists() and not settings_of(world, "domains/anna.example/domain")
    gone = words(owner.get(reverse("portal:operation", args=(newest().pk,))))
    assert "Turns mail off for anna.example." in gone and "A copy" not in gone
    owner.post(reverse("portal:operation_undo", args=(newest().pk,)))
    world.work()
    owner.post(reverse("portal:operation_approve", args=(newest().pk,)), {"digest": newest().plan_digest})
    world.work()
    assert Mailbox.objects.get().local_part == "kim" and "locked: no" in settings_of(world, "boxes/anna.example/kim")


def test_a_mailbox_is_changed_in_every_way(world: World, service: HostingService, owner: Client) -> None:
    box = with_mailbox(owner, world, service)
    path = "boxes/anna.example/kim"
    send(owner, world, "mailbox_limits", box, quota_mb=5, sends_per_hour=0)
    assert "sends_per_hour: 0" in settings_of(world, path)
    send(owner, world, "mailbox_forward", box, forward_to="Lee@Example.net, max@example.net\r\n", keep="")
    box.refresh_from_db()
    assert (box.forward_to, box.keep) == (["lee@example.net", "max@example.net"], False)
    page = words(owner.get(reverse("portal:mailbox", args=(box.pk,))))
    assert "Not kept here, only sent on to: lee@example.net max@example.net" in page
    form = owner.get(reverse("portal:mailbox_forward", args=(box.pk,))).context["form"]
    assert form["forward_to"].value() == "lee@example.net\nmax@example.net"
    send(owner, world, "mailbox_forward", box, forward_to="")
    send(owner, world, "mailbox_answer", box, subject="Away", body="Back\r\nsoon", start="2026-12-24", end="2027-01-02")
    assert "autoreply: yes" in settings_of(world, path)
    page = words(owner.get(reverse("portal:mailbox", args=(box.pk,))))
    assert "From Dec. 24, 2026 to Jan. 2, 2027." in page and "Back soon" in page
    send(owner, world, "mailbox_no_answer", box)
    assert not Autoreply.objects.exists()
    send(owner, world, "mailbox_suspend", box)
    assert "locked: yes" in settings_of(world, path)
    send(owner, world, "mailbox_resume", box)
    assert "locked: no" in settings_of(world, path)
    before = Mailbox.objects.get().password_hash
    send(owner, world, "mailbox_password", box, password=f"another {PASSWORD}")
    assert Mailbox.objects.get().password_hash != before
    owner.post(reverse("portal:mailbox_delete", args=(box.pk,)), {"typed": "kim@anna.example"})
    world.work()
    assert newest().kind == OperationKind.REMOVE_MAILBOX and newest().state == OperationState.PLANNED


def test_addresses_and_the_rest(world: World, service: HostingService, owner: Client) -> None:
    mail = with_mailbox(owner, world, service).mail
    done = send(owner, world, "alias_add", mail, local_part="info", targets="kim@anna.example\nlee@example.net")
    assert "Makes the address info@anna.example." in words(done)
    alias, url = MailAlias.objects.get(), reverse("portal:mail_addresses", args=(mail.pk,))
    assert "info@anna.example kim@anna.example, lee@example.net" in words(owner.get(url))
    send(owner, world, "alias_change", alias, targets="kim@anna.example")
    assert "lee@" not in settings_of(world, "domains/anna.example/aliases/info")
    send(owner, world, "mail_catch_all", mail, catch_all="kim@anna.example")
    assert "goes to kim@anna.example." in words(owner.get(url))
    send(owner, world, "mail_catch_all", mail, catch_all="")
    assert "is refused; the sender is told so." in words(owner.get(url))
    send(owner, world, "alias_delete", alias)
    assert not MailAlias.objects.exists() and not settings_of(world, "domains/anna.example/aliases/info")


@pytest.mark.parametrize(
    ("name", "data", "field"),
    [
        ("mailbox_add", {"local_part": "../x", "password": PASSWORD, "quota_mb": 1, "sends_per_hour": 1}, "local_part"),
        ("mailbox_add", {"local_part": "kim", "password": PASSWORD, "quota_mb": 1, "sends_per_hour": 1}, "local_part"),
        ("mailbox_add", {"local_part": "lee", "password": "short", "quota_mb": 1, "sends_per_hour": 1}, "password"),
        ("mailbox_add", {"local_part": "lee", "password": PASSWORD, "quota_mb": -1, "sends_per_hour": 1}, "quota_mb"),
        ("alias_add", {"local_part": "info", "targets": "nobody"}, "targets"),
        ("alias_add", {"local_part": "info", "targets": "info@anna.example"}, "targets"),
        ("alias_add", {"local_part": "info", "targets": " ,\n"}, "targets"),
        ("mail_catch_all", {"catch_all": "nobody"}, "catch_all"),
    ],
)
def test_what_is_wrong_is_told_at_the_field(
    world: World, service: HostingService, owner: Client, name: str, data: dict[str, Any], field: str
) -> None:
    mail = with_mailbox(owner, world, service).mail
    before = Operation.objects.count()
    page = owner.post(reverse(f"portal:{name}", args=(mail.pk,)), {"approval": "at_once", **data})
    assert list(page.context["form"].errors) == [field], page.context["form"].errors
    assert Operation.objects.count() == before


def test_delivery_says_who_keeps_what(world: World, service: HostingService, owner: Client) -> None:
    """Ours, the customer's, missing: and how to have mail here or elsewhere."""
    domain = service.domains.get()
    send(owner, world, "mail_enable", domain)
    mail = MailDomain.objects.get()
    url = reverse("portal:mail_delivery", args=(mail.pk,))
    page = owner.get(url)
    assert {part.name: part.keeper for part in page.context["parts"]} == dict.fromkeys(
        ("mx", "spf", "dkim", "dmarc"), "kept"
    )
    assert "Mail is delivered here" in words(page) and "10 mail.anna.example." in words(page)
    DnsRecord.objects.create(domain=domain, name="@", type="TXT", content='"v=spf1 -all"')
    DnsRecord.objects.create(domain=domain, name="_dmarc", type="CNAME", content="dmarc.example.net.")
    page = owner.get(url)
    assert [part.keeper for part in page.context["parts"]] == ["kept", "own", "kept", "own"]
    assert "it must allow 192.0.2.1" in words(page)
    send(owner, world, "mail_deliver", mail, remote="elsewhere")
    page = owner.get(url)
    assert [part.keeper for part in page.context["parts"]] == ["missing", "own", "kept", "own"]
    assert "There is no MX record yet that names it" in words(page)
    assert "local: no" in settings_of(world, "domains/anna.example/domain")
    send(owner, world, "mail_deliver", mail, remote="here")
    DnsRecord.objects.create(domain=domain, name="@", type="MX", content="10 mx.example.net.")
    assert "Your own MX records lead to another server" in words(owner.get(url))
    assert "Delivered elsewhere" in words(owner.get(reverse("portal:mail")))
    DnsRecord.objects.all().delete()
    Domain.objects.update(has_zone=False)
    page = owner.get(url)
    assert {part.keeper for part in page.context["parts"]} == {"outside"}
    assert "Have this record set where it is" in words(page) and "_dmarc.anna.example TXT" in words(page)


def test_a_new_key_signs_while_the_old_stays_published(world: World, service: HostingService, owner: Client) -> None:
    send(owner, world, "mail_enable", service.domains.get())
    mail = MailDomain.objects.get()
    old = DkimKey.objects.get().selector
    send(owner, world, "mail_rotate", mail)
    new = DkimKey.objects.get(state="active").selector
    page = words(owner.get(reverse("portal:mail_delivery", args=(mail.pk,))))
    assert f"{new} Signs what is sent." in page and f"{old} Signs no more since" in page
    assert all(world.server.resolve(f"{name}._domainkey.anna.example", "TXT") for name in (old, new))


def test_dns_shows_what_is_kept_until_somebody_writes_their_own(
    world: World, service: HostingService, owner: Client
) -> None:
    domain = service.domains.get()
    url = reverse("portal:dns", args=(domain.pk,))
    assert "Kept by NPanel" not in words(owner.get(url))
    send(owner, world, "mail_enable", domain)
    page = owner.get(url)
    assert "Kept by NPanel for your email" in words(page) and "yours counts then" in words(page)
    assert {one.type for one in owner.get(f"{url}?type=MX").context["kept"]} == {"MX"}
    assert {one.name for one in owner.get(f"{url}?q=DMARC").context["kept"]} == {"_dmarc"}
    add = reverse("portal:record_add_kind", args=(domain.pk, "mx"))
    owner.post(add, {"name": "@", "target": "mx.example.net.", "priority": 5, "ttl": 3600, "approval": "at_once"})
    world.work()
    assert "MX" not in {one.type for one in owner.get(url).context["kept"]}
    assert world.server.resolve("anna.example", "MX") == {"5 mx.example.net."}
    assert "local: no" in settings_of(world, "domains/anna.example/domain")


def test_settings_for_a_mail_program(world: World, service: HostingService, owner: Client) -> None:
    mail = with_mailbox(owner, world, service).mail
    page = words(owner.get(reverse("portal:mail_programs", args=(mail.pk,))))
    assert "kim@anna.example" in page and "mail.anna.example" in page
    for protocol, port in (("IMAP", 993), ("POP3", 995), ("SMTP", 465), ("SMTP", 587)):
        assert f"{protocol} {port}" in page
    MailDomain.objects.update(remote=True)
    page = owner.get(reverse("portal:mail_programs", args=(mail.pk,)))
    assert page.context["server"] == str(service.node.facts["hostname"]), "no name of the domain leads here then"


@pytest.fixture
def anna(customer_interface: None) -> Account:
    return account()


def test_hundreds_of_mailboxes_are_paged_and_searched(anna: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "PAGE_SIZE", 100)
    made = (
        Mailbox(mail=anna.mail, local_part=f"person{number:03}", password_hash=rows.MAIL_HASH) for number in range(500)
    )
    Mailbox.objects.bulk_create(made)
    client, url = signed_in(anna.person()), reverse("portal:mail_domain", args=(anna.mail.pk,))
    seen, page = list[str](), client.get(url)
    while True:
        found = page.context["rows"]
        seen += [box.local_part for box in found.rows]
        if not found.after:
            break
        page = client.get(url, {"after": found.after})
    assert len(seen) == 501 and seen == sorted(seen)
    for part in ("person499", "PERSON499@second-anna.example"):
        found = client.get(url, {"q": part}).context["rows"]
        assert [box.local_part for box in found.rows] == ["person499"]
    assert "No mailbox matches." in words(client.get(url, {"q": "quark"}))
    assert "No address matches." in words(
        client.get(reverse("portal:mail_addresses", args=(anna.mail.pk,)), {"q": "x"})
    )


def test_a_viewer_sees_and_is_offered_nothing(anna: Account) -> None:
    client = signed_in(anna.person(MemberAccess.VIEWER))
    looks = {reverse(f"portal:{name}", args=(anna.mail.pk,)) for name in MAIL_LOOKS}
    boxes = reverse("portal:mailbox", args=(anna.mailbox.pk,))
    lists = {reverse(f"portal:{name}") for name in ("mail", "mail_waiting", "mail_search")}
    for url in (*looks, boxes, *lists):
        page = client.get(url)
        links = set(re.findall(r'href="(/portal/mail/[^"?]+)"', page.content.decode()))
        assert page.status_code == 200 and links <= looks | {boxes} | lists, url


def test_what_people_wrote_stays_text(anna: Account) -> None:
    evil = "<b>x</b><script>alert(1)</script>"
    Autoreply.objects.create(mailbox=anna.mailbox, subject=evil, body=evil)
    client = signed_in(anna.person())
    for name in ("mailbox", "mailbox_answer"):
        page = client.get(reverse(f"portal:{name}", args=(anna.mailbox.pk,))).content.decode()
        assert "&lt;b&gt;x" in page and "<b>x" not in page and "<script>alert" not in page


# --- the console -----------------------------------------------------------------------------------------------------


@pytest.fixture
def console(service: HostingService, world: World) -> Client:
    """An administrator's session."""
    client = signed_in(people.admin())
    people.prove(client)
    return client


def test_an_operator_does_it_all(world: World, service: HostingService, console: Client) -> None:
    """Every action of the console's three lists, each one operation of its kind."""

    def do(row: Any, action: str, **data: Any) -> None:
        before = Operation.objects.count()
        act(console, row, action, approval="at_once", reason="ticket 7", **data)
        world.work()
        assert Operation.objects.count() == before + 1, action
        assert newest().reason == "ticket 7"

    do(service.domains.get(), "enable-mail")
    mail = MailDomain.objects.get()
    do(mail, "add-mailbox", local_part="kim", password=PASSWORD, quota_mb=10, sends_per_hour=10)
    do(mail, "add-alias", local_part="info", targets="kim@anna.example")
    do(mail, "catch-all", catch_all="kim@anna.example")
    do(mail, "rotate-dkim")
    box, alias = Mailbox.objects.get(), MailAlias.objects.get()
    do(box, "edit", quota_mb=20, sends_per_hour=5)
    do(box, "forward", forward_to="lee@example.net", keep="on")
    do(box, "password", password=f"another {PASSWORD}")
    do(box, "answer", subject="Away", body="Back soon")
    do(box, "suspend")
    do(box, "resume")
    page = words(console.get(reverse("admin:hosting_mailbox_change", args=(box.pk,))))
    assert "20 MB" in page and "lee@example.net" in page and "Back soon" in page
    do(box, "answer", subject="", body="")
    assert not Autoreply.objects.exists()
    do(alias, "edit", targets="lee@example.net")
    page = words(console.get(reverse("admin:hosting_maildomain_change", args=(mail.pk,))))
    assert "Delivered here" in page and "kim@anna.example" in page and "MX" in page and "Kept by NPanel" in page
    do(alias, "remove")
    do(mail, "delivery", remote="elsewhere")
    do(box, "remove")
    do(mail, "remove")
    assert newest().kind == OperationKind.DISABLE_MAIL and newest().state == OperationState.PLANNED


def test_the_lists_find_addresses(console: Client, service: HostingService) -> None:
    mail = rows.mail(service.domains.get(), "kim", "lee")
    other = rows.mail(rows.domain(rows.service("berta", "berta.example"), "xn--bckerei-5wa.example"), "kim")
    boxes, aliases = "/admin/hosting/mailbox/", "/admin/hosting/mailalias/"
    assert words(console.get(boxes)).count("kim@") >= 2
    found = words(console.get(boxes, {"q": "kim@anna"}))
    assert "kim@anna.example" in found and "bäckerei" not in found
    found = words(console.get(boxes, {"q": "@xn--b"}))
    assert "kim@bäckerei.example" in found and "anna.example" not in found
    assert "lee@anna.example" in words(console.get(boxes, {"q": "lee"}))
    assert "info@anna.example" in words(console.get(aliases, {"mail": mail.pk}))
    assert "info@bäckerei.example" not in words(console.get(aliases, {"mail": mail.pk}))
    assert "lee@anna.example" in words(console.get(boxes, {"service": mail.service.pk}))
    assert "lee@" not in words(console.get(boxes, {"service": other.service.pk}))
    assert "anna.example" in words(console.get("/admin/hosting/maildomain/", {"q": "kim@anna.example"}))
    for line in ("mail:kim@anna", "kim@anna.example", "mail:info"):
        assert "@anna.example" in words(console.get("/admin/search/", {"q": line})), line
    page = words(console.get(reverse("admin:hosting_hostingservice_change", args=(service.pk,))))
    assert "Mail 2 of 10 mailboxes" in page and "anna.example 2" in page


def test_support_only_looks(service: HostingService, world: World) -> None:
    mail = rows.mail(service.domains.get())
    client, box = signed_in(people.support()), mail.mailboxes.get()
    for name, pk in (("maildomain", mail.pk), ("mailbox", box.pk), ("mailalias", mail.aliases.get().pk)):
        assert client.get(reverse(f"admin:hosting_{name}_changelist")).status_code == 200
        page = client.get(reverse(f"admin:hosting_{name}_change", args=(pk,)))
        assert page.status_code == 200 and "Actions" not in words(page)
        assert client.post(reverse(f"admin:hosting_{name}_remove", args=(pk,))).status_code == 403
    hashed = words(client.get(reverse("admin:hosting_mailbox_change", args=(box.pk,))))
    assert box.password_hash not in hashed and "PRIVATE" not in hashed
