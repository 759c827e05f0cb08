"""What the agent can do, by name: each request is performed, timed, and recorded when it changed something."""

from __future__ import annotations

import errno
import os
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

from . import failpoints
from .commands import Groups, run
from .directories import mkdir, move, symlink
from .facts import list_directory, stat_path
from .fields import Fields
from .files import read, read_all, write
from .journal import Journal
from .network import http_request, tcp
from .trees import remove
from .warden import Helper, HelperLost, Warden
from .wire import Refused

FILES: dict[str, Callable[[Fields], dict[str, Any]]] = {
    "read": read,
    "read_all": read_all,
    "write": write,
    "mkdir": mkdir,
    "symlink": symlink,
    "remove": remove,
    "move": move,
    "list": list_directory,
    "stat": stat_path,
}
NETWORK: dict[str, Callable[[Fields], dict[str, Any]]] = {"http": http_request, "tcp": tcp}
_CODES = {
    errno.ENOENT: "not_found",
    errno.EACCES: "no_permission",
    errno.EPERM: "no_permission",
    errno.ENOSPC: "no_space",
    errno.EDQUOT: "no_space",
    errno.EROFS: "read_only",
    errno.ELOOP: "is_link",
    errno.EXDEV: "other_file_system",
    errno.ENOTEMPTY: "not_empty",
}


def perform_files(request: dict[str, Any]) -> dict[str, Any]:
    """Perform one file request as whoever this process is; every failure is a reply."""
    try:
        fields = Fields(request)
        operation = FILES.get(fields.text("op"))
        if operation is None:
            raise Refused("unknown_op", "that is no file request")
        return operation(fields)
    except Refused as refusal:
        return refusal.as_reply()
    except (OSError, UnicodeError) as error:
        return _refusal(error, request).as_reply()


def _refusal(error: Exception, request: dict[str, Any]) -> Refused:
    path = request.get("path") or request.get("directory") or request.get("source") or ""
    if not isinstance(error, OSError):
        return Refused("unsafe_path", f"{path!r} cannot be a file name")
    return Refused(_CODES.get(error.errno or 0, "io_error"), f"{path}: {os.strerror(error.errno or 0)}")


class Performer:
    """Performs the requests of one batch in order, in one thread.

    Args:
        warden: makes the helpers that act as a user.
        groups: where running commands are known.
        journal: where changes are recorded.
        context: ``trace_id`` and ``operation_id`` of the batch.
        failpoint: where to die, in a drill; "" normally.
    """

    def __init__(
        self, warden: Warden, groups: Groups, journal: Journal, context: dict[str, Any], failpoint: str = ""
    ) -> None:
        self._warden, self._groups, self._journal = warden, groups, journal
        self._context, self._failpoint = context, failpoint
        self._helpers: dict[str, Helper] = {}

    def perform(self, request: Any) -> dict[str, Any]:
        """The reply to one request; an error is a reply too."""
        started = time.monotonic()
        try:
            reply = self._answer(request)
        except Refused as refusal:
            reply = refusal.as_reply()
        except Exception as error:  # noqa: BLE001 (one request must not end the connection; the trace goes to stderr)
            traceback.print_exc(file=sys.stderr)
            reply = Refused("agent_fault", f"the agent failed: {type(error).__name__}").as_reply()
        reply["seconds"] = time.monotonic() - started
        self._record(request, reply)
        return reply

    def close(self) -> None:
        """End the helpers."""
        for helper in self._helpers.values():
            helper.close()

    def _answer(self, request: Any) -> dict[str, Any]:
        fields = Fields(request)
        name, user = fields.text("op"), fields.user
        if name == "run":
            return run(fields, self._groups)
        if name in NETWORK:
            return NETWORK[name](fields)
        if name not in FILES:
            raise Refused("unknown_op", f"the agent cannot do {name!r}")
        request = {**request, "failpoint": self._failpoint}
        return self._as_user(user, request) if user else perform_files(request)

    def _as_user(self, user: str, request: dict[str, Any]) -> dict[str, Any]:
        try:
            if user not in self._helpers:
                self._helpers[user] = self._warden.helper(user)
            return self._helpers[user].ask(request)
        except (HelperLost, OSError) as error:
            if self._failpoint:
                failpoints.die()
            if user in self._helpers:
                self._helpers.pop(user).close()
            raise Refused("helper_lost", str(error)) from error

    def _record(self, request: Any, reply: dict[str, Any]) -> None:
        argv = _recorded(request)
        error = reply.get("error")
        if not argv or not (error or reply.get("changed") or argv[0] != request["op"]):
            return
        status = error.get("exit_status", 1) if error else reply.get("exit_status", 0)
        trace, operation = str(self._context.get("trace_id", "")), str(self._context.get("operation_id", ""))
        self._journal.record(argv, trace=trace, operation=operation, status=status, seconds=reply["seconds"])


def _recorded(request: Any) -> list[str]:
    """How a request appears in the journal; [] for one that only looks. Contents, headers and queries never appear."""
    if not isinstance(request, dict):
        return []
    operation = request.get("op")
    if operation == "run":
        argv = request.get("argv")
        return [str(part) for part in argv] if isinstance(argv, list) else []
    if operation == "http" and request.get("method") not in ("GET", "HEAD"):
        return ["HTTP", str(request.get("method")), str(request.get("url")).partition("?")[0]]
    if operation in ("write", "mkdir", "symlink", "remove"):
        return [operation, str(request.get("path"))]
    if operation == "move":
        return [operation, str(request.get("source")), str(request.get("target"))]
    return []
