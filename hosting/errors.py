"""The one error that crosses NPanel's layers: what happened, what it means, what to do."""

from collections.abc import Mapping
from typing import Any, Self

from hosting.texts import NOTHING, Text, as_text, restored


class HostingError(Exception):
    """A refusal or failure that a door can show to a person, in any language (:mod:`hosting.translated`).

    ``detail`` and ``hint`` are plain English, for logs, the audit and tests; ``detail_text`` and ``hint_text`` are
    what is translated.

    Args:
        detail: one sentence that says what happened, ``N_("The domain %(name)s is taken.", name=name)``.
        code: stable machine name, snake_case, e.g. ``domain_taken``.
        hint: one sentence that says what to do next, marked likewise.
        permanent: True when trying again unchanged cannot help.
        field: name of the input field at fault, if there is one.
    """

    code = "hosting_error"
    permanent = True

    def __init__(
        self, detail: Text, *, code: str = "", hint: Text = NOTHING, permanent: bool | None = None, field: str = ""
    ) -> None:
        self.detail_text, self.hint_text = as_text(detail), as_text(hint)
        self.detail, self.hint = str(self.detail_text), str(self.hint_text)
        super().__init__(self.detail)
        self.code = code or type(self).code
        self.permanent = type(self).permanent if permanent is None else permanent
        self.field = field

    def as_dict(self) -> dict[str, str | bool]:
        """The error as JSON-ready facts (``code``, ``detail``, ``hint``, ``permanent``)."""
        return {"code": self.code, "detail": self.detail, "hint": self.hint, "permanent": self.permanent}

    @classmethod
    def from_stored(cls, stored: Mapping[str, Any]) -> Self:
        """The error that :func:`hosting.operations.journal.error_json` put down."""
        detail, hint = stored_texts(stored)
        error = cls(detail, hint=hint)
        error.code = str(stored.get("code") or error.code)
        error.permanent = bool(stored.get("permanent", error.permanent))
        return error


def facts_of(stored: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """A stored error as doors and the audit show it: without the parts that are kept for translation."""
    return None if stored is None else {name: fact for name, fact in stored.items() if name != "texts"}


def stored_texts(stored: Mapping[str, Any]) -> tuple[Text, Text]:
    """Detail and hint of a stored error; one from before texts were kept has its English words only."""
    texts = stored.get("texts")
    kept = texts if isinstance(texts, dict) else {}
    detail, hint = restored(kept.get("detail")), restored(kept.get("hint"))
    return detail or as_text(str(stored.get("detail", ""))), hint or as_text(str(stored.get("hint", "")))


class ConnectionFailed(HostingError):
    """A node could not be reached; nothing ran there. The subclasses say why."""

    code = "connection_failed"
    permanent = False


class UnknownHostKey(ConnectionFailed):
    """The node has no pinned host key yet, so nothing was sent to it."""

    code = "unknown_host_key"
    permanent = True


class HostKeyChanged(ConnectionFailed):
    """The node answered with a host key other than the pinned one (reinstalled, or somebody in between)."""

    code = "host_key_changed"
    permanent = True


class AuthenticationRefused(ConnectionFailed):
    """The node refused our key."""

    code = "authentication_refused"
    permanent = True


class ConnectionRefused(ConnectionFailed):
    """Nothing listens on the node's SSH port, or it is unreachable."""

    code = "connection_refused"


class ConnectionTimedOut(ConnectionFailed):
    """The node did not answer within the deadline."""

    code = "connection_timed_out"


class AgentUnavailable(ConnectionFailed):
    """The node was reached, but the agent did not start there (no Python 3, no root)."""

    code = "agent_unavailable"
    permanent = True


class OutcomeUnknown(HostingError):
    """The connection dropped after a request was sent: it may or may not have run. Observe to find out."""

    code = "outcome_unknown"
    permanent = False


class CommandFailed(HostingError):
    """A command on a node ended with an exit status that was not expected.

    ``argv`` and ``exit_status`` are kept for the journal; ``detail`` holds the first lines of its error output.
    """

    code = "command_failed"
    permanent = False

    def __init__(
        self, detail: Text, *, argv: tuple[str, ...] = (), exit_status: int = -1, hint: Text = NOTHING
    ) -> None:
        super().__init__(detail, hint=hint)
        self.argv = argv
        self.exit_status = exit_status


class CommandTimedOut(CommandFailed):
    """A command on a node was ended because it ran longer than its limit."""

    code = "command_timed_out"


class NodeFileError(HostingError):
    """A file request on a node was refused (link in the path, wrong type, no permission, disk full)."""

    code = "node_file_error"
    permanent = False


class ConfigurationInvalid(HostingError):
    """A daemon's own test refused its configuration. ``path`` names the file at fault when the daemon said so."""

    code = "configuration_invalid"

    def __init__(self, detail: Text, *, path: str = "", hint: Text = NOTHING) -> None:
        super().__init__(detail, hint=hint, permanent=False)
        self.path = path


class ProbeFailed(HostingError):
    """A change was applied, but a visitor would not get what was promised."""

    code = "probe_failed"
    permanent = False


class UnsafeValue(HostingError):
    """A value holds characters that must never reach a configuration file (CR, LF, NUL, U+0085, U+2028…)."""

    code = "unsafe_value"
