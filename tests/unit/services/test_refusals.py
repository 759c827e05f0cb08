"""What bad input gets: one clear error that names the field, and nothing changed."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction

from hosting.choices import NodeState, ServiceState
from hosting.errors import HostingError
from hosting.models import HostingService, Operation
from hosting.names import RESERVED_USERNAMES
from hosting.services.databases import create_database, create_database_user, set_password
from hosting.services.dns import add_record
from hosting.services.sites import (
    add_domain,
    apply_service,
    change_php,
    create_service,
    delete_service,
    remove_domain,
    resume_service,
    suspend_service,
)
from tests.factories import make_customer, make_domain, make_node, make_plan, make_service
from tests.people import operator
from tests.unit.services.world import snapshot

pytestmark = pytest.mark.django_db
ACTOR = operator()


def refused(code: str, call: Callable[..., Any], **arguments: Any) -> HostingError:
    """The call is refused with this code, and no row of any kind came or went."""
    before = snapshot(), list(HostingService.objects.order_by("pk").values())
    with pytest.raises(HostingError) as refusal:
        call(actor=ACTOR, **arguments)
    assert refusal.value.code == code, refusal.value.detail
    assert (snapshot(), list(HostingService.objects.order_by("pk").values())) == before
    assert refusal.value.detail.endswith(".") and refusal.value.hint != refusal.value.detail
    return refusal.value


def create(code: str, **changes: Any) -> HostingError:
    """Creating a service with these arguments is refused."""
    wish: dict[str, Any] = {"domain": "example.com", "username": "alice"}
    made = {"customer": make_customer, "node": make_node, "plan": make_plan}
    rows = {name: changes.pop(name) if name in changes else make() for name, make in made.items()}
    return refused(code, create_service, **rows, **wish | changes)


@pytest.mark.parametrize("state", [NodeState.NEW, NodeState.PAUSED])
def test_a_node_that_is_not_ready_takes_no_service(state: NodeState) -> None:
    node = make_node(name="web-1", state=state, note="the disk is full")
    error = create("node_not_ready", node=node)
    assert error.field == "node" and "web-1" in error.detail
    assert ("node_bootstrap web-1" if state == NodeState.NEW else "disk is full") in error.hint


@pytest.mark.parametrize("version", ["7.4", "8.2/../..", "newest", "8.2\n"])
def test_php_must_be_installed_there(version: str) -> None:
    error = create("php_not_installed", php_version=version)
    assert error.field == "php_version" and "8.2" in error.hint
    service = make_service()
    refused("php_not_installed", change_php, service=service, php_version=version)


def test_a_node_without_php_is_said_to_have_none() -> None:
    assert "none" in create("php_not_installed", node=make_node(facts={})).hint


@pytest.mark.parametrize("name", ["root", "ADMIN", " mysql ", "systemdx", *sorted(RESERVED_USERNAMES)[:5]])
def test_reserved_user_names_are_refused(name: str) -> None:
    if 2 <= len(name.strip()) <= 16:
        assert create("reserved_username", username=name).field == "username"


@pytest.mark.parametrize("name", ["a", "1alice", "al ice", "al-ice", "x" * 17, "alice\nroot", "   "])
def test_bad_user_names_are_refused(name: str) -> None:
    assert create("bad_username", username=name).field == "username"


@pytest.mark.parametrize("state", [state for state in ServiceState if state != ServiceState.TERMINATED])
def test_a_user_name_in_use_is_refused_whatever_becomes_of_its_service(state: ServiceState) -> None:
    make_service(username="alice", state=state)
    assert create("username_taken", username="Alice").field == "username"


@pytest.mark.parametrize("domain", ["com", "exam_ple.com", "example.com\nevil.com", "192.0.2.1", "💩.com"])
def test_bad_domains_are_refused(domain: str) -> None:
    assert create("bad_name", domain=domain).field == "domain"


def test_a_strangers_domain_is_refused_and_the_new_service_with_it() -> None:
    make_domain(make_service(), "example.com")
    assert create("domain_taken", domain="shop.example.com").field == "domain"


def test_a_plan_without_domains_takes_no_service() -> None:
    error = create("limit_reached", plan=make_plan(name="Mail only", domains=0))
    assert "Mail only" in error.detail and "0" in error.detail


def test_a_weak_password_for_the_first_database_refuses_the_whole_service() -> None:
    assert create("weak_password", database="shop", database_password="short").field == "password"


def test_limits_are_named_with_what_is_used() -> None:
    service = make_service(plan=make_plan(name="Small", domains=1, databases=1, database_users=1, dns_records=2))
    domain = make_domain(service, "example.com")
    create_database(actor=ACTOR, service=service, name="one")
    create_database_user(actor=ACTOR, service=service, name="one", password="correct horse battery")
    for number in range(2):
        add_record(actor=ACTOR, domain=domain, name=f"a{number}", type="A", content="192.0.2.1")
    for call, arguments in (
        (add_domain, {"service": service, "name": "example.org"}),
        (create_database, {"service": service, "name": "two"}),
        (create_database_user, {"service": service, "name": "two", "password": "correct horse battery"}),
        (add_record, {"domain": domain, "name": "b", "type": "A", "content": "192.0.2.1"}),
    ):
        error = refused("limit_reached", call, **arguments)
        assert "Small" in error.detail and "larger" in error.hint


def test_an_empty_limit_is_no_limit() -> None:
    service = make_service(plan=make_plan(databases=None))
    for number in range(12):
        create_database(actor=ACTOR, service=service, name=f"db{number}")
    assert service.databases.count() == 12


@pytest.mark.parametrize("state", [ServiceState.SOFT_DELETED, ServiceState.TERMINATED])
def test_what_is_gone_can_not_be_changed(state: ServiceState) -> None:
    service = make_service(state=state)
    domain = make_domain(service, "example.com")
    calls: list[tuple[Callable[..., Any], dict[str, Any]]] = [
        (suspend_service, {"service": service}),
        (resume_service, {"service": service}),
        (delete_service, {"service": service}),
        (change_php, {"service": service, "php_version": "8.2"}),
        (add_domain, {"service": service, "name": "example.org"}),
        (remove_domain, {"domain": domain}),
        (add_record, {"domain": domain, "name": "a", "type": "A", "content": "192.0.2.1"}),
        (create_database, {"service": service, "name": "one"}),
        (create_database_user, {"service": service, "name": "one", "password": "correct horse battery"}),
    ]
    for call, arguments in calls:
        error = refused("service_gone", call, **arguments)
        assert service.username in error.detail


@pytest.mark.parametrize("state", [s for s in ServiceState if s not in ("active", "soft_deleted", "terminated")])
def test_only_an_active_service_is_suspended(state: ServiceState) -> None:
    assert "not active" in refused("wrong_state", suspend_service, service=make_service(state=state)).detail


@pytest.mark.parametrize("state", [s for s in ServiceState if s not in ("suspended", "soft_deleted", "terminated")])
def test_only_a_suspended_service_is_resumed(state: ServiceState) -> None:
    assert "not suspended" in refused("wrong_state", resume_service, service=make_service(state=state)).detail


def test_a_caller_that_shows_the_refusal_and_commits_keeps_no_half_of_it() -> None:
    make_domain(make_service(), "example.com")
    customer, node, plan = make_customer(), make_node(), make_plan()
    before = snapshot()
    with transaction.atomic():
        with pytest.raises(HostingError):
            create_service(
                actor=ACTOR, customer=customer, node=node, plan=plan, domain="shop.example.com", username="alice"
            )
        assert snapshot() == before
    assert snapshot() == before


@pytest.mark.parametrize("password", ["", "tiny!", "elevenchars"])
def test_weak_database_passwords_are_refused(password: str) -> None:
    service = make_service()
    error = refused("weak_password", create_database_user, service=service, name="one", password=password)
    assert error.field == "password" and (not password or password not in error.detail)
    create_database_user(actor=ACTOR, service=service, name="one", password="correct horse battery")
    refused("weak_password", set_password, user=service.database_users.get(), password=password)


def test_only_a_service_that_is_wanted_is_applied() -> None:
    for state in ServiceState:
        service = make_service(state=state)
        if service.is_live:
            assert apply_service(actor=ACTOR, service=service).state == "pending"
        else:
            refused("service_gone", apply_service, service=service)
    assert Operation.objects.count() == len(ServiceState) - 2
