"""The statements of the triggers, put together from the columns of the tables."""
# ruff: noqa: S608 - only constants of this package are put into the statements

from audit.canonical import ERASED, PERSONAL, PLAIN, TARGET_SUBJECTS

TABLE = "audit_event"
#: Tables whose rows are added and never changed, with the columns that identify a row.
TABLES = ("audit_event", "audit_seal", "audit_checkpoint", "audit_segment", "audit_erasure", "audit_erasureproof")
_KEYS = {
    "audit_event": ("id", "uid"),
    "audit_seal": ("seq", "event_id"),
    "audit_checkpoint": ("size",),
    "audit_segment": ("day", "first_seq", "last_seq"),
    "audit_erasure": ("subject",),
    "audit_erasureproof": ("seq",),
}
#: So many days everything stays in the database, whatever anybody writes into a manifest.
HOT_DAYS = 30

_HELD = (
    "EXISTS (SELECT 1 FROM audit_legalhold h WHERE h.released_at IS NULL"
    " AND (h.target_type = '' OR (h.target_type = OLD.target_type AND h.target_id = OLD.target_id))"
    " AND (h.since IS NULL OR h.since <= OLD.occurred_at) AND (h.until IS NULL OR h.until >= OLD.occurred_at))"
)
_ARCHIVED_EVENT = (
    "EXISTS (SELECT 1 FROM audit_seal s JOIN audit_segment m ON s.seq BETWEEN m.first_seq AND m.last_seq"
    " WHERE s.event_id = OLD.id AND s.event_uid = OLD.uid AND m.day <= {cutoff})"
)
_ARCHIVED_SEAL = (
    "EXISTS (SELECT 1 FROM audit_segment m WHERE OLD.seq BETWEEN m.first_seq AND m.last_seq AND m.day <= {cutoff})"
)


def may_delete(table: str, cutoff: str) -> str:
    """The condition on OLD under which a row may go; "" when it never may."""
    if table == "audit_event":
        return f"{_ARCHIVED_EVENT.format(cutoff=cutoff)} AND NOT {_HELD}"
    return _ARCHIVED_SEAL.format(cutoff=cutoff) if table == "audit_seal" else ""


def may_erase(same: str, joined: str) -> str:
    """The condition under which an update of an event only blanks fields of an erased subject.

    Args:
        same: how a column is compared with what it was, with ``{0}`` for its name.
        joined: how two texts are joined, with ``{0}`` and ``{1}``.
    """
    unchanged = " AND ".join(same.format(_quoted(name)) for name in PLAIN)
    return " AND ".join([unchanged, *(_group(group, same, joined) for group in PERSONAL)])


def _group(group: str, same: str, joined: str) -> str:
    names = PERSONAL[group]
    kept = " AND ".join(same.format(_quoted(name)) for name in names)
    blank = " AND ".join(f"(NEW.{_quoted(name)} IS NULL OR NEW.{_quoted(name)} IN ('', '{ERASED}'))" for name in names)
    erased = f"EXISTS (SELECT 1 FROM audit_erasure x WHERE x.subject = {_subject(group, joined)})"
    return f"(({kept}) OR ({blank} AND {erased}))"


def _subject(group: str, joined: str) -> str:
    """The SQL for :func:`audit.canonical.subjects` (of OLD)."""
    kinds = " ".join(f"WHEN '{name}' THEN '{kind}:'" for name, kind in TARGET_SUBJECTS.items())
    target = joined.format(f"CASE OLD.target_type {kinds} ELSE '-' END", "OLD.target_id")
    actor = joined.format(joined.format("OLD.actor_type", "':'"), "OLD.actor_id")
    return {
        "actor": f"CASE OLD.actor_type WHEN 'anonymous' THEN {target} ELSE {actor} END",
        "impersonator": joined.format("'user:'", "OLD.impersonator_id"),
        "target": target,
    }[group]


def _quoted(name: str) -> str:
    """`before` and `after` are keywords; both databases take backticks."""
    return f"`{name}`" if name in ("before", "after") else name


def sqlite() -> dict[str, str]:
    """The triggers of a SQLite database."""
    made: dict[str, str] = {}
    for table in TABLES:
        refused = f"BEGIN SELECT RAISE(ABORT, '{table} is append-only: {{}} refused'); END"
        known = " OR ".join(f"{key} = NEW.{key}" for key in _KEYS[table])
        goes = may_delete(table, f"date('now', '-{HOT_DAYS} days')")
        erases = may_erase("NEW.{0} IS OLD.{0}", "({0} || {1})") if table == TABLE else ""
        update = f"WHEN NOT ({erases}) " if erases else ""
        delete = f"WHEN NOT ({goes}) " if goes else ""
        made |= {
            f"{table}_no_update": f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} {update}"
            + refused.format("update"),
            f"{table}_no_delete": f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} {delete}"
            + refused.format("delete"),
            f"{table}_no_replace": f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} "
            f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {known}) " + refused.format("replace"),
        }
    return made


def mariadb() -> dict[str, str]:
    """The triggers of a MariaDB database; columns are compared as bytes, because its collations pass over case."""
    made: dict[str, str] = {}
    for table in TABLES:
        signal = f"SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '{table} is append-only: {{}} refused'"
        goes = may_delete(table, f"UTC_DATE() - INTERVAL {HOT_DAYS} DAY")
        erases = may_erase("BINARY NEW.{0} <=> BINARY OLD.{0}", "CONCAT({0}, {1})") if table == TABLE else ""
        for verb, allowed in (("update", erases), ("delete", goes)):
            refuse = signal.format(verb)
            body = f"IF NOT ({allowed}) THEN {refuse}; END IF" if allowed else refuse
            name = f"{table}_no_{verb}"
            made[name] = f"CREATE TRIGGER {name} BEFORE {verb.upper()} ON {table} FOR EACH ROW {body}"
    return made
