"""Exim's queue: what waits in it, and messages that are held, released or deleted by operations."""

from importlib import resources
from typing import ClassVar

from hosting.adapters._values import checked, of_type
from hosting.adapters.base import Adapter, Scope, register
from hosting.adapters.mail_queue.answers import Queue, messages_of, queue_of
from hosting.connections.base import Context, Run, Steps
from hosting.errors import HostingError
from hosting.state import Change, QueuedMessage, Resource
from hosting.state.mail_queue import MESSAGE_ID
from hosting.texts import N_

_PROGRAM = resources.files(__name__).joinpath("queue_on_node.py").read_bytes()
#: So many of the newest messages are told of; there may be many more, and their number is told.
TOLD = 1000
_PATIENCE = 60.0


@register
class MailQueueAdapter(Adapter):
    """Messages by name. Only who asks for them sees them, so what waits is no drift."""

    kind = "mail_queue"
    handles: ClassVar[tuple[type[Resource], ...]] = (QueuedMessage,)

    def observe(self, scope: Scope) -> Steps[tuple[Resource, ...]]:
        """One round for those that are asked for by name."""
        ids = scope.keys(QueuedMessage.kind) or []
        if not ids:
            return ()
        (reply,) = yield [_ask("show", *map(_id, ids))]
        found = (QueuedMessage(one.message_id, one.held) for one in messages_of(reply.text))
        return tuple(sorted(found, key=lambda message: message.key))

    def apply(self, change: Change, context: Context) -> Steps[None]:
        """Have Exim freeze, thaw or remove a message.

        Raises:
            HostingError: ``message_gone``: it was delivered, returned or removed meanwhile.
        """
        message = of_type(QueuedMessage, change.resource)
        if change.before is None:
            raise HostingError(
                N_("The message %(name)s does not wait any more.", name=message.message_id),
                code="message_gone",
                hint=N_("It was delivered, returned to its sender, or deleted."),
            )
        act = "-Mrm" if change.after is None else "-Mf" if message.held else "-Mt"
        # One that is gone or being delivered is no error here: what is there afterwards tells.
        yield [Run(("/usr/sbin/exim4", act, _id(message.message_id)), ok=(0, 1))]


def look() -> Steps[Queue]:
    """A node's queue as it is now."""
    (reply,) = yield [_ask("list", str(TOLD))]
    return queue_of(reply.text)


def retry(*message_ids: str) -> Steps[None]:
    """Have delivery of these messages tried now, whatever time was set for it."""
    yield [_ask("retry", *map(_id, message_ids))]


def _ask(act: str, *words: str) -> Run:
    return Run(("/usr/bin/python3", "-I", "-S", "-", act, *words), stdin=_PROGRAM, timeout=_PATIENCE)


def _id(text: str) -> str:
    return checked(text, MESSAGE_ID, N_("message"))
