"""Rotation of the worker's sealing key."""

from django.db import transaction
from django.db.models import QuerySet

from audit.actor import Actor
from audit.choices import Outcome
from audit.record import Target, record
from hosting.models import DkimKey, Node, Secondary, Webhook
from hosting.operations.nodes import secret_context, ssh_context
from hosting.sealing import add_worker_key, seal, unseal
from hosting.verbs import KEY_ROTATE


@transaction.atomic
def rotate_worker_key(*, actor: Actor) -> tuple[str, int]:
    """Add a key and re-seal the secrets of every node, webhook, DKIM key and secondary with it.

    Old keys are kept for what old journals hold.

    Returns:
        The new key's id, and how many secrets were re-sealed.

    Raises:
        SealingError: this process has not the worker's private key; then no key is added either.
    """
    unseal(seal("", "rotation"), "rotation")
    opened = [(node, _opened(node)) for node in Node.objects.select_for_update()]
    hooks = [(hook, unseal(hook.secret_sealed, hook.seal_context)) for hook in Webhook.objects.select_for_update()]
    dkim = [(key, unseal(key.private_key_sealed, key.seal_context)) for key in _locked_dkim_keys()]
    followers = [(row, unseal(row.key_sealed, row.seal_context)) for row in _locked_secondaries()]
    key_id, count = add_worker_key(), 0
    for node, secrets in opened:
        sealed = {context: seal(value, context) for context, value in secrets.items()}
        node.private_key_sealed = sealed.get(ssh_context(node), "")
        node.secrets_sealed = {name: sealed[secret_context(node, name)] for name in node.secrets_sealed}
        node.save(update_fields=["private_key_sealed", "secrets_sealed"])
        count += len(sealed)
    for hook, secret in hooks:
        hook.secret_sealed = seal(secret, hook.seal_context)
        hook.save(update_fields=["secret_sealed"])
    for row, secret in followers:
        row.key_sealed = seal(secret, row.seal_context)
        row.save(update_fields=["key_sealed"])
    for key, secret in dkim:
        key.private_key_sealed = seal(secret, key.seal_context)
        key.save(update_fields=["private_key_sealed"])
    count += len(hooks) + len(dkim) + len(followers)
    record(
        verb=KEY_ROTATE,
        actor=actor,
        target=Target("worker_key", key_id, key_id),
        outcome=Outcome.SUCCEEDED,
        after={"resealed": count},
    )
    return key_id, count


def _locked_dkim_keys() -> QuerySet[DkimKey]:
    return DkimKey.objects.select_for_update().prefetch_related("mail__domain")


def _locked_secondaries() -> QuerySet[Secondary]:
    return Secondary.objects.select_for_update().prefetch_related("node")


def _opened(node: Node) -> dict[str, str]:
    """A node's secrets by the context that they are sealed for."""
    sealed = {secret_context(node, name): value for name, value in node.secrets_sealed.items()}
    if node.private_key_sealed:
        sealed[ssh_context(node)] = node.private_key_sealed
    return {context: unseal(value, context) for context, value in sealed.items()}
