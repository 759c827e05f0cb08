"""The append-only table of audit events."""

import uuid
from typing import Any, NoReturn

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.choices import ActorType, Outcome
from audit.errors import AppendOnlyViolation


def now_ms() -> Any:
    """The current time (aware), cut to milliseconds, which both databases store alike."""
    now = timezone.now()
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def _refuse(what: str) -> NoReturn:
    raise AppendOnlyViolation(f"Audit events are append-only: {what} is refused.")


class EventQuerySet(models.QuerySet["Event"]):
    """Reads, and inserts one new event at a time or many; nothing else."""

    def update(self, **kwargs: Any) -> NoReturn:
        _refuse("update()")

    async def aupdate(self, **kwargs: Any) -> NoReturn:
        _refuse("aupdate()")

    def _update(self, *args: Any, **kwargs: Any) -> NoReturn:
        _refuse("update")

    def delete(self) -> NoReturn:
        _refuse("delete()")

    async def adelete(self) -> NoReturn:
        _refuse("adelete()")

    def _raw_delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        _refuse("delete")

    def bulk_update(self, *args: Any, **kwargs: Any) -> NoReturn:
        _refuse("bulk_update()")

    async def abulk_update(self, *args: Any, **kwargs: Any) -> NoReturn:
        _refuse("abulk_update()")

    def update_or_create(self, *args: Any, **kwargs: Any) -> NoReturn:
        _refuse("update_or_create()")

    async def aupdate_or_create(self, *args: Any, **kwargs: Any) -> NoReturn:
        _refuse("aupdate_or_create()")

    def bulk_create(self, objs: Any, *args: Any, **kwargs: Any) -> Any:
        if kwargs.get("update_conflicts") or kwargs.get("ignore_conflicts") or len(args) > 1:
            _refuse("bulk_create() with conflict handling")
        return super().bulk_create(objs, *args, **kwargs)

    delete.alters_data = True  # type: ignore[attr-defined]
    delete.queryset_only = True  # type: ignore[attr-defined]


class Event(models.Model):
    """One thing that happened, was tried or was refused, with everything copied as text.

    There are no foreign keys at all: MariaDB cascades silently and triggers do not see it (SECURITY §2), and
    deleting a customer, service or operator must change no row here. Triggers (:mod:`audit.triggers`) refuse
    UPDATE and DELETE below Django.

    The place of the sealer: chaining and signing is the work of a separate process and of a separate table,
    ``Seal(seq, event_uid, previous_hash, hash, sealed_at)``, which references events by ``uid`` and is written
    only by the sealer's own database account. It finds work by an anti-join (events without a seal), never by
    ``id > last``, because a transaction that commits late has a lower id. So rows here are never updated, not
    even by the sealer, and no column waits for it.
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

    objects = EventQuerySet.as_manager()

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

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Insert a new event; raises AppendOnlyViolation for one that exists."""
        if not self._state.adding or kwargs.get("force_update") or kwargs.get("update_fields"):
            _refuse("saving an existing event")
        kwargs["force_insert"] = True
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        _refuse("delete()")

    async def adelete(self, *args: Any, **kwargs: Any) -> NoReturn:
        _refuse("adelete()")
