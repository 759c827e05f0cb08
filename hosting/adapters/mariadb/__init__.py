"""MariaDB: customers' databases, accounts and rights, by SQL that root sends through the unix socket."""

import re
from collections.abc import Sequence
from functools import reduce
from typing import ClassVar

from hosting.adapters.base import Adapter, NodeFacts, Scope, register
from hosting.adapters.mariadb import dumps, observed, quoting, setup, sql
from hosting.adapters.mariadb.client import run, said
from hosting.connections.base import Context, Run, Steps
from hosting.errors import CommandFailed, ConfigurationInvalid, HostingError, ProbeFailed
from hosting.state import Change, DaemonUnit, Database, DatabaseUser, NodeFile, Resource
from hosting.texts import N_, Text, plain

_NO_TABLE = re.compile(r"ERROR (1146|1049) ")
_ANY_STATUS = tuple(range(256))
_TAKEN = re.compile(r"\b(database|database_user)_taken\b")


@register
class MariaDb(Adapter):
    """What is NPanel's is said by the table ``npanel.ownership``, which only root can write.

    A comment on the database would be lost when a customer drops and makes it again, and accounts have none. Without
    its mark something of the same name is a stranger's: it is not seen, and changing it is refused.
    """

    kind = "mariadb"
    handles: ClassVar[tuple[type[Resource], ...]] = (Database, DatabaseUser)
    owns = (setup.CONFIGURATION, "/var/lib/mysql")

    def setup(self, facts: NodeFacts) -> tuple[Resource, ...]:
        return setup.node_resources(facts)

    def observe(self, scope: Scope) -> Steps[tuple[Resource, ...]]:
        """One round, one query. Before the first creation there is no ownership table, and nothing is ours."""
        question = observed.query(scope)
        if not question:
            return ()
        try:
            replies = yield [run(question)]
        except CommandFailed as error:
            if _NO_TABLE.search(error.detail):
                return ()
            raise said(error) from error
        return observed.resources(replies[0].text, scope)

    def apply(self, change: Change, context: Context) -> Steps[None]:
        """One round; two more to keep a database's data before it is dropped, or to bring it back.

        Raises:
            HostingError: ``database_taken``, ``database_user_taken``: of that name there is one that is not NPanel's.
            UnsafeValue: a name, a hash or a right that is not of its grammar.
        """
        try:
            yield from _steps(change, context)
        except CommandFailed as error:
            raise _refusal(change, error) or said(error) from error

    def validate(self, changes: Sequence[Change]) -> Steps[None]:
        """Let the server read its configuration without starting."""
        if not _configures(changes):
            return
        (reply,) = yield [Run(("/usr/sbin/mariadbd", "--verbose", "--help"), ok=_ANY_STATUS)]
        if reply.exit_status:
            lines = [line for line in reply.stderr.decode(errors="replace").splitlines() if "[Warning]" not in line]
            raise ConfigurationInvalid(plain("; ".join(filter(None, lines))[:500]), path=setup.CONFIGURATION)

    def activate(self, changes: Sequence[Change]) -> Steps[None]:
        """Databases and accounts need nothing; a new configuration takes a restart, which returns when it is up."""
        if _configures(changes):
            yield [Run(("systemctl", "restart", setup.UNIT), timeout=120.0)]

    def probe(self, resource: Resource, facts: NodeFacts) -> Steps[str]:
        """Use a database; look at an account from the server's side.

        Nobody here knows an account's password (only its hash is kept), so no sign-in is tried: the probe of an
        account compares what the server keeps (way to sign in, hash, lock) and that its rights name the databases it
        shall use. The visitor's view, a page that reads its database, is the probe of the site.

        Raises:
            ProbeFailed: the database cannot be used, or the account would not let its owner in.
        """
        question = _question(resource)
        if not question:
            return ""
        try:
            replies = yield [run(question)]
        except CommandFailed as error:
            raise ProbeFailed(
                N_("MariaDB does not answer for %(key)s: %(detail)s", key=resource.key, detail=said(error).detail_text)
            ) from error
        return _answer(resource, replies[0].text.split())


def _steps(change: Change, context: Context) -> Steps[None]:
    resource = change.resource
    if isinstance(resource, Database):
        quoting.check_database(resource)
        yield from dumps.drop(resource, context) if change.after is None else dumps.make(resource, change, context)
    elif isinstance(resource, DatabaseUser):
        if change.after is None:
            quoting.check_name(resource)
            yield [run(sql.drop_user(resource))]
            return
        quoting.check_user(resource)
        yield [run(sql.make_user(resource, change.before if isinstance(change.before, DatabaseUser) else None))]
    else:
        raise TypeError(f"{change.ref} is neither a database nor a database user")


def _refusal(change: Change, error: CommandFailed) -> HostingError | None:
    """The error for something of that name that NPanel did not make, if that is what stopped the script."""
    if not (match := _TAKEN.search(error.detail)):
        return None
    if match[1] == Database.kind:
        detail = N_("MariaDB has a database %(key)s already that NPanel did not make.", key=change.key)
    else:
        detail = N_("MariaDB has a database account %(key)s already that NPanel did not make.", key=change.key)
    return HostingError(detail, code=match[0], hint=N_("Choose another name, or remove it by hand."))


def _configures(changes: Sequence[Change]) -> bool:
    return any(isinstance(change.resource, NodeFile | DaemonUnit) for change in changes)


def _question(resource: Resource) -> str:
    if isinstance(resource, Database):
        return f"USE {quoting.identifier(resource.name)};\nSELECT DATABASE(), 6 * 7;\n"
    return sql.account_state(resource) if isinstance(resource, DatabaseUser) else ""


def _answer(resource: Resource, words: list[str]) -> str:
    if isinstance(resource, Database):
        if words != [resource.name, "42"]:
            raise ProbeFailed(N_("MariaDB answers strangely in %(name)s.", name=resource.name))
        return f"{resource.name} answers"
    assert isinstance(resource, DatabaseUser)  # noqa: S101 (as _question says)
    want = ["1", "1", "1" if resource.locked else "0", str(len(resource.grants))]
    if words != want:
        raise ProbeFailed(_difference(resource, words, want))
    return f"{resource.key} is {'locked' if resource.locked else 'open'}, uses {len(resource.grants)} database(s)"


def _difference(user: DatabaseUser, words: list[str], want: list[str]) -> Text:
    if len(words) != len(want):
        return N_("MariaDB has no account %(key)s.", key=user.key)
    facts = (N_("way to sign in"), N_("password"), N_("lock"), N_("rights"))
    wrong = [fact for fact, found, wanted in zip(facts, words, want, strict=True) if found != wanted]
    return N_("The account %(key)s has another %(facts)s than wanted.", key=user.key, facts=reduce(_and, wrong))


def _and(first: Text, second: Text) -> Text:
    return N_("%(first)s and %(second)s", first=first, second=second)
