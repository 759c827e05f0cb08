"""The append-only table of audit events."""

import uuid
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.choices import ActorType, Outcome
from audit.models.append_only import AppendOnlyModel


def now_ms() -> Any:
    """The current time (aware), cut to milliseconds, which both databases store alike."""
    now = timezone.now()
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


class Event(AppendOnlyModel):
    """One thing that happened, was tried or was refused, with everything copied as text.

    There are no foreign keys at all: MariaDB cascades silently and triggers do not see it (SECURITY §2), and
    deleting a customer, service or operator must change no row here. Triggers (:mod:`audit.triggers`) refuse
    UPDATE and DELETE below Django.

    A separate process seals events (:mod:`audit.sealing`) in a table of its own, which names them by id and uid. It
    finds work by an anti-join, never by ``id > last``, because a transaction that commits late has a lower id. So no
    column here waits for it. Two things pass the triggers: retention of what is sealed, archived and proved, and the
    erasure of a person's fields (ADR 12, ADR 13).
    """

    id = models.BigAutoField(primary_key=True)
    uid = models.UUIDField(_("event id"), default=uuid.uuid4, unique=True, editable=False)
    occurred_at = models.DateTimeField(_("time"), default=now_ms, db_index=True)

    actor_type = models.CharField(_("actor type"), max_length=16, choices=ActorType.choices)
    actor_id = models.CharField(_("actor id"), max_length=64, blank=True, default="")
    actor_login = models.CharField(_("actor"), max_length=191, blank=True, default="")
    actor_role = models.CharField(_("role"), max_length=32, blank=True, default="")
    actor_interface = models.CharField(_("interface"), max_length=32, blank=True, default="")
    actor_ip = models.CharField(_("IP address"), max_length=45, blank=True, default="")
    session_digest = models.CharField(_("session digest"), max_length=64, blank=True, default="")
    impersonator_id = models.CharField(_("impersonator id"), max_length=64, blank=True, default="")
    impersonator_login = models.CharField(_("impersonator"), max_length=191, blank=True, default="")

    verb = models.CharField(_("verb"), max_length=64)
    target_type = models.CharField(_("target type"), max_length=64, blank=True, default="")
    target_id = models.CharField(_("target id"), max_length=64, blank=True, default="")
    target_label = models.CharField(_("target"), max_length=255, blank=True, default="")
    outcome = models.CharField(_("outcome"), max_length=16, choices=Outcome.choices)
    reason = models.TextField(_("reason"), blank=True, default="")

    trace_id = models.CharField(_("trace id"), max_length=32, blank=True, default="")
    correlation_id = models.CharField(_("correlation id"), max_length=64, blank=True, default="")
    request_id = models.CharField(_("request id"), max_length=36, blank=True, default="")
    operation_id = models.CharField(_("operation id"), max_length=36, blank=True, default="")

    before = models.JSONField(_("before"), null=True, blank=True, encoder=DjangoJSONEncoder)
    after = models.JSONField(_("after"), null=True, blank=True, encoder=DjangoJSONEncoder)

    node = models.CharField(_("node"), max_length=191, blank=True, default="")
    version = models.CharField(_("NPanel version"), max_length=32, blank=True, default="")

    class Meta:
        verbose_name = _("audit event")
        verbose_name_plural = _("audit events")
        base_manager_name = "objects"
        default_manager_name = "objects"
        default_permissions = ("view",)
        ordering = ("-id",)
        # An index on a text column also orders equal values by id, so each search page is a short range scan.
        indexes = [
            models.Index(fields=["trace_id"], name="audit_trace"),
            models.Index(fields=["correlation_id"], name="audit_correlation"),
            models.Index(fields=["operation_id"], name="audit_operation"),
            models.Index(fields=["target_type", "target_id"], name="audit_target"),
            models.Index(fields=["target_label"], name="audit_target_label"),
            models.Index(fields=["actor_login"], name="audit_actor"),
            models.Index(fields=["actor_ip"], name="audit_actor_ip"),
            models.Index(fields=["verb"], name="audit_verb"),
            models.Index(fields=["outcome"], name="audit_outcome"),
        ]

    def __str__(self) -> str:
        return f"{self.verb} {self.target_label or self.target_id} {self.outcome}".replace("  ", " ")
