"""Who signs in to a service over SSH."""

from collections.abc import Iterator

from hosting.choices import SshMode
from hosting.desired.family import Family, not_adoptable
from hosting.desired.sites import system_user
from hosting.models import HostingService, SshKey
from hosting.state import Change, Resource, SshAccess, SystemUser
from hosting.texts import N_


def _resources(service: HostingService) -> Iterator[Resource]:
    """Nothing without a key: then nobody could sign in, and the node need not know of it."""
    keys = tuple(sorted(row.value for row in service.ssh_keys.all()))
    if keys:
        yield SshAccess(service.username, service.ssh_mode, keys, locked=service.is_suspended)


def _adopt_access(service: HostingService, found: Change) -> None:
    after = found.after
    if after is None:
        service.ssh_keys.all().delete()
        return
    if not isinstance(after, SshAccess) or after.edited or after.locked != service.is_suspended:
        raise not_adoptable(found, N_("it was edited by hand, or its lock follows the service's suspension"))
    if SshMode.values.index(after.mode) > SshMode.values.index(service.plan.ssh):
        raise not_adoptable(found, N_("its plan does not allow so much"))
    if after.mode != service.ssh_mode:
        service.ssh = after.mode
        service.save(update_fields=["ssh"])
    wanted = {key.fingerprint: key for key in after.keys}
    service.ssh_keys.exclude(fingerprint__in=wanted).delete()
    for fingerprint, key in wanted.items():
        facts = {"type": key.type, "blob": key.blob, "comment": key.comment}
        SshKey.objects.update_or_create(service=service, fingerprint=fingerprint, defaults=facts)


def _adopt_user(service: HostingService, found: Change) -> None:
    """The login shell follows the access, which is adopted before it."""
    if found.after != system_user(service):
        raise not_adoptable(found, N_("there is no setting that could hold it"))


FAMILY = Family(
    resources=_resources,
    prefetch=("ssh_keys",),
    adopters={SshAccess.kind: _adopt_access, SystemUser.kind: _adopt_user},
)
