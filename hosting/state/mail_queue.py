"""A message that waits in the queue of a node's mail server."""

import re
from dataclasses import dataclass
from typing import ClassVar

from hosting.state.resources import Resource, register_resource

#: How Exim names a message, before and since its version 4.97.
MESSAGE_ID = re.compile(r"[0-9A-Za-z]{6}-[0-9A-Za-z]{6,11}-[0-9A-Za-z]{2,4}")


@register_resource
@dataclass(frozen=True, slots=True)
class QueuedMessage(Resource):
    """One message in the queue. It came by itself and goes by itself, so it is wanted by operations alone.

    Args:
        message_id: what the mail server calls it.
        held: it is not tried again until somebody releases it.
    """

    kind: ClassVar[str] = "queued_message"
    message_id: str
    held: bool = False

    @property
    def key(self) -> str:
        return self.message_id
