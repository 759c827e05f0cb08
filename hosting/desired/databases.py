"""A service's databases and the accounts that use them."""

from collections.abc import Iterator

from hosting.desired.family import Family, not_adoptable
from hosting.models import Database, DatabaseGrant, DatabaseUser, HostingService
from hosting.state import Change, Grant, Resource, Secret
from hosting.state import Database as DatabaseResource
from hosting.state import DatabaseUser as DatabaseUserResource
from hosting.texts import N_


def _resources(service: HostingService) -> Iterator[Resource]:
    for database in service.databases.all():
        yield _database(service, database)
    for user in service.database_users.all():
        yield _database_user(service, user)


def _database(service: HostingService, database: Database) -> DatabaseResource:
    return DatabaseResource(
        owner=service.username, name=database.name, charset=database.charset, collation=database.collation
    )


def _database_user(service: HostingService, user: DatabaseUser) -> DatabaseUserResource:
    return DatabaseUserResource(
        owner=service.username,
        name=user.name,
        host=user.host,
        password_hash=Secret(user.password_hash),
        grants=tuple(sorted(Grant(grant.database.name, tuple(grant.privileges)) for grant in user.grants.all())),
        locked=service.is_suspended,
    )


def _adopt_database(service: HostingService, found: Change) -> None:
    if found.after is None:
        service.databases.filter(name=found.key).delete()
    elif isinstance(found.after, DatabaseResource):
        service.databases.update_or_create(
            name=found.after.name, defaults={"charset": found.after.charset, "collation": found.after.collation}
        )


def _adopt_database_user(service: HostingService, found: Change) -> None:
    name, _at, host = found.key.rpartition("@")
    if found.after is None:
        service.database_users.filter(name=name, host=host).delete()
        return
    if not isinstance(found.after, DatabaseUserResource) or found.after.locked != service.is_suspended:
        raise not_adoptable(found, N_("its lock follows the service's suspension"))
    user, _new = service.database_users.update_or_create(
        name=name, host=host, defaults={"password_hash": found.after.password_hash.value}
    )
    user.grants.all().delete()
    for grant in found.after.grants:
        database = service.databases.filter(name=grant.database).first()
        if database is None:
            raise not_adoptable(
                found,
                N_("it has rights on %(database)s, which is not known; adopt that first", database=grant.database),
            )
        DatabaseGrant.objects.create(user=user, database=database, privileges=list(grant.privileges))


FAMILY = Family(
    resources=_resources,
    prefetch=("databases", "database_users__grants__database"),
    adopters={DatabaseResource.kind: _adopt_database, DatabaseUserResource.kind: _adopt_database_user},
)
