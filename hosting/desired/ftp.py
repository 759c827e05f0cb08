"""A service's FTP accounts."""

from collections.abc import Iterator

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
    if not after.name.startswith(f"{service.username}_") or not within:
        raise not_adoptable(found, N_("its name or its folder is not of the service"))
    facts = {
        "password_hash": after.password_hash.value,
        "folder": after.home.removeprefix(service.home).strip("/"),
        "quota_mb": after.quota_mb,
    }
    if not service.is_suspended:
        facts["suspended"] = after.locked
    service.ftp_accounts.update_or_create(name=after.name, defaults=facts)


FAMILY = Family(resources=_resources, prefetch=("ftp_accounts",), adopters={FtpAccountResource.kind: _adopt})
