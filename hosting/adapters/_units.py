"""What a set of changes means for a systemd unit of a daemon's."""

from collections.abc import Iterable

from hosting.state import Change, DaemonUnit


def ends(changes: Iterable[Change], unit: str) -> bool:
    """Whether the changes take a unit away or stop it, so that there is no daemon to test or to reload.

    Args:
        unit: the unit's name with suffix.
    """
    for change in changes:
        if change.kind == DaemonUnit.kind and change.key == unit:
            return not (isinstance(change.after, DaemonUnit) and change.after.running)
    return False
