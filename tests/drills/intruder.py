"""Somebody who is root on the database changes one event of the audit log, and covers the traces."""

from typing import Any

from tests.drills.stack import Stack

TRIGGER = "audit_event_no_update"
_EVENT = (
    "SELECT e.id, e.actor_login, e.verb FROM audit_event e JOIN audit_seal s ON s.event_id = e.id"
    " WHERE e.verb = 'operation.service_create' AND s.sealed_at < UTC_TIMESTAMP() - INTERVAL 75 SECOND"
    " ORDER BY e.id DESC LIMIT 1"
)


class Intruder:
    """Changes who did something, in an event that the sealer has sealed and looked at since."""

    def __init__(self) -> None:
        self._event: dict[str, Any] | None = None

    def change(self, stack: Stack) -> None:
        """Another name in the newest event about a service; the trigger is gone for a moment only."""
        stack.wait(lambda: stack.rows(_EVENT), "an event that was looked at", seconds=180)
        self._event = stack.rows(_EVENT)[0]
        self._write(stack, "nobody")

    def undo(self, stack: Stack) -> None:
        """As it was, so that the next drill begins with a sound record."""
        if self._event is None:
            return
        self._write(stack, self._event["actor_login"])
        self._event = None
        stack.manage("audit_verify")

    def _write(self, stack: Stack, login: str) -> None:
        assert self._event is not None
        connection = stack.connect()
        cursor = connection.cursor()
        cursor.execute(f"SHOW CREATE TRIGGER {TRIGGER}")
        statement = cursor.fetchone()[2]
        cursor.execute(f"DROP TRIGGER {TRIGGER}")
        cursor.execute("UPDATE audit_event SET actor_login = %s WHERE id = %s", [login, self._event["id"]])
        connection.commit()
        cursor.execute(statement)
        connection.close()
