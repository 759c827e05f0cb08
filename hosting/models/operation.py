"""Operations: one attempt to carry out a plan, its journal, and the group commit of activations."""

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from hosting.choices import FINAL_STATES, EntryState, OperationKind, OperationState, Phase
from hosting.models.node import Node
from hosting.models.service import HostingService


class Operation(models.Model):
    """One attempt to carry out a Plan: who asked, why, state, journal, result. The row is also the queue's outbox.

    ``target_key`` names what it works on; ``active_key`` is the same while it runs, so the database itself lets only
    one operation at a time touch a target, and the row says who holds it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(_("kind"), max_length=32, choices=OperationKind.choices)
    state = models.CharField(_("state"), max_length=16, choices=OperationState.choices, default=OperationState.PENDING)
    phase = models.CharField(_("phase"), max_length=16, choices=Phase.choices, default=Phase.QUEUED)
    node = models.ForeignKey(Node, models.SET_NULL, null=True, related_name="operations", verbose_name=_("node"))
    service = models.ForeignKey(
        HostingService, models.SET_NULL, null=True, related_name="operations", verbose_name=_("service")
    )
    target_key = models.CharField(max_length=80)
    target_label = models.CharField(_("on"), max_length=190)
    #: Whose service it was, copied like the rest: history is found by this name when the customer is gone.
    customer_name = models.CharField(_("customer"), max_length=190, blank=True, db_default="")
    active_key = models.CharField(max_length=80, null=True, unique=True)
    #: Refs it is limited to, as ["kind:key", …]; null for all of the service.
    refs = models.JSONField(null=True)
    reverts = models.ForeignKey("self", models.SET_NULL, null=True, related_name="reverted_by")

    actor = models.JSONField(default=dict)
    actor_login = models.CharField(_("asked by"), max_length=190, blank=True)
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    trace_id = models.CharField(_("trace"), max_length=32, db_index=True)
    correlation_id = models.CharField(max_length=64, blank=True)
    request_id = models.CharField(max_length=64, blank=True)

    needs_approval = models.BooleanField(default=False)
    expected_digest = models.CharField(max_length=64, blank=True)
    plan = models.JSONField(null=True)
    plan_digest = models.CharField(max_length=64, blank=True)

    attempts = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField(null=True)
    dispatched_at = models.DateTimeField(null=True)
    lease_owner = models.CharField(max_length=100, blank=True)
    lease_until = models.DateTimeField(null=True)
    fence = models.PositiveIntegerField(default=0)

    error = models.JSONField(null=True)
    result = models.JSONField(default=dict)
    commands = models.JSONField(default=list)
    round_trips = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(_("asked"), auto_now_add=True)
    started_at = models.DateTimeField(_("started"), null=True)
    finished_at = models.DateTimeField(_("finished"), null=True)

    class Meta:
        verbose_name = _("operation")
        verbose_name_plural = _("operations")
        ordering = ("-created_at",)
        indexes = (
            models.Index(fields=["state", "created_at"]),
            models.Index(fields=["service", "created_at"]),
            models.Index(fields=["node", "created_at"]),
            models.Index(fields=["target_key", "state"]),
            models.Index(fields=["target_key", "created_at"]),
            models.Index(fields=["created_at", "id"]),
            models.Index(fields=["finished_at"]),
            models.Index(fields=["kind", "created_at"]),
            models.Index(fields=["target_label"]),
            models.Index(fields=["actor_login"]),
            models.Index(fields=["customer_name"]),
            models.Index(fields=["correlation_id"]),
        )

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.target_label}"

    @property
    def is_final(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state in FINAL_STATES

    @property
    def seconds(self) -> float | None:
        """How long it took from its start to its end, if it has ended."""
        if self.started_at is None or self.finished_at is None:
            return None
        return (self.finished_at - self.started_at).total_seconds()


class JournalEntry(models.Model):
    """One Change of an operation, written down before it is made, with what was there before."""

    operation = models.ForeignKey(Operation, models.PROTECT, related_name="journal")
    seq = models.PositiveIntegerField()
    backward = models.BooleanField(default=False)
    kind = models.CharField(max_length=32)
    key = models.CharField(max_length=300)
    change = models.JSONField()
    state = models.CharField(max_length=12, choices=EntryState.choices, default=EntryState.INTENDED)
    error = models.JSONField(null=True)
    started_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("journal entry")
        verbose_name_plural = _("journal")
        ordering = ("operation", "seq")
        constraints = (models.UniqueConstraint(fields=["operation", "seq"], name="journal_seq_once"),)

    def __str__(self) -> str:
        return f"{self.kind}:{self.key}"


class ActivationTicket(models.Model):
    """An operation that has written its files on a node and waits for the shared test and reload."""

    node = models.ForeignKey(Node, models.CASCADE)
    operation = models.OneToOneField(Operation, models.CASCADE)
    backward = models.BooleanField(default=False)
    leader_fence = models.PositiveIntegerField(default=0)
    done = models.BooleanField(default=False)
    error = models.JSONField(null=True)
    reloads = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("activation ticket")
        indexes = (models.Index(fields=["node", "done"]),)

    def __str__(self) -> str:
        return str(self.operation_id)


class ActivationLock(models.Model):
    """Who leads the activations of a node right now; the fence grows with each leader."""

    node = models.OneToOneField(Node, models.CASCADE)
    holder = models.CharField(max_length=100, blank=True)
    until = models.DateTimeField(null=True)
    fence = models.PositiveIntegerField(default=0)
    reloads = models.JSONField(default=dict)

    class Meta:
        verbose_name = _("activation lock")

    def __str__(self) -> str:
        return f"{self.node}: {self.holder or '-'}"


class WorkerHeartbeat(models.Model):
    """A sign of life of one worker process group."""

    name = models.CharField(max_length=100, unique=True)
    at = models.DateTimeField()
    details = models.JSONField(default=dict)

    class Meta:
        verbose_name = _("worker")
        verbose_name_plural = _("workers")

    def __str__(self) -> str:
        return self.name
