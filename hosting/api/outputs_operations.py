"""What answers say of operations, of what they wait for, and of bulk runs."""

from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from hosting import selectors
from hosting.api.authentication import actor_of
from hosting.choices import BulkItemState, IntentState, Reversibility, Risk
from hosting.errors import HostingError
from hosting.models import BulkItem, BulkRun, Intent, Operation
from hosting.operations.present import plan_view, possible, progress
from hosting.services.bulk import counts
from hosting.troubles import spared


def _told(error: dict[str, Any] | None) -> dict[str, Any] | None:
    """A stored error in the reader's language."""
    return HostingError.from_stored(error).as_dict() if error else None


def _intent(row: Operation | BulkRun) -> dict[str, Any] | None:
    """The confirmation that something waits for, or had."""
    try:
        return IntentOutput(row.intent).data
    except ObjectDoesNotExist:
        return None


class IntentOutput(serializers.ModelSerializer):
    """A confirmation: what is risked, and until when it can be given. The token is shown by prepare alone."""

    state = serializers.ChoiceField(IntentState.choices, read_only=True)
    risk = serializers.ChoiceField(Risk.choices, read_only=True)
    reversibility = serializers.ChoiceField(Reversibility.choices, read_only=True)
    impacted = serializers.ListField(child=serializers.CharField(), read_only=True)

    class Meta:
        model = Intent
        fields = ("state", "risk", "reversibility", "impacted", "digest", "expires_at", "closed_at")
        read_only_fields = fields


class ErrorOutput(serializers.Serializer):
    """What went wrong in an operation."""

    code = serializers.CharField()
    detail = serializers.CharField()
    hint = serializers.CharField()
    permanent = serializers.BooleanField()


class OperationRow(serializers.ModelSerializer):
    """An operation in a list."""

    target = serializers.CharField(source="target_label", read_only=True)
    error = serializers.SerializerMethodField()
    node_name = serializers.SerializerMethodField()
    asked_by = serializers.CharField(source="actor_login", read_only=True)

    class Meta:
        model = Operation
        fields: tuple[str, ...] = (
            "id", "kind", "state", "phase", "target", "service", "node_name", "needs_approval", "plan_digest",
            "asked_by", "reason", "trace_id", "error", "created_at", "started_at", "finished_at",
        )  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(ErrorOutput(allow_null=True))
    def get_error(self, row: Operation) -> dict[str, Any] | None:
        """What went wrong, if something did; the server's own words are for operators."""
        if row.error and not selectors.sees_all(actor_of(self.context["request"])):
            return spared(row.error)
        return _told(row.error)

    @extend_schema_field(OpenApiTypes.STR)
    def get_node_name(self, row: Operation) -> str:
        """The node it works on."""
        return row.node.name if row.node else ""


class ChangeOutput(serializers.Serializer):
    """One change of a plan."""

    action = serializers.CharField()
    kind = serializers.CharField()
    key = serializers.CharField()
    diff = serializers.ListField(child=serializers.CharField())
    state = serializers.CharField(help_text=_("How far it has come; empty before it was begun."))


class PlanOfOperation(serializers.Serializer):
    """What an operation is to change, or has changed."""

    known = serializers.BooleanField(help_text=_("False until the worker has looked at the node."))
    summary = serializers.CharField()
    counts = serializers.DictField(child=serializers.IntegerField())
    risk = serializers.CharField()
    reversibility = serializers.CharField()
    changes = ChangeOutput(many=True)


class PossibleOutput(serializers.Serializer):
    """What can be done with an operation now."""

    approve = serializers.BooleanField()
    confirm = serializers.BooleanField(help_text=_("Prepare it, then confirm it; it can spoil much."))
    cancel = serializers.BooleanField()
    retry = serializers.BooleanField()
    roll_back = serializers.BooleanField()
    discard = serializers.BooleanField()


class ProgressOutput(serializers.Serializer):
    """How far an operation is."""

    words = serializers.CharField()
    made = serializers.IntegerField()
    total = serializers.IntegerField()


class OperationOutput(OperationRow):
    """An operation with its plan, its progress, and what can be done with it."""

    plan = serializers.SerializerMethodField()
    progress = serializers.SerializerMethodField()
    possible = serializers.SerializerMethodField()
    intent = serializers.SerializerMethodField()

    class Meta(OperationRow.Meta):
        fields: tuple[str, ...] = (*OperationRow.Meta.fields, "plan", "progress", "possible", "intent")
        read_only_fields = fields

    @extend_schema_field(PlanOfOperation)
    def get_plan(self, row: Operation) -> dict[str, Any]:
        """The plan as people read it."""
        view = plan_view(row)
        shown = ("action", "kind", "key", "diff", "state")
        changes = [{name: getattr(change, name) for name in shown} for group in view.groups for change in group.changes]
        return {
            "known": view.known,
            "summary": view.summary,
            "counts": view.counts,
            "risk": view.risk,
            "reversibility": view.reversibility,
            "changes": changes,
        }

    @extend_schema_field(ProgressOutput)
    def get_progress(self, row: Operation) -> dict[str, Any]:
        """How far it is."""
        view = progress(row)
        return {"words": view.words, "made": view.made, "total": view.total}

    @extend_schema_field(PossibleOutput)
    def get_possible(self, row: Operation) -> dict[str, bool]:
        """What can be done with it now."""
        view = possible(row)
        return {name: getattr(view, name) for name in PossibleOutput().fields}

    @extend_schema_field(IntentOutput(allow_null=True))
    def get_intent(self, row: Operation) -> dict[str, Any] | None:
        """The confirmation it waits for, or had."""
        return _intent(row)


class Preparation(OperationOutput):
    """A plan with the token that confirms it: shown once, and good for ten minutes."""

    token = serializers.CharField(read_only=True)

    class Meta(OperationOutput.Meta):
        fields: tuple[str, ...] = (*OperationOutput.Meta.fields, "token")
        read_only_fields = fields


class BulkOutput(serializers.ModelSerializer):
    """A bulk run, with how many of its services are in each state."""

    options = serializers.DictField(child=serializers.CharField(), read_only=True)
    asked_by = serializers.CharField(source="actor_login", read_only=True)
    counts = serializers.SerializerMethodField()
    intent = serializers.SerializerMethodField()

    class Meta:
        model = BulkRun
        fields: tuple[str, ...] = (
            "id", "kind", "state", "options", "digest", "total", "counts", "stopping", "asked_by", "reason",
            "trace_id", "intent", "created_at", "finished_at",
        )  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(serializers.DictField(child=serializers.IntegerField()))
    def get_counts(self, row: BulkRun) -> dict[str, int]:
        """How many services are in each state."""
        return counts(row)

    @extend_schema_field(IntentOutput(allow_null=True))
    def get_intent(self, row: BulkRun) -> dict[str, Any] | None:
        """The confirmation it waits for, or had."""
        return _intent(row)


class BulkPreparation(BulkOutput):
    """A bulk run with the token that confirms it: shown once, and good for ten minutes."""

    token = serializers.CharField(read_only=True)

    class Meta(BulkOutput.Meta):
        fields: tuple[str, ...] = (*BulkOutput.Meta.fields, "token")
        read_only_fields = fields


class BulkItemOutput(serializers.ModelSerializer):
    """One service of a bulk run: its operation, or why there is none."""

    name = serializers.CharField(source="label", read_only=True)
    state = serializers.ChoiceField(BulkItemState.choices, read_only=True)
    error = serializers.SerializerMethodField()

    class Meta:
        model = BulkItem
        fields = ("id", "run", "service", "name", "state", "operation", "error", "attempts")
        read_only_fields = fields

    @extend_schema_field(ErrorOutput(allow_null=True))
    def get_error(self, row: BulkItem) -> dict[str, Any] | None:
        """Why it was refused, or what went wrong."""
        return _told(row.error)
