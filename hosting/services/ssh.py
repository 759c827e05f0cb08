"""SFTP and SSH: which keys sign in to a service, and what they may do."""

from audit.actor import Actor
from hosting.choices import OperationKind, SshMode
from hosting.errors import HostingError
from hosting.models import HostingService, Operation, SshKey
from hosting.operations.requests import request_operation
from hosting.services.limits import locked_service
from hosting.services.rows import reread
from hosting.services.validation import save_valid
from hosting.state import Ref, SshAccess, SystemUser
from hosting.state.ssh import MAX_KEYS, ssh_key
from hosting.texts import N_
from hosting.transactions import retried
from hosting.translated import shown


@retried
def add_ssh_key(
    *,
    actor: Actor,
    service: HostingService,
    key: str,
    name: str = "",
    wait_for_approval: bool = False,
    reason: str = "",
) -> Operation:
    """Let one more public key sign in to a service.

    Args:
        key: one line as in ``id_ed25519.pub``. name: what people call it, in place of the words at the line's end.

    Raises:
        HostingError: ``bad_ssh_key``, ``private_ssh_key``, ``ssh_key_options``, ``weak_ssh_key``, ``bad_ssh_key_name``,
            ``ssh_key_taken``, ``limit_reached``, ``ssh_not_sold``, ``invalid``, ``service_gone``.
    """
    value, row = ssh_key(key), locked_service(service)
    if row.plan.ssh == SshMode.NONE:
        raise _not_sold(row, "key")
    _check_room(row, value.fingerprint)
    comment = " ".join(name.split()) if name.isprintable() else name
    made = SshKey(service=row, type=value.type, blob=value.blob, fingerprint=value.fingerprint)
    made.comment = comment or value.comment
    save_valid(made)
    return _operation(actor, row, {"ssh_key": str(made), "fingerprint": made.fingerprint}, wait_for_approval, reason)


@retried
def remove_ssh_key(*, actor: Actor, key: SshKey, wait_for_approval: bool = False, reason: str = "") -> Operation:
    """Let a public key sign in no more; sessions of the service end, whichever key began them.

    Raises:
        HostingError: ``service_gone``, ``not_found``.
    """
    service, row = locked_service(key.service), reread(key)
    wanted: dict[str, object] = {"remove": str(row), "fingerprint": row.fingerprint}
    operation = _operation(actor, service, wanted, wait_for_approval, reason)
    row.delete()
    return operation


@retried
def set_ssh_access(
    *, actor: Actor, service: HostingService, mode: str, wait_for_approval: bool = False, reason: str = ""
) -> Operation:
    """Say what the keys of a service open: nothing (they are kept), files only, or files and commands.

    Args:
        mode: a value of SshMode, at most what the plan has.

    Raises:
        HostingError: ``ssh_not_sold``, ``invalid``, ``service_gone``.
    """
    row = locked_service(service)
    if mode not in SshMode.values:
        hint = N_("Choose none, sftp or shell.")
        raise HostingError(N_("There is no such access."), code="invalid", hint=hint, field="mode")
    if SshMode.values.index(mode) > SshMode.values.index(row.plan.ssh):
        raise _not_sold(row, "mode")
    row.ssh = mode
    save_valid(row)
    return _operation(actor, row, {"ssh": mode}, wait_for_approval, reason)


def _check_room(service: HostingService, fingerprint: str) -> None:
    keys = service.ssh_keys
    if keys.filter(fingerprint=fingerprint).exists():
        raise HostingError(
            N_("This key is there already."),
            code="ssh_key_taken",
            hint=N_("Nothing has to be done, or paste another key."),
            field="key",
        )
    if keys.count() >= MAX_KEYS:
        raise HostingError(
            N_("A service has at most %(count)s keys.", count=MAX_KEYS),
            code="limit_reached",
            hint=N_("Remove one that is not used any more."),
        )


def _not_sold(service: HostingService, field: str) -> HostingError:
    return HostingError(
        N_("The plan %(name)s has for SSH: %(access)s.", name=service.plan.name, access=shown(service.plan, "ssh")),
        code="ssh_not_sold",
        hint=N_("Ask for another plan."),
        field=field,
    )


def _operation(
    actor: Actor, service: HostingService, wanted: dict[str, object], wait_for_approval: bool, reason: str
) -> Operation:
    """The access, and the Linux user, whose login shell follows it."""
    refs = [Ref(SshAccess.kind, service.username), Ref(SystemUser.kind, service.username)]
    return request_operation(
        actor=actor,
        kind=OperationKind.CHANGE_SSH,
        node=service.node,
        service=service,
        refs=refs,
        wait_for_approval=wait_for_approval,
        reason=reason,
        wanted=wanted,
    )
