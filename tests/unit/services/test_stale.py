"""What a page showed a while ago: a row that was deleted since is not brought back, a colleague's change not undone."""

from collections.abc import Callable

import pytest

from hosting.errors import HostingError
from hosting.models import Database, DatabaseUser, DnsRecord, Domain, HostingPlan, Operation
from hosting.services.databases import delete_database, delete_database_user, set_password
from hosting.services.dns import add_record, change_record, delete_record
from hosting.services.plans import change_plan, delete_plan
from tests.factories import make_domain, make_plan, make_service
from tests.people import operator
from tests.unit.services.world import snapshot

pytestmark = pytest.mark.django_db
ACTOR = operator()
PASSWORD = "correct horse battery staple"


@pytest.fixture
def domain() -> Domain:
    """A domain with a zone and a record."""
    zone = make_domain(make_service(username="alice"), "example.com")
    zone.records.create(name="www", type="A", content="192.0.2.1")
    return zone


@pytest.fixture
def account(domain: Domain) -> DatabaseUser:
    """A database's account."""
    Database.objects.create(service=domain.service, name="alice_shop")
    return DatabaseUser.objects.create(service=domain.service, name="alice_shop", password_hash="*" + "A" * 40)


def refused(action: Callable[[], object]) -> None:
    """The action is refused since what it is about is gone, and leaves nothing behind."""
    before = snapshot()
    with pytest.raises(HostingError) as refusal:
        action()
    assert refusal.value.code == "not_found" and refusal.value.hint
    assert snapshot() == before


def test_a_deleted_account_stays_deleted(account: DatabaseUser) -> None:
    DatabaseUser.objects.all().delete()
    refused(lambda: set_password(actor=ACTOR, user=account, password=PASSWORD))
    refused(lambda: delete_database_user(actor=ACTOR, user=account))


def test_a_deleted_database_is_not_deleted_again(account: DatabaseUser) -> None:
    database = Database.objects.get()
    Database.objects.all().delete()
    refused(lambda: delete_database(actor=ACTOR, database=database))


def test_a_deleted_record_stays_deleted(domain: Domain) -> None:
    record = DnsRecord.objects.get()
    DnsRecord.objects.all().delete()
    refused(lambda: change_record(actor=ACTOR, record=record, content="192.0.2.9"))
    refused(lambda: delete_record(actor=ACTOR, record=record))


def test_a_deleted_domain_takes_no_record(domain: Domain) -> None:
    record = DnsRecord.objects.get()
    stale = Domain.objects.get()
    stale.service  # noqa: B018 - read before it goes, as a page does
    Domain.objects.all().delete()
    refused(lambda: add_record(actor=ACTOR, domain=stale, name="a", type="A", content="192.0.2.9"))
    refused(lambda: change_record(actor=ACTOR, record=record, ttl=60))


def test_a_deleted_plan_stays_deleted() -> None:
    plan = make_plan(name="Gold")
    HostingPlan.objects.all().delete()
    refused(lambda: change_plan(actor=ACTOR, plan=plan, domains=5))
    refused(lambda: delete_plan(actor=ACTOR, plan=plan))


def test_a_colleagues_change_of_a_record_is_kept(domain: Domain) -> None:
    stale = DnsRecord.objects.get()
    change_record(actor=ACTOR, record=DnsRecord.objects.get(), content="192.0.2.9")
    change_record(actor=ACTOR, record=stale, ttl=60)
    record = DnsRecord.objects.get()
    assert (record.content, record.ttl) == ("192.0.2.9", 60)


def test_a_colleagues_change_of_a_plan_is_kept() -> None:
    stale = make_plan(domains=1, databases=1)
    change_plan(actor=ACTOR, plan=HostingPlan.objects.get(), domains=7)
    assert change_plan(actor=ACTOR, plan=stale, databases=8).domains == 7
    plan = HostingPlan.objects.get()
    assert (plan.domains, plan.databases) == (7, 8)


def test_a_zone_that_was_given_up_takes_no_record(domain: Domain) -> None:
    Domain.objects.filter(pk=domain.pk).update(has_zone=False)
    with pytest.raises(HostingError) as refusal:
        add_record(actor=ACTOR, domain=domain, name="a", type="A", content="192.0.2.9")
    assert refusal.value.code == "no_zone" and not Operation.objects.exists()


def test_another_password_leaves_what_else_was_changed(account: DatabaseUser) -> None:
    DatabaseUser.objects.filter(pk=account.pk).update(host="10.0.%")
    operation = set_password(actor=ACTOR, user=account, password=PASSWORD)
    assert operation.refs == ["database_user:alice_shop@10.0.%"]
    assert DatabaseUser.objects.get().host == "10.0.%"
