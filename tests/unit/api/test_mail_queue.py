"""Waiting mail over the API: an operator's whole queue, a customer's own messages, a stranger's not there."""

import pytest

from accounts.choices import MemberAccess
from hosting.models import MailQueue, Operation, QueuedMessage
from tests.unit.api.caller import Caller, code
from tests.unit.api.conftest import Tenant
from tests.web import rows

pytestmark = pytest.mark.django_db


def test_an_operator_holds_releases_and_deletes(admin: Caller) -> None:
    row = rows.queued_message(rows.service("anna", "anna.example"))
    shown = admin.get(f"queued-messages/{row.pk}").json()
    assert (shown["recipients"], shown["held"], shown["recipient_count"]) == (
        ["bob@far.test", "sue@far.test"],
        False,
        2,
    )
    for act, kind in (("hold", "message_hold"), ("release", "message_release")):
        answer = admin.post(f"queued-messages/{row.pk}/{act}", {"reason": "a look"})
        assert (answer.status_code, answer.json()["kind"]) == (202, kind)
    gone = admin.delete(f"queued-messages/{row.pk}")
    assert (gone.status_code, gone.json()["kind"]) == (202, "message_delete")
    assert Operation.objects.get(kind="message_delete").needs_approval
    assert admin.post(f"queued-messages/{row.pk}/retry").status_code == 204
    row.refresh_from_db()
    assert row.retry_asked_at is not None


def test_an_operator_clears_a_sender(admin: Caller) -> None:
    row = rows.queued_message(rows.service("anna", "anna.example"))
    queue = MailQueue.objects.get()
    assert admin.get("mail-queues").json()["results"][0]["total"] == 1
    assert code(admin.post(f"mail-queues/{queue.pk}/clear", {"sender": "x@y.test"})) == (422, "nothing_chosen")
    answer = admin.post(f"mail-queues/{queue.pk}/clear", {"sender": row.sender, "reason": "spam"})
    assert answer.status_code == 202
    assert Operation.objects.get().refs == [f"queued_message:{row.message_id}"]
    assert admin.ids(f"queued-messages?sender={row.sender}") == [row.pk]
    assert admin.ids("queued-messages?message_id=none") == []


def test_customers_see_and_retry_their_own(ours: Tenant, theirs: Tenant) -> None:
    mine, foreign = rows.queued_message(ours.service), rows.queued_message(theirs.service)
    nobodys = rows.queued_message(ours.service)
    QueuedMessage.objects.filter(pk=nobodys.pk).update(service=None)
    caller = ours.caller()
    assert caller.ids("queued-messages") == [mine.pk] and caller.ids("mail-queues") == []
    assert caller.post(f"queued-messages/{mine.pk}/retry").status_code == 204
    for act in ("hold", "release"):
        assert code(caller.post(f"queued-messages/{mine.pk}/{act}")) == (403, "forbidden")
    assert code(caller.delete(f"queued-messages/{mine.pk}")) == (403, "forbidden")
    for row in (foreign, nobodys):
        assert code(caller.post(f"queued-messages/{row.pk}/retry")) == (404, "not_found")
    viewer = ours.caller(MemberAccess.VIEWER)
    assert code(viewer.post(f"queued-messages/{mine.pk}/retry")) == (403, "forbidden")
    assert not Operation.objects.filter(kind__startswith="message_").exists()


def test_a_held_message_is_not_tried(ours: Tenant) -> None:
    row = rows.queued_message(ours.service, held=True)
    assert code(ours.caller().post(f"queued-messages/{row.pk}/retry")) == (409, "message_held")
