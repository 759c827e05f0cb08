"""Whose things are there for whom: a stranger's have never existed."""

import pytest

from accounts.choices import MemberAccess
from hosting.models import DnsRecord, Operation, Webhook
from tests import factories, people
from tests.unit.api.caller import Caller, code
from tests.unit.api.conftest import Tenant, make_tenant

LISTS = ("customers", "plans", "services", "domains", "records", "databases", "database-users", "operations")


def _addresses(tenant: Tenant) -> dict[str, str]:
    return {
        "customers": f"customers/{tenant.customer.pk}",
        "plans": f"plans/{tenant.service.plan_id}",
        "services": f"services/{tenant.service.pk}",
        "domains": f"domains/{tenant.domain.pk}",
        "records": f"records/{tenant.record.pk}",
        "databases": f"databases/{tenant.database.pk}",
        "database-users": f"database-users/{tenant.user.pk}",
        "operations": f"operations/{tenant.operation.pk}",
    }


@pytest.mark.parametrize("name", LISTS)
def test_lists_and_objects_are_ones_own(ours: Tenant, theirs: Tenant, name: str) -> None:
    caller, mine, foreign = ours.caller(MemberAccess.VIEWER), _addresses(ours)[name], _addresses(theirs)[name]
    assert [str(found) for found in caller.ids(name)] == [mine.rpartition("/")[2]]
    assert caller.get(mine).status_code == 200
    assert code(caller.get(foreign)) == (404, "not_found")


def test_writes_on_a_strangers_things_find_nothing(ours: Tenant, theirs: Tenant) -> None:
    caller = ours.caller()
    before = Operation.objects.count()
    for method, path, data in (
        ("POST", f"services/{theirs.service.pk}/apply", {}),
        ("POST", f"services/{theirs.service.pk}/php", {"php_version": "8.2"}),
        ("DELETE", f"domains/{theirs.domain.pk}", None),
        ("PATCH", f"records/{theirs.record.pk}", {"content": "192.0.2.9"}),
        ("DELETE", f"records/{theirs.record.pk}", None),
        ("DELETE", f"databases/{theirs.database.pk}", None),
        ("POST", f"database-users/{theirs.user.pk}/password", {"password": "long enough for it"}),
        ("POST", f"operations/{theirs.operation.pk}/cancel", {}),
        ("POST", f"operations/{theirs.operation.pk}/approve", {"digest": "x"}),
    ):
        assert code(caller.ask(method, path, data)) == (404, "not_found"), path
    assert Operation.objects.count() == before


@pytest.mark.parametrize(
    ("path", "field"),
    [("domains", "service"), ("databases", "service"), ("database-users", "service"), ("records", "domain")],
)
def test_a_strangers_thing_in_a_body_does_not_exist(ours: Tenant, theirs: Tenant, path: str, field: str) -> None:
    data = {"name": "x", "type": "A", "content": "192.0.2.1", "password": "long enough for it"}
    data[field] = getattr(theirs, field).pk
    answer = ours.caller().post(path, data)
    assert code(answer) == (422, "invalid")
    assert {"field": field, "code": "does_not_exist"}.items() <= answer.json()["errors"][0].items()


def test_a_database_user_gets_no_strangers_database(ours: Tenant, theirs: Tenant) -> None:
    data = {
        "service": ours.service.pk,
        "name": "x",
        "password": "long enough for it",
        "databases": [theirs.database.pk],
    }
    assert code(ours.caller().post("database-users", data)) == (422, "invalid")


def test_nodes_and_drift_are_not_there_for_customers(ours: Tenant) -> None:
    caller = ours.caller()
    assert caller.ids("nodes") == caller.ids("drift") == caller.ids("resellers") == []
    assert code(caller.get(f"nodes/{ours.service.node_id}")) == (404, "not_found")
    answer = caller.post("nodes", {"name": "mine", "address": "192.0.2.3"})
    assert code(answer) == (403, "forbidden")


def test_a_reseller_sees_and_makes_what_is_theirs(customer_interface: None, db: None) -> None:
    reseller, other = factories.make_reseller(), factories.make_reseller()
    mine, foreign = make_tenant("mine", reseller=reseller), make_tenant("foreign", reseller=other)
    caller = Caller(people.reseller(reseller))
    assert caller.ids("customers") == [mine.customer.pk]
    assert caller.ids("resellers") == [reseller.pk]
    assert code(caller.get(f"services/{foreign.service.pk}")) == (404, "not_found")
    made = caller.post("customers", {"name": "New"})
    assert made.json()["reseller"] == reseller.pk
    assert made["Location"] == f"/api/v1/customers/{made.json()['id']}"
    plan = caller.post("plans", {"name": "Own", "databases": None}).json()
    assert (plan["reseller"], plan["databases"], plan["domains"]) == (reseller.pk, None, 1)
    assert caller.post(f"services/{mine.service.pk}/suspend").status_code == 202


def test_what_was_done_in_the_account_operators_included(ours: Tenant, theirs: Tenant) -> None:
    from hosting.services.sites import apply_service

    apply_service(actor=people.operator(), service=ours.service, reason="on the phone")
    apply_service(actor=people.operator(), service=theirs.service, reason="not yours")
    (event,) = ours.caller().get("activity").json()["results"]
    assert (event["actor_login"], event["reason"]) == ("admin@panel.test", "on the phone")
    assert event["ip"] is event["before"] is event["after"] is None


def test_operators_see_all_with_addresses(admin: Caller) -> None:
    admin.post("customers", {"name": "New"})
    event = admin.get("activity?verb=customer.create").json()["results"][0]
    assert event["ip"] == "127.0.0.1"
    assert event["after"]["name"] == "New"


def test_notes_are_not_for_the_customer(customer_interface: None, db: None) -> None:
    tenant = make_tenant("noted", notes="pays late", reseller=factories.make_reseller())
    assert tenant.caller().get(f"customers/{tenant.customer.pk}").json()["notes"] == ""
    seller = Caller(people.reseller(tenant.customer.reseller))  # type: ignore[arg-type]
    assert seller.get(f"customers/{tenant.customer.pk}").json()["notes"] == "pays late"


def test_webhooks_are_ones_own(ours: Tenant, theirs: Tenant) -> None:
    def hook(**owner: object) -> Webhook:
        return Webhook.objects.create(url="https://x.test", events=["operation.finished"], secret_sealed="x", **owner)

    mine, foreign, operators = hook(customer=ours.customer), hook(customer=theirs.customer), hook()
    caller = ours.caller()
    assert caller.ids("webhooks") == [str(mine.pk)]
    for other in (foreign, operators):
        assert code(caller.patch(f"webhooks/{other.pk}", {"is_active": False})) == (404, "not_found")
    assert code(ours.caller(MemberAccess.MANAGER).delete(f"webhooks/{mine.pk}")) == (403, "forbidden")
    data = {"url": "https://x.test", "events": ["operation.finished"]}
    assert code(caller.post("webhooks", data)) == (403, "forbidden")
    assert code(caller.post("webhooks", data | {"customer": theirs.customer.pk})) == (422, "invalid")
    assert caller.post("webhooks", data | {"customer": ours.customer.pk}).status_code == 201


def test_a_record_of_ones_own_is_changed(ours: Tenant) -> None:
    answer = ours.caller(MemberAccess.MANAGER).patch(f"records/{ours.record.pk}", {"content": "192.0.2.8"})
    assert answer.status_code == 202, answer.content
    assert DnsRecord.objects.get(pk=ours.record.pk).content == "192.0.2.8"
    assert answer["Location"] == f"/api/v1/operations/{answer.json()['id']}"
