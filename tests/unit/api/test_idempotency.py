"""A request that is sent twice does its work once."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import Customer
from hosting.models import ApiIdempotencyKey, Operation, Webhook, WebhookDelivery
from hosting.operations.webhook_sender import forget_old
from tests import factories, people
from tests.unit.api.caller import Caller, code

NEW = {"name": "Once"}


def test_the_same_answer_again(admin: Caller) -> None:
    first = admin.post("customers", NEW, Idempotency_Key="a")
    second = admin.post("customers", NEW, Idempotency_Key="a")
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert first["Location"] == second["Location"]
    assert (first.get("Idempotency-Replayed"), second["Idempotency-Replayed"]) == (None, "true")
    assert Customer.objects.count() == 1


def test_an_operation_is_asked_for_once(admin: Caller) -> None:
    service = factories.make_service()
    answers = [admin.post(f"services/{service.pk}/apply", Idempotency_Key="op").json() for _ in range(2)]
    assert answers[0]["id"] == answers[1]["id"]
    assert Operation.objects.count() == 1


def test_answers_with_ids_of_every_kind_are_kept(admin: Caller) -> None:
    hook = Webhook.objects.create(url="https://x.test", events=["operation.finished"], secret_sealed="x")
    delivery = WebhookDelivery.objects.create(webhook=hook, event="e", payload={}, next_at=timezone.now())
    path = f"webhook-deliveries/{delivery.pk}/resend"
    answers = [admin.post(path, Idempotency_Key="d").json() for _ in range(2)]
    assert answers[0] == answers[1]
    assert answers[0]["id"] == str(delivery.pk)


def test_another_request_under_the_same_key(admin: Caller) -> None:
    service = factories.make_service()
    admin.post("customers", NEW, Idempotency_Key="a")
    for path, data in (("customers", {"name": "Other"}), ("plans", NEW), (f"services/{service.pk}/apply", NEW)):
        answer = admin.post(path, data, Idempotency_Key="a")
        assert code(answer) == (422, "idempotency_key_reused"), path
    assert Customer.objects.filter(name="Other").count() == 0


def test_keys_are_each_persons_own(admin: Caller, db: None) -> None:
    admin.post("customers", NEW, Idempotency_Key="a")
    other = people.stranger()
    other.role = "admin"
    other.save()
    assert Caller(other).post("customers", {"name": "Theirs"}, Idempotency_Key="a").status_code == 201


def test_a_refusal_is_not_kept(admin: Caller) -> None:
    taken = factories.make_customer(name="Once")
    assert code(admin.post("customers", NEW, Idempotency_Key="a")) == (422, "invalid")
    assert not ApiIdempotencyKey.objects.exists()
    taken.delete()
    assert admin.post("customers", NEW, Idempotency_Key="a").status_code == 201


@pytest.mark.parametrize("key", ["", " ", "x" * 201, "a b"])
def test_keys_that_are_none(admin: Caller, key: str) -> None:
    assert code(admin.post("customers", NEW, Idempotency_Key=key)) == (400, "bad_idempotency_key")


def test_while_the_first_one_is_carried_out(admin: Caller) -> None:
    admin.post("customers", NEW, Idempotency_Key="a")
    ApiIdempotencyKey.objects.update(status=None)
    answer = admin.post("customers", NEW, Idempotency_Key="a")
    assert code(answer) == (409, "request_in_progress")
    assert answer["Retry-After"] == "1"


def test_what_a_dead_process_left_is_taken_over(admin: Caller) -> None:
    admin.post("customers", NEW, Idempotency_Key="a")
    Customer.objects.all().delete()
    ApiIdempotencyKey.objects.update(status=None, claimed_at=timezone.now() - timedelta(minutes=2))
    assert admin.post("customers", NEW, Idempotency_Key="a").status_code == 201
    assert Customer.objects.count() == 1


def test_a_day_later_the_key_is_free(admin: Caller) -> None:
    admin.post("customers", NEW, Idempotency_Key="a")
    ApiIdempotencyKey.objects.update(created_at=timezone.now() - timedelta(hours=25))
    assert admin.post("customers", {"name": "Later"}, Idempotency_Key="a").status_code == 201
    ApiIdempotencyKey.objects.update(created_at=timezone.now() - timedelta(hours=25))
    forget_old()
    assert not ApiIdempotencyKey.objects.exists()


def test_secrets_are_not_kept(admin: Caller) -> None:
    data = {"url": "https://hooks.test/x", "events": ["operation.finished"]}
    first = admin.post("webhooks", data, Idempotency_Key="a").json()
    second = admin.post("webhooks", data, Idempotency_Key="a").json()
    assert first["secret"].startswith("whsec_")
    assert second == first | {"secret": None}
    service = factories.make_service()
    password = "a password of their own"
    user = {"service": service.pk, "name": "x", "password": password}
    assert admin.post("database-users", user, Idempotency_Key="b").status_code == 202
    kept = str(list(ApiIdempotencyKey.objects.values()))
    assert first["secret"] not in kept
    assert password not in kept


@pytest.mark.django_db(transaction=True)
def test_many_at_once(settings: Any) -> None:
    callers = [Caller(people.admin()) for _ in range(4)]
    barrier, answers = threading.Barrier(4), []

    def send(caller: Caller) -> None:
        try:
            barrier.wait()
            answers.append(caller.post("customers", NEW, Idempotency_Key="a"))
        finally:
            connection.close()

    threads = [threading.Thread(target=send, args=(caller,)) for caller in callers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Customer.objects.count() == 1
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert [answer.get("Idempotency-Replayed") for answer in answers if answer.status_code == 201].count(None) == 1
    for answer in answers:
        if answer.status_code == 409:
            assert code(answer) == (409, "request_in_progress")
