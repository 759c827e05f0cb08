"""Checks that each node answers over SSH with the host key that was pinned."""

from django.utils.translation import gettext_lazy as _

from observability import metrics
from observability.health.base import Result, health_check
from observability.health.targets import Target, ssh_probe

LIMIT_SECONDS = 2.0
_ADVICE = {
    "host_key_changed": "Do not connect. Find out why the key changed before you pin a new one.",
    "host_key_unknown": "Pin the node's host key with `manage.py node_check`.",
    "refused": "Start sshd on the node, or correct its port.",
    "timeout": "Check the node's power, network and firewall.",
    "auth": "Bootstrap the node again so that it knows the panel's key.",
}


@health_check(
    "ssh",
    timeout=LIMIT_SECONDS + 0.5,
    slow=1.0,
    per_target="node",
    title=_("Connection to the node"),
    means=_("NPanel can change nothing there. Sites that run go on running."),
    runbook="node-down",
)
def check_ssh(node: Target) -> Result:
    """Let the registered probe reach the node; the kind of failure is counted."""
    probe = ssh_probe()
    if probe is None:
        return Result.down("no SSH probe is registered", advice="The hosting app registers it; is it installed?")
    try:
        probe(node, LIMIT_SECONDS)
    except Exception as error:  # noqa: BLE001 - each library's own errors; the type is what we report
        error_type = error_type_of(error)
        metrics.ssh_failed(error_type)
        advice = _ADVICE.get(error_type, "Try it by hand: `manage.py node_check`.")
        return Result.down(f"{error_type}: {error}", advice=advice, error_type=error_type)
    return Result.up("answers", address=node.address, port=node.port)


def error_type_of(error: BaseException) -> str:
    """The label of ``npanel_ssh_failures_total`` for an exception."""
    named = str(getattr(error, "error_type", ""))
    if named in metrics.SSH_ERROR_TYPES:
        return named
    for kind, label in ((TimeoutError, "timeout"), (ConnectionRefusedError, "refused"), (ConnectionError, "dropped")):
        if isinstance(error, kind):
            return label
    return "other"
