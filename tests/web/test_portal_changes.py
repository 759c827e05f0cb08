"""Changes in the portal: form, plan, approval, outcome, undo; and what is said when something is wrong."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.choices import MemberAccess
from hosting.choices import OperationKind, OperationState, Phase
from hosting.models import Database, DatabaseUser, DnsRecord, Domain, HostingService, Operation
from tests import factories, people
from tests.unit.services.world import World
from tests.web import rows
from tests.web.pages import words
from tests.web.portal import account, signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("customer_interface")]


@pytest.fixture
def service(world: World) -> HostingService:
    """A service that is really hosted, of a customer of its own."""
    return world.host("anna.example", customer=factories.make_customer(name="Anna"))


@pytest.fixture
def owner(service: HostingService) -> Client:
    """Its owner's session."""
    return signed_in(people.member(service.customer))


def press(client: Client, name: str, operation: Operation, **data: Any) -> Any:
    """Press a button of an operation's page."""
    return client.post(reverse(f"portal:operation_{name}", args=(operation.pk,)), data, follow=True)


def newest() -> Operation:
    """The operation that was asked for last."""
    return Operation.objects.order_by("-created_at")[0]


def test_a_domain_from_form_to_undo(world: World, service: HostingService, owner: Client) -> None:
    """Name, look, plan in words, apply, outcome, undo: and visitors get what each step says."""
    step = owner.post(reverse("portal:domain_add"), {"name": "Blög.Example.", "www": "on", "php": "on"})
    assert step.url == reverse("portal:domain_check") + f"?name=xn--blg-tna.example&www=on&php=on&service={service.pk}"
    assert "blög.example" in words(owner.get(step.url))
    planned = owner.post(step.url, {"name": "xn--blg-tna.example", "www": "on", "php": "on"}, follow=True)
    assert "Finding out what has to be done" in words(planned)
    world.work()
    page = words(owner.get(planned.request["PATH_INFO"]))
    assert "Shows your site to visitors of blög.example." in page and "This can be undone." in page
    assert world.status("xn--blg-tna.example") == 0
    press(owner, "approve", newest(), digest=newest().plan_digest)
    world.work()
    done = words(owner.get(planned.request["PATH_INFO"]))
    assert "Done. It was tried out as a visitor would, and it works." in done
    assert world.status("xn--blg-tna.example") == 200
    undo = press(owner, "undo", newest())
    assert "Undo: Add blög.example" in words(undo) and newest().kind == OperationKind.ROLLBACK
    world.work()
    press(owner, "approve", newest(), digest=newest().plan_digest)
    world.work()
    assert (
        world.status("xn--blg-tna.example") == 0 and not Domain.objects.filter(name_key="xn--blg-tna.example").exists()
    )


def test_a_bad_name_is_told_at_the_field(service: HostingService, owner: Client) -> None:
    """What was typed stays; nothing is added. A name that is taken is told in the second step."""
    page = owner.post(reverse("portal:domain_add"), {"name": "no name", "php": "on"})
    assert "is not a host name" in words(page) and 'value="no name"' in page.content.decode()
    taken = owner.post(reverse("portal:domain_check"), {"name": "anna.example", "www": "on"})
    assert "already hosted here" in words(taken) and 'value="anna.example"' in taken.content.decode()
    assert Domain.objects.count() == 1


def test_a_record_at_once(world: World, service: HostingService, owner: Client) -> None:
    """A small change may be applied without a look at the plan."""
    domain = service.domains.get()
    url = reverse("portal:record_add_kind", args=(domain.pk, "mx"))
    data = {"name": "@", "target": "mail.hoster.example.", "priority": 10, "ttl": 3600, "approval": "at_once"}
    owner.post(url, data)
    world.work()
    assert newest().state == OperationState.SUCCEEDED
    assert DnsRecord.objects.get(type="MX").content == "10 mail.hoster.example."


@pytest.mark.parametrize(
    ("kind", "typed", "content"),
    [
        ("a", {"name": "x", "target": "192.0.2.7"}, "192.0.2.7"),
        ("aaaa", {"name": "x", "target": "2001:db8::7"}, "2001:db8::7"),
        ("cname", {"name": "x", "target": "y.example."}, "y.example."),
        ("mx", {"name": "@", "target": "mail.y.example.", "priority": 5}, "5 mail.y.example."),
        ("txt", {"name": "@", "text": 'v=spf1 include:"odd" -all'}, '"v=spf1 include:\\"odd\\" -all"'),
        (
            "srv",
            {"name": "_sip._tcp", "target": "sip.y.example.", "priority": 1, "weight": 2, "port": 5060},
            "1 2 5060 sip.y.example.",
        ),
        ("caa", {"name": "@", "tag": "issue", "value": "letsencrypt.org"}, '0 issue "letsencrypt.org"'),
        ("tlsa", {"name": "_443._tcp", "content": "3 1 1 " + "ab" * 32}, "3 1 1 " + "ab" * 32),
    ],
)
def test_fields_make_a_record_and_a_record_fills_the_fields(kind: str, typed: Any, content: str) -> None:
    """What is typed in fields is kept in presentation form; opened again, sent unchanged, it stays the same."""
    own = account(node=rows.node("web-1"))
    client = signed_in(own.person())
    url = reverse("portal:record_add_kind", args=(own.second.pk, kind))
    assert client.post(url, {**typed, "ttl": 300}).status_code == 302
    record = own.second.records.get(ttl=300)
    assert (record.type, record.content) == (kind.upper(), content)
    change = reverse("portal:record_change", args=(record.pk,))
    form = client.get(change).context["form"]
    filled = {name: form[name].value() for name in form.fields}
    assert client.post(change, {**filled, "ttl": 86400}).status_code == 302
    record.refresh_from_db()
    assert (record.content, record.ttl) == (content, 86400)


@pytest.mark.parametrize(
    ("kind", "typed", "field", "said"),
    [
        ("a", {"name": "x", "target": "300.1.1.1", "ttl": 300}, "target", "not valid"),
        ("a", {"name": "@", "target": "192.0.2.9", "ttl": 300}, "ttl", "different TTLs"),
        ("cname", {"name": "@", "target": "y.example.", "ttl": 300}, "name", "cannot have"),
        ("cname", {"name": "www", "target": "y.example.", "ttl": 300}, "name", "cannot have"),
        ("mx", {"name": "@", "target": "192.0.2.1", "priority": 1, "ttl": 300}, "target", "address"),
        ("a", {"name": "b ad", "target": "192.0.2.9", "ttl": 3600}, "name", "lower-case"),
    ],
)
def test_what_is_wrong_is_told_at_the_field(kind: str, typed: Any, field: str, said: str) -> None:
    """Rules of the whole zone too; what was typed stays and nothing is saved."""
    own = account(node=rows.node("web-1"))
    before = DnsRecord.objects.count()
    url = reverse("portal:record_add_kind", args=(own.domain.pk, kind))
    page = signed_in(own.person()).post(url, typed)
    form = page.context["form"]
    assert page.status_code == 200 and said in " ".join(form.errors[field]), form.errors
    assert {name: form[name].value() for name in typed} == {name: typed[name] if isinstance(typed[name], str) else
                                                           str(typed[name]) for name in typed}  # fmt: skip
    assert DnsRecord.objects.count() == before


def test_a_database_with_its_password_shown_once(world: World, service: HostingService, owner: Client) -> None:
    """The password is in the form alone; afterwards only its hash is anywhere."""
    url = reverse("portal:database_add")
    password = owner.get(url).context["form"]["password"].value()
    assert len(password) == 24
    answer = owner.post(url, {"name": "shop", "password": password, "approval": "at_once"}, follow=True)
    assert password not in answer.content.decode()
    world.work()
    assert newest().state == OperationState.SUCCEEDED
    assert password not in owner.get(reverse("portal:databases")).content.decode()
    assert Database.objects.get().name == "anna_shop"


def test_deleting_asks_for_the_name(world: World, service: HostingService, owner: Client) -> None:
    """A slip deletes nothing; the name typed leads to a plan, and the plan waits."""
    owner.post(reverse("portal:database_add"), {"name": "shop", "password": "p" * 24, "approval": "at_once"})
    world.work()
    url = reverse("portal:database_delete", args=(Database.objects.get().pk,))
    assert "This is not the name" in words(owner.post(url, {"typed": "shop"}))
    assert Database.objects.exists()
    owner.post(url, {"typed": "anna_shop", "approval": "at_once"})
    world.work()
    assert newest().state == OperationState.PLANNED
    cancelled = press(owner, "cancel", newest())
    assert "Nothing was changed" in words(cancelled)
    world.work()
    assert Database.objects.get().name == "anna_shop"
    assert DatabaseUser.objects.exists()


def test_two_tabs_do_not_fight(world: World, service: HostingService, owner: Client) -> None:
    """An old tab's Apply does not apply a plan that it never showed; pressing twice changes nothing more."""
    owner.post(reverse("portal:service_php", args=(service.pk,)), {"php_version": "8.2"})
    world.work()
    operation = newest()
    stale = press(owner, "approve", operation, digest="0" * 64)
    assert "The plan is not the one you saw" in words(stale) and newest().state == OperationState.PLANNED
    press(owner, "approve", operation, digest=operation.plan_digest)
    again = press(owner, "approve", operation, digest=operation.plan_digest)
    assert "can&#x27;t be approved" in again.content.decode()
    world.work()
    service.refresh_from_db()
    assert (service.php_version, Operation.objects.filter(kind=OperationKind.CHANGE_PHP).count()) == ("8.2", 1)


def test_a_viewer_sees_the_plan_without_buttons(world: World, service: HostingService, owner: Client) -> None:
    """Whoever only looks sees what is planned, and can't send it on its way by hand either."""
    owner.post(reverse("portal:service_php", args=(service.pk,)), {"php_version": "8.2"})
    world.work()
    viewer = signed_in(people.member(service.customer, MemberAccess.VIEWER))
    page = viewer.get(reverse("portal:operation", args=(newest().pk,)))
    assert "Switches from PHP 8.4 to PHP 8.2." in words(page) and "Somebody with more access" in words(page)
    assert press(viewer, "approve", newest(), digest=newest().plan_digest).status_code == 403
    assert newest().state == OperationState.PLANNED


def test_a_failure_says_what_to_do(service: HostingService, owner: Client) -> None:
    """What happened, that nothing was lost, what to do, the number to quote; not what a server said to operators."""
    error = {
        "code": "configuration_invalid",
        "detail": "nginx: [emerg] /etc/nginx/x.conf:14",
        "hint": "Run manage.py x",
    }
    operation = rows.operation(service, state=OperationState.ROLLED_BACK, begun=2, error=error)
    page = words(owner.get(reverse("portal:operation", args=(operation.pk,))))
    assert "The web server did not accept the new settings. Everything was put back" in page
    assert "nothing was lost" in page and operation.trace_id in page
    assert "manage.py" not in page
    assert "[emerg]" not in page


def test_the_live_part(service: HostingService, owner: Client) -> None:
    """It says 204 until something changed; then what is new; and it stops asking at the end."""
    operation = rows.operation(service, state=OperationState.RUNNING, phase=Phase.APPLYING, begun=1)
    url = reverse("portal:operation_live", args=(operation.pk,))
    first = owner.get(url)
    version = first.context["version"]
    assert first.status_code == 200 and b"every 1s" in first.content
    assert owner.get(url, {"version": version}).status_code == 204
    Operation.objects.filter(pk=operation.pk).update(state=OperationState.SUCCEEDED, phase=Phase.DONE)
    last = owner.get(url, {"version": version})
    assert last.status_code == 200 and b"every 1s" not in last.content


def test_without_scripts_the_page_looks_again(service: HostingService, owner: Client) -> None:
    """A refresh for those without scripts while it runs; none once there is something to decide or to read."""
    operation = rows.operation(service, state=OperationState.RUNNING, phase=Phase.APPLYING, begun=1)
    url = reverse("portal:operation", args=(operation.pk,))
    assert b'<noscript><meta http-equiv="refresh"' in owner.get(url).content
    Operation.objects.filter(pk=operation.pk).update(state=OperationState.PLANNED)
    assert b"http-equiv" not in owner.get(url).content
