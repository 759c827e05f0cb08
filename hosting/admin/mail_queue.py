"""The mail queue: what waits on which node and why, and the page where a message is tried again, held or deleted."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.actors import actor_from_request
from audit.actor import Actor
from hosting import selectors
from hosting.admin import cells
from hosting.admin.filters import NodeScope, ServiceScope
from hosting.admin.forms import NoQuestion
from hosting.admin.pages import Action, ObjectAdmin
from hosting.models import Operation, QueuedMessage
from hosting.services import mail_queue


def _retry(actor: Actor, message: QueuedMessage, data: dict[str, Any]) -> QueuedMessage:
    mail_queue.retry_message(actor=actor, message=message)
    return message


def _hold(actor: Actor, message: QueuedMessage, data: dict[str, Any]) -> Operation:
    return mail_queue.hold_message(actor=actor, message=message, **data)


def _release(actor: Actor, message: QueuedMessage, data: dict[str, Any]) -> Operation:
    return mail_queue.release_message(actor=actor, message=message, **data)


def _delete(actor: Actor, message: QueuedMessage, data: dict[str, Any]) -> Operation:
    return mail_queue.delete_message(actor=actor, message=message, reason=data["reason"])


def _clear(actor: Actor, message: QueuedMessage, data: dict[str, Any]) -> Operation:
    queue = selectors.mail_queues(actor).get(node=message.node)
    return mail_queue.clear_queue(actor=actor, queue=queue, sender=message.sender, reason=data["reason"])


RETRY = Action(
    "retry", _("Try again now"), _("Try again now"), _retry, NoQuestion, plans=False, icon="rotate-cw",
    done=_("The worker has its delivery tried now. Look again in a moment."),
)  # fmt: skip
HOLD = Action(
    "hold", _("Hold message"), _("Hold it"), _hold, icon="circle-pause",
    note=_("It stays where it is and is not tried again until somebody releases it."),
)  # fmt: skip
RELEASE = Action(
    "release", _("Release message"), _("Release it"), _release, icon="circle-play",
    note=_("It is tried again at the next run of the queue."),
)  # fmt: skip
DELETE = Action(
    "remove", _("Delete message"), _("Prepare the deletion"), _delete, plans=False, danger=True, icon="trash-2",
    note=_("Nobody receives it, and its sender is not told."),
)  # fmt: skip
CLEAR = Action(
    "clear", _("Delete all of this sender"), _("Prepare the deletion"), _clear, plans=False, danger=True,
    icon="trash-2", note=_("All messages of this sender that wait on this node, 500 at a time."),
)  # fmt: skip


class HeldFilter(admin.SimpleListFilter):
    """Messages that are held, or those that are not."""

    title = _("state")
    parameter_name = "held"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("1", _("Held")), ("0", _("Waiting"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[QueuedMessage]) -> QuerySet[QueuedMessage]:
        return queryset.filter(held=self.value() == "1") if self.value() in ("0", "1") else queryset


@admin.register(QueuedMessage)
class QueuedMessageAdmin(ObjectAdmin):
    """Messages that wait in the nodes' mail queues."""

    list_display = ("from_whom", "badge", "to_whom", "node_name", "service_name", "why", "since_when")
    list_display_links = ("from_whom",)
    list_filter = (HeldFilter, NodeScope, ServiceScope)
    search_fields = ("sender__startswith", "message_id__startswith")
    search_help_text = _("Sender or message, from the beginning")
    sortable_by = ()
    ordering = ("-id",)
    object_template = "admin/npanel/queued_message.html"
    object_actions = (RETRY, HOLD, RELEASE, DELETE, CLEAR)

    def get_queryset(self, request: HttpRequest) -> QuerySet[QueuedMessage]:
        found = selectors.queued_messages(actor_from_request(request))
        return found.select_related(None).prefetch_related("node", "service")

    def facts(self, request: HttpRequest, obj: QueuedMessage, tab: str) -> dict[str, Any]:
        return {
            "menu": (RELEASE, DELETE, CLEAR) if obj.held else (HOLD, DELETE, CLEAR),
            "more": obj.recipient_count - len(obj.recipients),
            "queue": selectors.mail_queues(actor_from_request(request)).filter(node=obj.node).first(),
        }

    @admin.display(description=_("sender"))
    def from_whom(self, message: QueuedMessage) -> str:
        return message.sender or str(_("a mail server's report"))

    @admin.display(description=_("state"))
    def badge(self, message: QueuedMessage) -> str:
        return cells.badge("paused", _("Held")) if message.held else cells.badge("waiting", _("Waiting"))

    @admin.display(description=_("to"))
    def to_whom(self, message: QueuedMessage) -> str:
        first = message.recipients[0] if message.recipients else cells.NOTHING
        return first if message.recipient_count < 2 else f"{first} +{message.recipient_count - 1}"

    @admin.display(description=_("node"))
    def node_name(self, message: QueuedMessage) -> str:
        return cells.link(message.node)

    @admin.display(description=_("service"))
    def service_name(self, message: QueuedMessage) -> str:
        return cells.link(message.service)

    @admin.display(description=_("last said"))
    def why(self, message: QueuedMessage) -> str:
        return message.said[:80] or cells.NOTHING

    @admin.display(description=_("waits since"))
    def since_when(self, message: QueuedMessage) -> str:
        return cells.when(message.since)
