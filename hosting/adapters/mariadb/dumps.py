"""Databases with their data: a dump is kept before a database is dropped, and comes back when that is taken back."""

from hosting.adapters.base import removed_path
from hosting.adapters.mariadb import sql
from hosting.adapters.mariadb.client import dump, run, run_long
from hosting.connections.base import Context, MakeDirectory, Move, Remove, Run, Stat, Steps, Write
from hosting.errors import CommandFailed
from hosting.state import Change, Database
from hosting.texts import N_

_UNKNOWN_DATABASE = b"1049"


def make(database: Database, change: Change, context: Context) -> Steps[None]:
    """Make or change a database; a new one gets the data that this ``removed_id`` has of it.

    The dump is renamed when it is back, so that doing it again does not overwrite what has been written since.
    """
    kept = _kept_at(database, context) if change.before is None else ""
    if not kept:
        yield [run(sql.make_database(database))]
        return
    _, found = yield [run(sql.make_database(database)), Stat(kept)]
    if found.exists:
        yield [run_long(sql.restore(database.name, kept))]
        yield [Move(kept, f"{kept}.restored", replace=True)]


def drop(database: Database, context: Context) -> Steps[None]:
    """Keep a dump, safe on the disk, then drop the database. Without ``removed_id`` nothing is kept."""
    kept = _kept_at(database, context)
    if kept:
        yield from _keep(database, kept)
    yield [run_long(sql.drop_database(database))]


def _keep(database: Database, kept: str) -> Steps[None]:
    """Dump into a draft; only a whole one takes the place of the dump, and none does when the database is gone."""
    draft = f"{kept}.draft"
    try:
        *_, dumped = yield [
            run(sql.guard_database(database)),
            MakeDirectory(kept.rpartition("/")[0], mode=0o700),
            Write(draft, b"", mode=0o600),
            dump(database.name, draft),
        ]
        if dumped.exit_status != 0 and _UNKNOWN_DATABASE not in dumped.stderr:
            raise CommandFailed(
                N_(
                    "The dump of %(name)s failed: %(stderr)s",
                    name=database.name,
                    stderr=dumped.stderr.decode(errors="replace")[:300],
                )
            )
    except CommandFailed:
        yield [Remove(draft)]
        raise
    yield [Remove(draft)] if dumped.exit_status else [Run(("sync", draft)), Move(draft, kept, replace=True)]


def _kept_at(database: Database, context: Context) -> str:
    path = removed_path(context, database.ref)
    return f"{path}.sql" if path else ""
