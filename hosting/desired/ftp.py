"""A service's FTP accounts."""

from collections.abc import Iterator

from django.core.exceptions import ValidationError

from hosting.desired.family import Family, not_adoptable
from hosting.models import FtpAccount, HostingService
from hosting.state import Change, Resource, Secret
from hosting.state import FtpAccount as FtpAccountResource
from hosting.texts import N_


def _resources(service: HostingService) -> Iterator[Resource]:
    for row in service.ftp_accounts.all():
        yield _account(service, row)


def _account(service: HostingService, row: FtpAccount) -> FtpAccountResource:
    return FtpAccountResource(
        owner=service.username,
        name=row.name,
        password_hash=Secret(row.password_hash),
        home=f"{service.home}/{row.folder}" if row.folder else service.home,
        quota_mb=row.quota_mb,
        locked=row.suspended or service.is_suspended,
    )


def _adopt(service: HostingService, found: Change) -> None:
    after = found.after
    if after is None:
        service.ftp_accounts.filter(name=found.key).delete()
        return
    if not isinstance(after, FtpAccountResource) or after.edited or (service.is_suspended and not after.locked):
        raise not_adoptable(found, N_("it was edited by hand, or its lock follows the service's suspension"))
    within = f"{after.home}/".startswith(f"{service.home}/")
    row = service.ftp_accounts.filter(name=after.name).first() or FtpAccount(service=service, name=after.name)
    row.password_hash, row.quota_mb = after.password_hash.value, after.quota_mb
    row.folder = after.home.removeprefix(service.home).strip("/")
    row.suspended = row.suspended if service.is_suspended else after.locked
    try:
        row.full_clean()
    except ValidationError as error:
        raise not_adoptable(found, N_("its name, its folder or its password is none of an account's")) from error
    if not within or not row.name.startswith(f"{service.username}_"):
        raise not_adoptable(found, N_("its name or its folder is not of the service"))
    row.save()


FAMILY = Family(resources=_resources, prefetch=("ftp_accounts",), adopters={FtpAccountResource.kind: _adopt})
