"""An event says who did what, commits with the facts or not at all, and holds no secret."""

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth.decorators import login_not_required
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path

from audit.actor import Actor
from audit.choices import ActorType, Outcome
from audit.errors import AuditWriteFailed, UnknownVerb
from audit.models import Event
from audit.record import Target, record
from audit.verbs import get_verb, register_verb
from observability import context
from observability.metrics import audit_events

from .conftest import ALICE, SITE, TESTED


@login_not_required
def change_something(request: HttpRequest) -> HttpResponse:
    """A door that makes a fact and its event in one transaction."""
    with transaction.atomic():
        ContentType.objects.create(app_label="audit_test", model="fact")
        record(verb=TESTED, actor=ALICE, target=SITE, outcome=Outcome.REQUESTED)
    return HttpResponse("done")


urlpatterns = [path("change", change_something)]


def facts() -> int:
    """How many facts the door has made."""
    return ContentType.objects.filter(app_label="audit_test").count()


def test_everything_is_copied(happen: Callable[..., Event], settings: Any) -> None:
    settings.NPANEL_VERSION = "1.2.3"
    operation_id = uuid.uuid4()
    actor = Actor(
        type=ActorType.USER, id="9", login="mallory", role="CUSTOMER", interface="customer", ip="2001:db8::1",
        session_digest="ab" * 32, impersonator_id="7", impersonator_login="alice",
    )  # fmt: skip
    with context.bind_trace(correlation_id="migration-0001", request_id=context.new_request_id()) as trace:
        event = happen(actor=actor, reason="asked by phone", operation_id=operation_id, node="n1")
    stored = Event.objects.get(uid=event.uid)
    assert (stored.actor_login, stored.actor_role, stored.impersonator_login) == ("mallory", "CUSTOMER", "alice")
    assert (stored.target_type, stored.target_id, stored.target_label) == ("hosting.service", "42", "example.test")
    assert (stored.trace_id, stored.correlation_id) == (trace.trace_id, "migration-0001")
    assert (stored.request_id, stored.operation_id) == (trace.request_id, str(operation_id))
    assert (stored.verb, stored.outcome, stored.node) == ("audit_test.happened", "succeeded", "n1")
    assert (stored.reason, stored.version) == ("asked by phone", "1.2.3")
    assert stored.occurred_at.microsecond % 1000 == 0


def test_a_rolled_back_transaction_leaves_nothing(happen: Callable[..., Event]) -> None:
    before = audit_events.labels(outcome="succeeded")._value.get()
    with pytest.raises(RuntimeError), transaction.atomic():
        happen()
        raise RuntimeError("the use case failed")
    assert Event.objects.count() == 0
    assert audit_events.labels(outcome="succeeded")._value.get() == before


def test_a_committed_event_is_counted(transactional_db: None, happen: Callable[..., Event]) -> None:
    before = audit_events.labels(outcome="succeeded")._value.get()
    happen()
    assert audit_events.labels(outcome="succeeded")._value.get() == before + 1


def test_deleting_what_it_is_about_changes_no_event(happen: Callable[..., Event]) -> None:
    thing = ContentType.objects.create(app_label="audit_test", model="thing")
    event = happen(target=thing)
    thing.delete()
    stored = Event.objects.get(uid=event.uid)
    assert (stored.target_type, stored.target_label) == ("contenttypes.contenttype", event.target_label)
    assert stored.target_label


@dataclass(frozen=True)
class DatabaseUser:
    """Like a resource of hosting.state."""

    name: str
    password_hash: str


def test_secrets_are_redacted(happen: Callable[..., Event]) -> None:
    secret = f"s3cret{uuid.uuid4().hex}"
    hashed = "*" + uuid.uuid4().hex.upper() + "ABCDEF01"
    event = happen(
        reason=f"set password={secret} by phone",
        before={"user": DatabaseUser("shop", hashed), "sql": f"CREATE USER shop IDENTIFIED BY '{secret}'"},
        after={"password": secret, "list": [{"api_token": secret}], "config": f"mysql://shop:{secret}@db/shop"},
    )
    stored = Event.objects.get(uid=event.uid)
    everything = json.dumps([stored.before, stored.after, stored.reason])
    assert secret not in everything
    assert hashed not in everything
    assert stored.after["password"] == "[REDACTED]"
    assert stored.before["user"]["name"] == "shop"


def test_a_huge_state_leaves_its_digest(happen: Callable[..., Event]) -> None:
    event = happen(after={str(number): "x" * 1000 for number in range(500)})
    stored = Event.objects.get(uid=event.uid)
    assert stored.after["too_large"] is True
    assert len(stored.after["sha256"]) == 64


def test_a_long_name_is_shortened_visibly_but_an_id_never(happen: Callable[..., Event]) -> None:
    event = happen(target=Target("hosting.service", "1", "x" * 400))
    assert Event.objects.get(uid=event.uid).target_label.endswith("x…")
    with pytest.raises(ValueError, match="target_id is longer"):
        happen(target=Target("hosting.service", "1" * 65))


def test_an_unknown_verb_or_outcome_is_refused(happen: Callable[..., Event]) -> None:
    with pytest.raises(UnknownVerb):
        happen(verb="nobody.registered")
    with pytest.raises(ValueError, match="sideways"):
        happen(outcome="sideways")
    assert Event.objects.count() == 0


def test_verbs_are_registered_once() -> None:
    assert register_verb("audit_test.happened", "A test happened") is get_verb("audit_test.happened")
    with pytest.raises(ValueError, match="already registered"):
        register_verb("audit_test.happened", "Something else")
    with pytest.raises(ValueError, match="dotted"):
        register_verb("Happened!", "no")


@pytest.mark.urls(__name__)
def test_a_change_without_audit_is_rolled_back_with_503(
    transactional_db: None, client: Client, broken_audit_table: Callable[[], Any]
) -> None:
    with broken_audit_table():
        for_people = client.get("/change", headers={"accept": "text/html"})
        for_programs = client.get("/change", headers={"accept": "application/json"})
    assert (for_people.status_code, for_programs.status_code) == (503, 503)
    assert "Try again" in for_people.content.decode()
    assert for_programs["Content-Type"] == "application/problem+json"
    assert for_programs.json()["code"] == "audit_unavailable"
    assert for_programs["Retry-After"]
    assert (facts(), Event.objects.count()) == (0, 0)
    assert client.get("/change").status_code == 200
    assert (facts(), Event.objects.count()) == (1, 1)


def test_a_write_failure_condemns_the_transaction(
    transactional_db: None, happen: Callable[..., Event], broken_audit_table: Callable[[], Any]
) -> None:
    with broken_audit_table(), pytest.raises(AuditWriteFailed), transaction.atomic():
        ContentType.objects.create(app_label="audit_test", model="fact")
        happen()
    assert facts() == 0
