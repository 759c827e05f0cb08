"""Runs on the node before PowerDNS starts: makes its SQLite database if need be, and notes who fetches whose zones.

What it is told holds TSIG keys, which no configuration file of PowerDNS can; and all zones of a node change at once, in
one transaction, when its first secondary comes or its last one goes.
"""

import contextlib
import json
import os
import sqlite3
import sys
import time
from pathlib import Path
from typing import Any

#: What NPanel's own catalogs and keys end with; whatever is called otherwise is somebody else's.
_OURS = "%.npanel.invalid"
_ALLOW, _FETCH, _SERIALS = "TSIG-ALLOW-AXFR", "AXFR-MASTER-TSIG", "SOA-EDIT"
#: A zone that comes with a catalog is fetched with the key of the catalog; PowerDNS itself does not see to that.
_TRIGGER = """
CREATE TRIGGER IF NOT EXISTS npanel_member AFTER UPDATE OF catalog ON domains WHEN NEW.type = 'SLAVE'
BEGIN
  INSERT INTO domainmetadata (domain_id, kind, content)
  SELECT NEW.id, known.kind, known.content FROM domainmetadata known JOIN domains list ON list.id = known.domain_id
  WHERE list.type = 'CONSUMER' AND list.name = NEW.catalog AND known.kind = 'AXFR-MASTER-TSIG'
  AND NOT EXISTS (SELECT 1 FROM domainmetadata WHERE domain_id = NEW.id AND kind = 'AXFR-MASTER-TSIG');
END
"""
#: Sets of zones that the statements below work on.
_HOSTED = "INSERT INTO chosen SELECT id FROM domains WHERE account <> '' AND type IN ('NATIVE', 'MASTER')"
_UNSIGNED = "DELETE FROM chosen WHERE id NOT IN (SELECT domain_id FROM cryptokeys)"
_NAMED = "INSERT INTO chosen SELECT id FROM domains WHERE name = ?"
_LISTS = "INSERT INTO chosen SELECT id FROM domains WHERE type = 'PRODUCER' AND name LIKE ?"
_MEMBERS = "INSERT INTO chosen SELECT id FROM domains WHERE type = 'SLAVE' AND catalog = ?"
_REMOVAL = (
    "DELETE FROM records WHERE domain_id IN chosen",
    "DELETE FROM domainmetadata WHERE domain_id IN chosen",
    "DELETE FROM cryptokeys WHERE domain_id IN chosen",
    "DELETE FROM comments WHERE domain_id IN chosen",
    "DELETE FROM domains WHERE id IN chosen",
)


def main(database: Path, schema: Path, transfers: Path) -> None:
    """Make the database aside and rename it, so that a power cut leaves none rather than half a one; then tell it."""
    if not database.exists():
        _make(database, schema)
    told = json.loads(transfers.read_text(encoding="utf-8"))
    with contextlib.closing(sqlite3.connect(database, timeout=30)) as connection, connection:
        settle(connection, told)


def settle(connection: sqlite3.Connection, told: dict[str, Any]) -> None:
    """Bring keys, catalogs and the sharing of all zones into the database, and take away what is told no more."""
    connection.execute("CREATE TEMP TABLE chosen (id INTEGER)")
    connection.execute("DELETE FROM tsigkeys WHERE name LIKE ?", [_OURS])
    for key in (*told["keys"], *told["follows"]):
        words = (key["name"], "hmac-sha256", key["secret"])
        connection.execute("INSERT INTO tsigkeys (name, algorithm, secret) VALUES (?, ?, ?)", words)
    _share(connection, told["catalog"], [key["name"] for key in told["keys"]])
    _follow(connection, told["follows"])


def _choose(connection: sqlite3.Connection, *sets: tuple[str, ...]) -> None:
    """Have the next statements work on these zones: each a set with its values."""
    connection.execute("DELETE FROM chosen")
    for statement, *values in sets:
        connection.execute(statement, values)


def _give(connection: sqlite3.Connection, kind: str, *contents: str) -> None:
    """Have the chosen zones hold just this of one kind."""
    connection.execute("DELETE FROM domainmetadata WHERE kind = ? AND domain_id IN chosen", [kind])
    for content in contents:
        given = "INSERT INTO domainmetadata (domain_id, kind, content) SELECT id, ?, ? FROM chosen"
        connection.execute(given, (kind, content))


def _remove(connection: sqlite3.Connection, *sets: tuple[str, ...]) -> None:
    """Remove zones with all that hangs on them."""
    _choose(connection, *sets)
    for statement in _REMOVAL:
        connection.execute(statement)


def _share(connection: sqlite3.Connection, catalog: str, keys: list[str]) -> None:
    """Have the node's own zones listed in its catalog, and given to these keys; without keys to nobody."""
    _choose(connection, (_HOSTED,))
    kept = ("MASTER", catalog) if keys else ("NATIVE", None)
    connection.execute("UPDATE domains SET type = ?, catalog = ? WHERE id IN chosen", kept)
    _give(connection, _ALLOW, *keys)
    _give(connection, _SERIALS)
    if not keys:
        _remove(connection, (_LISTS, _OURS))
        return
    _make_zone(connection, catalog, "PRODUCER", records=True)
    _choose(connection, (_NAMED, catalog))
    _give(connection, _ALLOW, *keys)
    # Signatures are renewed by the clock; secondaries see by the serial that there are new ones.
    _choose(connection, (_HOSTED,), (_UNSIGNED,))
    _give(connection, _SERIALS, "INCEPTION-EPOCH")


def _follow(connection: sqlite3.Connection, follows: list[dict[str, str]]) -> None:
    """Fetch these catalogs with the zones that they list, and no others."""
    connection.execute(_TRIGGER)
    wanted = [follow["catalog"] for follow in follows]
    known = connection.execute("SELECT name FROM domains WHERE type = 'CONSUMER' AND name LIKE ?", [_OURS]).fetchall()
    for (catalog,) in known:
        if catalog not in wanted:
            _remove(connection, (_MEMBERS, catalog), (_NAMED, catalog))
    for follow in follows:
        _make_zone(connection, follow["catalog"], "CONSUMER")
        _choose(connection, (_MEMBERS, follow["catalog"]), (_NAMED, follow["catalog"]))
        connection.execute("UPDATE domains SET master = ? WHERE id IN chosen", [follow["address"]])
        _give(connection, _FETCH, follow["name"])


def _make_zone(connection: sqlite3.Connection, name: str, kind: str, *, records: bool = False) -> None:
    """Make a catalog unless it is there; the one that lists zones starts with an SOA that secondaries look at often."""
    if connection.execute("SELECT 1 FROM domains WHERE name = ?", [name]).fetchone():
        return
    made = connection.execute("INSERT INTO domains (name, type) VALUES (?, ?)", [name, kind])
    start = f"invalid. hostmaster.invalid. {int(time.time())} 60 30 604800 60"
    for type, content in (("SOA", start), ("NS", "invalid.")) if records else ():
        connection.execute(
            "INSERT INTO records (domain_id, name, type, content, ttl, prio, disabled, auth)"
            " VALUES (?, ?, ?, ?, 60, 0, 0, 1)",
            (made.lastrowid, name, type, content),
        )


def _make(database: Path, schema: Path) -> None:
    draft = database.with_name(f"{database.name}.draft")
    draft.unlink(missing_ok=True)
    os.umask(0o077)
    with contextlib.closing(sqlite3.connect(draft)) as connection:
        connection.executescript(schema.read_text(encoding="utf-8"))
    _sync(draft)
    draft.rename(database)
    _sync(database.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
