"""Databases and the accounts that use them."""

import hashlib
import secrets
from collections.abc import Iterable

from audit.actor import Actor
from hosting.choices import OperationKind
from hosting.errors import HostingError
from hosting.models import Database, DatabaseGrant, DatabaseUser, HostingService, Operation
from hosting.operations.requests import request_operation
from hosting.services.limits import check_limit, locked_service
from hosting.services.rows import reread
from hosting.services.validation import save_valid
from hosting.state import Database as DatabaseResource
from hosting.state import DatabaseUser as DatabaseUserResource
from hosting.state import Ref
from hosting.texts import N_
from hosting.transactions import retried

#: Shorter passwords are refused.
PASSWORD_LENGTH = 12
_LETTERS = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"


def password_hash(password: str) -> str:
    """The hash MariaDB's ``mysql_native_password`` keeps: ``*`` and SHA1(SHA1(password)) in upper-case hex."""
    inner = hashlib.sha1(password.encode(), usedforsecurity=False).digest()
    return "*" + hashlib.sha1(inner, usedforsecurity=False).hexdigest().upper()


def fresh_password() -> str:
    """A password that nobody has to remember: 24 letters and digits that are not taken for one another."""
    return "".join(secrets.choice(_LETTERS) for _n in range(24))


@retried
def create_database(
    *, actor: Actor, service: HostingService, name: str, wait_for_approval: bool = False, reason: str = ""
) -> Operation:
    """Add a database ``user_name``.

    Args:
        name: with or without the service's user name in front.

    Raises:
        HostingError: ``invalid`` (bad or taken name), ``limit_reached``, ``service_gone``.
    """
    row = locked_service(service)
    database = attach_database(row, name)
    return _operation(
        actor,
        row,
        OperationKind.ADD_DATABASE,
        [Ref(DatabaseResource.kind, database.name)],
        {"database": database.name},
        wait_for_approval,
        reason,
    )


@retried
def create_database_with_user(
    *,
    actor: Actor,
    service: HostingService,
    name: str,
    password: str,
    wait_for_approval: bool = False,
    reason: str = "",
) -> Operation:
    """Add a database and an account of the same name with all rights on it, as one operation.

    Args:
        name: with or without the service's user name in front.

    Raises:
        HostingError: as :func:`create_database` and :func:`create_database_user`; nothing is added then.
    """
    row = locked_service(service)
    _check_password(password)
    database = attach_database(row, name)
    user = attach_database_user(row, name, password, [database])
    refs = [Ref(DatabaseResource.kind, database.name), Ref(DatabaseUserResource.kind, str(user))]
    wanted: dict[str, object] = {"database": database.name, "user": str(user)}
    return _operation(actor, row, OperationKind.ADD_DATABASE, refs, wanted, wait_for_approval, reason)


@retried
def create_database_user(
    *,
    actor: Actor,
    service: HostingService,
    name: str,
    password: str,
    databases: Iterable[Database] = (),
    host: str = "localhost",
    wait_for_approval: bool = False,
    reason: str = "",
) -> Operation:
    """Add an account with all rights on some databases of the same service. Only the password's hash is kept.

    Raises:
        HostingError: ``weak_password``, ``invalid``, ``limit_reached``, ``foreign_database``, ``service_gone``.
    """
    row, granted = locked_service(service), list(databases)
    user = attach_database_user(row, name, password, granted, host)
    wanted: dict[str, object] = {"user": str(user), "databases": [database.name for database in granted]}
    return _user_operation(actor, user, wanted, wait_for_approval, reason)


@retried
def set_password(
    *, actor: Actor, user: DatabaseUser, password: str, wait_for_approval: bool = False, reason: str = ""
) -> Operation:
    """Give an account another password. Only its hash is kept.

    Raises:
        HostingError: ``weak_password``, ``service_gone``, ``not_found`` (somebody has just deleted it).
    """
    _check_password(password)
    row = _locked_user(user)
    row.password_hash = password_hash(password)
    save_valid(row)
    return _user_operation(actor, row, {"user": str(row), "password": "changed"}, wait_for_approval, reason)


@retried
def delete_database_user(
    *, actor: Actor, user: DatabaseUser, wait_for_approval: bool = False, reason: str = ""
) -> Operation:
    """Remove an account.

    Raises:
        HostingError: ``service_gone``, ``not_found``.
    """
    row = _locked_user(user)
    operation = _user_operation(actor, row, {"remove": str(row)}, wait_for_approval, reason)
    row.delete()
    return operation


@retried
def delete_database(
    *, actor: Actor, database: Database, wait_for_approval: bool = False, reason: str = ""
) -> Operation:
    """Remove a database and the rights on it. A dump is kept aside on the node, so that it can be rolled back.

    Raises:
        HostingError: ``service_gone``, ``not_found``.
    """
    service = locked_service(database.service)
    row = reread(database)
    users = DatabaseUser.objects.filter(grants__database=row)
    refs = [Ref(DatabaseUserResource.kind, str(user)) for user in users]
    refs.append(Ref(DatabaseResource.kind, row.name))
    wanted: dict[str, object] = {"remove": row.name}
    operation = _operation(actor, service, OperationKind.REMOVE_DATABASE, refs, wanted, wait_for_approval, reason)
    row.delete()
    return operation


def attach_database(service: HostingService, name: str) -> Database:
    """Save the wanted fact of one more database. Call with the service locked.

    Raises:
        HostingError: as :func:`create_database`.
    """
    check_limit(service, "databases", service.databases.count())
    database = Database(service=service, name=_full_name(service, name))
    save_valid(database)
    return database


def attach_database_user(
    service: HostingService, name: str, password: str, databases: Iterable[Database], host: str = "localhost"
) -> DatabaseUser:
    """Save the wanted fact of one more account with all rights on some databases. Call with the service locked.

    Raises:
        HostingError: as :func:`create_database_user`.
    """
    check_limit(service, "database_users", service.database_users.count())
    _check_password(password)
    user = DatabaseUser(
        service=service,
        name=_full_name(service, name),
        host=host.strip().lower(),
        password_hash=password_hash(password),
    )
    save_valid(user)
    for database in databases:
        if database.service_id != service.pk:
            raise HostingError(
                N_("That database belongs to another service."), code="foreign_database", field="databases"
            )
        DatabaseGrant.objects.create(user=user, database=database, privileges=["ALL PRIVILEGES"])
    return user


def _locked_user(user: DatabaseUser) -> DatabaseUser:
    """The account as it is now, with its service locked."""
    service = locked_service(user.service)
    row = reread(user)
    row.service = service
    return row


def _full_name(service: HostingService, name: str) -> str:
    short = name.strip().lower().removeprefix(f"{service.username}_")
    return f"{service.username}_{short}"


def _check_password(password: str) -> None:
    if len(password) < PASSWORD_LENGTH:
        raise HostingError(
            N_("The password is shorter than %(count)s characters.", count=PASSWORD_LENGTH),
            code="weak_password",
            hint=N_("Use a longer one, or have one made."),
            field="password",
        )


def _user_operation(
    actor: Actor, user: DatabaseUser, wanted: dict[str, object], wait_for_approval: bool, reason: str
) -> Operation:
    refs = [Ref(DatabaseUserResource.kind, str(user))]
    return _operation(actor, user.service, OperationKind.CHANGE_DATABASE_USER, refs, wanted, wait_for_approval, reason)


def _operation(
    actor: Actor,
    service: HostingService,
    kind: OperationKind,
    refs: Iterable[Ref],
    wanted: dict[str, object],
    wait_for_approval: bool,
    reason: str,
) -> Operation:
    return request_operation(
        actor=actor,
        kind=kind,
        node=service.node,
        service=service,
        refs=refs,
        wait_for_approval=wait_for_approval,
        reason=reason,
        wanted=wanted,
    )
