"""What waits in the nodes' mail queues, as the worker saw it last."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from hosting.models.node import Node
from hosting.models.service import HostingService


class MailQueue(models.Model):
    """The mail queue of a node that takes mail."""

    node = models.OneToOneField(Node, models.CASCADE, related_name="mail_queue", verbose_name=_("node"))
    total = models.PositiveIntegerField(_("messages"), default=0)
    #: When the message came that has waited longest.
    oldest_at = models.DateTimeField(_("oldest"), null=True)
    seen_at = models.DateTimeField(_("last look"), null=True)
    #: When it is looked at again, at the earliest; null asks for a look now.
    look_at = models.DateTimeField(null=True)
    note = models.CharField(_("note"), max_length=300, blank=True)
    #: Addresses of the node with the blocklists that have them, as "address zone"; and when the lists were asked.
    listed_on = models.JSONField(default=list)
    listed_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("mail queue")
        verbose_name_plural = _("mail queues")
        ordering = ("node__name",)

    def __str__(self) -> str:
        return self.node.name


class QueuedMessage(models.Model):
    """A message that waits. Its row comes and goes with it; of a queue too long to show, only the newest have one."""

    node = models.ForeignKey(Node, models.CASCADE, related_name="queued_messages", verbose_name=_("node"))
    #: Whose it is: the one who sent it, or the one who alone is to get it; nobody's where neither is certain.
    service = models.ForeignKey(
        HostingService, models.CASCADE, null=True, related_name="queued_messages", verbose_name=_("service")
    )
    message_id = models.CharField(_("message"), max_length=32)
    sender = models.CharField(_("sender"), max_length=320, blank=True)
    recipients = models.JSONField(_("recipients"), default=list)
    recipient_count = models.PositiveIntegerField(_("recipients"), default=0)
    size = models.PositiveBigIntegerField(_("size"), default=0)
    since = models.DateTimeField(_("waits since"))
    held = models.BooleanField(_("held"), default=False)
    #: What the mail server last wrote down of it.
    said = models.CharField(_("last said"), max_length=400, blank=True)
    retry_asked_at = models.DateTimeField(null=True)
    retry_actor = models.JSONField(default=dict)

    class Meta:
        verbose_name = _("waiting message")
        verbose_name_plural = _("waiting messages")
        ordering = ("-since", "-id")
        # Ids that differ in capitals alone are two messages, which not every database's unique index knows.
        indexes = (
            models.Index(fields=["node", "message_id"]),
            models.Index(fields=["node", "sender"]),
            models.Index(fields=["message_id"]),
            models.Index(fields=["sender"]),
            models.Index(fields=["retry_asked_at"]),
        )

    def __str__(self) -> str:
        return self.message_id
