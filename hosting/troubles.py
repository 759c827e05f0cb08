"""What went wrong, for those who run a site: a server may name its other tenants, so its words are for operators."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy

#: What went wrong, by code; what a server said in its own words is the operators' to read.
_TROUBLES = {
    "stale_plan": gettext_lazy("Something changed since you saw the plan. This is the new one."),
    "configuration_invalid": gettext_lazy("The web server did not accept the new settings."),
    "probe_failed": gettext_lazy("The change was made, but a visitor would not have got the right answer."),
    "intent_expired": gettext_lazy("Nobody confirmed it in time, so it was given up."),
    "zone_invalid": gettext_lazy("The DNS records do not fit together."),
}
_TROUBLE = gettext_lazy("Something on the server did not go as it should.")
_NO_SERVER = gettext_lazy("The server could not be reached.")
_UNREACHABLE = frozenset(
    "connection_failed connection_refused connection_timed_out outcome_unknown agent_unavailable unknown_host_key "
    "host_key_changed authentication_refused".split()
)


def trouble_of(error: Mapping[str, Any] | None) -> str:
    """An operation's error in one sentence that anybody may read; "" when there is none."""
    if not error:
        return ""
    code = str(error.get("code", ""))
    return str(_NO_SERVER if code in _UNREACHABLE else _TROUBLES.get(code, _TROUBLE))


def spared(error: Mapping[str, Any]) -> dict[str, Any]:
    """An operation's error without what the server said: its code, our own sentence, and whether to try again."""
    facts = {"code": str(error.get("code", "")), "detail": trouble_of(error), "hint": ""}
    return {**facts, "permanent": bool(error.get("permanent", True))}
