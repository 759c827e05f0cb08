"""Each kind of secret in what others say to NPanel: an agent's last words over SSH, a webhook receiver's answer."""

import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from audit.models import Event
from hosting.connections.local import LocalConnection
from hosting.models import Webhook, WebhookDelivery
from hosting.operations import nodes
from hosting.operations.webhook_sender import PATIENCE, send_due
from observability.health import history
from observability.health.runner import run_checks
from observability.models import HealthPeriod
from tests.unit.api.test_webhooks import Receiver, delivery_to, hook_to, receiver
from tests.unit.observability.test_planted import SECRETS
from tests.unit.observability.test_planted_doors import TEXTS, Written, out, toy
from tests.unit.operations.conftest import ToyWorld

__all__ = ["out", "receiver", "toy"]
pytestmark = pytest.mark.django_db
#: Stands beside each secret, so that the search knows that the words were kept.
LANDMARK = "these are its last words"


@pytest.fixture
def dying(toy: ToyWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Has the node's agent say a text on its standard error and end, as a real process."""
    program, words = tmp_path / "bin" / "python3", tmp_path / "bin" / "words"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\nimport sys\nsys.stderr.write(open({str(words)!r}).read())\n")
    program.chmod(0o755)
    monkeypatch.setattr(nodes, "opener", lambda _node: LocalConnection(python=str(program)))

    def die(text: str) -> None:
        nodes.disconnect_all()
        words.write_text(text)

    return die


@pytest.mark.django_db(transaction=True)
def test_an_agents_last_words(out: Written, toy: ToyWorld, dying: Callable[[str], None]) -> None:
    """In the operation that waits for the node, in health and its history, in lines, metrics and audit."""
    for number, text in enumerate(TEXTS):
        dying(f"{text}\n{LANDMARK}\n")
        toy.want(f"user{number}", note="x")
        operation = toy.run(toy.ask(f"user{number}"))
        assert LANDMARK in str(operation.error), operation.error
        HealthPeriod.objects.update(open_key=None)
        history.remember(run_checks(names=["ssh"]))
        assert LANDMARK in HealthPeriod.objects.exclude(open_key=None).get().summary
    (out.folder / "bin" / "words").unlink()
    assert out.leaks() == set()


def test_a_receivers_answer(out: Written, receiver: Receiver, settings: Any) -> None:
    """In a delivery's row and its lines, whether it took it or not; as the reason why a webhook was disabled."""
    settings.NPANEL_WEBHOOK_LOOPBACK = True
    for secret, text in SECRETS.values():
        for status in (200, 500):
            receiver.answers.append((status, {"X-Said": secret}, f"{LANDMARK}: {text}".encode()))
            delivery = delivery_to(receiver.url)
            if status == 500:
                Webhook.objects.filter(pk=delivery.webhook_id).update(failing_since=timezone.now() - 2 * PATIENCE)
            assert send_due() == 1
            delivery.refresh_from_db()
            assert LANDMARK in delivery.response_text
            Webhook.objects.filter(is_active=True).delete()
    assert Event.objects.filter(verb="webhook.disable", reason__contains=LANDMARK).count() == len(SECRETS)
    assert out.leaks() == set()


def test_the_secret_that_signs_comes_back(out: Written, receiver: Receiver, settings: Any) -> None:
    """A receiver that shows what it compared: not even then is the webhook's own secret kept."""
    settings.NPANEL_WEBHOOK_LOOPBACK = True
    hook, secret = hook_to(receiver.url)
    for text in (f"{LANDMARK}, bad signature with {secret}", f"{LANDMARK} {{'key': b'{secret}'}}"):
        receiver.answers.append((400, {}, text.encode()))
        WebhookDelivery.objects.create(
            webhook=hook, event="operation.finished", payload={}, next_at=timezone.now() - timedelta(seconds=1)
        )
        send_due()
    kept = [delivery.response_text for delivery in WebhookDelivery.objects.all()]
    assert len(kept) == 2 and all(LANDMARK in text and secret not in text for text in kept), kept
