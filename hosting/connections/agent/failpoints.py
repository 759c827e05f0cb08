"""Places where a drill may kill the agent; a request names one only when the panel was started for drills."""

from __future__ import annotations

import os
import signal

BEFORE_RENAME = "agent.before_rename"
AFTER_RENAME = "agent.after_rename"
BEFORE_REPLY = "agent.before_reply"


def hit(wanted: str, here: str) -> None:
    """Die at once, without any cleaning up, when this is the wanted place."""
    if wanted == here:
        die()


def die() -> None:
    """End this process as a power cut would."""
    os.kill(os.getpid(), signal.SIGKILL)
