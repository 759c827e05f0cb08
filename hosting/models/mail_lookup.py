"""Questions about mail that only the worker can answer, and its answers, for a day."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from hosting.choices import LookupKind, LookupState
from hosting.models.domain import Domain
from hosting.models.node import Node
from hosting.models.service import HostingService


class MailLookup(models.Model):
    """One question: what became of mail, or how well a domain's mail will be taken elsewhere.

    ``service`` is whose question it is: who sees that service sees both. Without one it is an operator's.
    """

    kind = models.CharField(_("question"), max_length=8, choices=LookupKind.choices)
    state = models.CharField(_("state"), max_length=8, choices=LookupState.choices, default=LookupState.WAITING)
    node = models.ForeignKey(Node, models.CASCADE, related_name="mail_lookups", verbose_name=_("node"))
    service = models.ForeignKey(
        HostingService, models.CASCADE, null=True, related_name="mail_lookups", verbose_name=_("service")
    )
    domain = models.ForeignKey(Domain, models.CASCADE, null=True, related_name="mail_lookups", verbose_name=_("domain"))
    query = models.CharField(_("looked for"), max_length=320, blank=True)
    answer = models.JSONField(null=True)
    error = models.JSONField(null=True)
    actor_login = models.CharField(_("asked by"), max_length=190, blank=True)
    created_at = models.DateTimeField(_("asked"), auto_now_add=True)
    #: A worker is at it since then.
    taken_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(_("answered"), null=True)

    class Meta:
        verbose_name = _("mail lookup")
        verbose_name_plural = _("mail lookups")
        ordering = ("-id",)
        indexes = (models.Index(fields=["state", "created_at"]), models.Index(fields=["created_at"]))

    def __str__(self) -> str:
        return self.query or (self.domain.name if self.domain else "")
