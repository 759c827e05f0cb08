"""Rotation of the worker's sealing key."""

from collections.abc import Iterator
from typing import Any

from django.db import transaction

from audit.actor import Actor
from audit.choices import Outcome
from audit.record import Target, record
from hosting.models import (
    AcmeAccount,
    Certificate,
    DkimKey,
    Node,
    Secondary,
    Webhook,
)
from hosting.operations.nodes import secret_context, ssh_context
from hosting.sealing import add_worker_key, seal, unseal
from hosting.verbs import KEY_ROTATE


@transaction.atomic
def rotate_worker_key(*, actor: Actor) -> tuple[str, int]:
    """Add a key and re-seal everything that is sealed with it: the secrets of nodes, and of all rows that hold one.

    Old keys are kept for what old journals hold.

    Returns:
        The new key's id, and how many secrets were re-sealed.

    Raises:
        SealingError: this process has not the worker's private key; then no key is added either.
    """
    unseal(seal("", "rotation"), "rotation")
    opened = [(node, _opened(node)) for node in Node.objects.select_for_update()]
    rows = [(row, field, unseal(getattr(row, field), row.seal_context)) for row, field in _sealed_rows()]
    key_id, count = add_worker_key(), len(rows)
    for node, secrets in opened:
        sealed = {context: seal(value, context) for context, value in secrets.items()}
        node.private_key_sealed = sealed.get(ssh_context(node), "")
        node.secrets_sealed = {name: sealed[secret_context(node, name)] for name in node.secrets_sealed}
        node.save(update_fields=["private_key_sealed", "secrets_sealed"])
        count += len(sealed)
    for row, field, secret in rows:
        setattr(row, field, seal(secret, row.seal_context))
        row.save(update_fields=[field])
    record(
        verb=KEY_ROTATE,
        actor=actor,
        target=Target("worker_key", key_id, key_id),
        outcome=Outcome.SUCCEEDED,
        after={"resealed": count},
    )
    return key_id, count


def _sealed_rows() -> Iterator[tuple[Any, str]]:
    """Rows that hold one sealed secret, locked, and the field that holds it."""
    yield from ((row, "secret_sealed") for row in Webhook.objects.select_for_update())
    yield from ((row, "key_sealed") for row in AcmeAccount.objects.select_for_update())
    yield from ((row, "key_sealed") for row in Secondary.objects.select_for_update().prefetch_related("node"))
    keys = DkimKey.objects.select_for_update().prefetch_related("mail__domain")
    yield from ((row, "private_key_sealed") for row in keys)
    yield from ((row, "private_key_sealed") for row in Certificate.objects.select_for_update())


def _opened(node: Node) -> dict[str, str]:
    """A node's secrets by the context that they are sealed for."""
    sealed = {secret_context(node, name): value for name, value in node.secrets_sealed.items()}
    if node.private_key_sealed:
        sealed[ssh_context(node)] = node.private_key_sealed
    return {context: unseal(value, context) for context, value in sealed.items()}
