"""Mail that waits, over the API: queues of nodes (for operators), and messages with what can be done with them."""

from django_filters import rest_framework as filters
from rest_framework import serializers

from hosting import selectors
from hosting.api.filters import Number
from hosting.api.inputs import Reason, _example
from hosting.api.views.base import Readable, act, removes
from hosting.models import MailQueue, QueuedMessage


@_example(sender="shop@example.com", reason="a hacked form")
class ClearInput(Reason):
    """Whose messages are to be deleted; "" for reports of mail servers."""

    sender = serializers.CharField(max_length=320, allow_blank=True)


class MailQueueOutput(serializers.ModelSerializer):
    """The mail queue of a node."""

    class Meta:
        model = MailQueue
        fields = ("id", "node", "total", "oldest_at", "seen_at", "note")
        read_only_fields = fields


class QueuedMessageOutput(serializers.ModelSerializer):
    """A message that waits, with at most 50 of those it has not reached; what it says is in no answer."""

    recipients = serializers.ListField(child=serializers.CharField(), read_only=True)

    class Meta:
        model = QueuedMessage
        fields = (
            "id", "node", "service", "message_id", "sender", "recipients", "recipient_count", "size", "since", "held",
            "said",
        )  # fmt: skip
        read_only_fields = fields


class MailQueueFilter(filters.FilterSet):
    """By node."""

    node = Number(field_name="node_id")

    class Meta:
        model = MailQueue
        fields = ("node",)


class QueuedMessageFilter(filters.FilterSet):
    """By node, service or sender."""

    node = Number(field_name="node_id")
    service = Number(field_name="service_id")
    sender = filters.CharFilter(field_name="sender", lookup_expr="exact", max_length=320)
    message_id = filters.CharFilter(field_name="message_id", lookup_expr="exact", max_length=32)

    class Meta:
        model = QueuedMessage
        fields = ("node", "service", "sender", "message_id")


class MailQueues(Readable):
    """Mail queues of nodes; for operators alone."""

    scope, selector = "mail_queue", selectors.mail_queues
    serializer_class = MailQueueOutput
    filterset_class = MailQueueFilter
    ordering_fields = ("id",)
    clear = act("mail_queue.clear", ClearInput)


class QueuedMessages(Readable):
    """Messages that wait: all for operators, for others those that their services sent or are to get."""

    scope, selector = "mail_queue", selectors.queued_messages
    serializer_class = QueuedMessageOutput
    filterset_class = QueuedMessageFilter
    ordering_fields = ("id", "since")
    retry = act("mail_queue.retry")
    hold = act("mail_queue.hold", Reason)
    release = act("mail_queue.release", Reason)
    destroy = removes("mail_queue.delete")
