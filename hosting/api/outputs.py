"""What answers say, one serializer for each resource; secrets are in none of them."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.choices import MemberAccess, Role
from accounts.models import ApiToken, Customer, Reseller
from audit.choices import Outcome
from audit.models import Event
from hosting import selectors
from hosting.api.authentication import actor_of
from hosting.choices import NodeState
from hosting.models import (
    Database,
    DatabaseUser,
    DnsRecord,
    Domain,
    DriftItem,
    HostingPlan,
    HostingService,
    Node,
    Operation,
    Webhook,
    WebhookDelivery,
)
from hosting.operations.present import plan_view, possible, progress
from hosting.services.plans import LIMITS
from hosting.troubles import spared


class ResellerOutput(serializers.ModelSerializer):
    """A reseller."""

    email = serializers.CharField(read_only=True)

    class Meta:
        model = Reseller
        fields = ("id", "name", "email", "is_active", "max_customers", "max_services", "max_disk_mb", "created_at")
        read_only_fields = fields


class CustomerOutput(serializers.ModelSerializer):
    """A customer; notes are for those who sell."""

    email = serializers.CharField(read_only=True)
    notes = serializers.SerializerMethodField()

    class Meta:
        model = Customer
        fields = ("id", "name", "email", "notes", "reseller", "created_at")
        read_only_fields = fields

    def get_notes(self, row: Customer) -> str:
        """What operators and resellers wrote about the customer; not for the customer."""
        return "" if actor_of(self.context["request"]).role == Role.CUSTOMER else row.notes


class PlanOutput(serializers.ModelSerializer):
    """A hosting plan; a limit of null is unlimited."""

    class Meta:
        model = HostingPlan
        fields = ("id", "name", "reseller", "for_resellers", *LIMITS)
        read_only_fields = fields


class ServiceOutput(serializers.ModelSerializer):
    """A hosting service."""

    node_name = serializers.CharField(source="node.name", read_only=True)

    class Meta:
        model = HostingService
        fields = (
            "id", "username", "state", "out_of_sync", "customer", "plan", "node", "node_name", "php_version",
            "created_at",
        )  # fmt: skip
        read_only_fields = fields


class DomainOutput(serializers.ModelSerializer):
    """A domain."""

    class Meta:
        model = Domain
        fields = ("id", "service", "name", "is_primary", "www", "php", "has_zone", "created_at")
        read_only_fields = fields


class RecordOutput(serializers.ModelSerializer):
    """A DNS record."""

    class Meta:
        model = DnsRecord
        fields = ("id", "domain", "name", "type", "content", "ttl")
        read_only_fields = fields


class DatabaseOutput(serializers.ModelSerializer):
    """A database."""

    class Meta:
        model = Database
        fields = ("id", "service", "name", "charset", "collation", "created_at")
        read_only_fields = fields


class DatabaseUserOutput(serializers.ModelSerializer):
    """A database account."""

    databases = serializers.SerializerMethodField()

    class Meta:
        model = DatabaseUser
        fields = ("id", "service", "name", "host", "databases", "created_at")
        read_only_fields = fields

    @extend_schema_field({"type": "array", "items": {"type": "integer"}})
    def get_databases(self, row: DatabaseUser) -> list[int]:
        """The databases it has rights on."""
        return sorted(grant.database_id for grant in row.grants.all())


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
        """What went wrong, if something did."""
        error = row.error
        if not error:
            return None
        if not selectors.sees_all(actor_of(self.context["request"])):
            return spared(error)
        texts = {name: str(error.get(name, "")) for name in ("code", "detail", "hint")}
        return {**texts, "permanent": bool(error.get("permanent", True))}

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

    class Meta(OperationRow.Meta):
        fields: tuple[str, ...] = (*OperationRow.Meta.fields, "plan", "progress", "possible")
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
        return {name: getattr(view, name) for name in ("approve", "cancel", "retry", "roll_back", "discard")}


class NodeOutput(serializers.ModelSerializer):
    """A server; its keys and secrets are in no answer."""

    public_addresses = serializers.ListField(child=serializers.CharField(), read_only=True)
    nameservers = serializers.ListField(child=serializers.CharField(), read_only=True)
    php_versions = serializers.ListField(child=serializers.CharField(), read_only=True)
    state = serializers.ChoiceField(NodeState.choices, read_only=True)

    class Meta:
        model = Node
        fields = (
            "id", "name", "address", "connection", "ssh_port", "ssh_user", "host_keys", "public_key",
            "public_addresses", "nameservers", "php_versions", "state", "note", "last_seen_at", "scanned_at",
            "created_at",
        )  # fmt: skip
        read_only_fields = fields


class DriftOutput(serializers.ModelSerializer):
    """A difference that no operation explains."""

    diff = serializers.ListField(child=serializers.CharField(), read_only=True)

    class Meta:
        model = DriftItem
        fields = (
            "id", "node", "service", "adapter", "kind", "key", "diff", "state", "operation", "first_seen_at",
            "last_seen_at", "closed_at", "closed_by",
        )  # fmt: skip
        read_only_fields = fields


class EventOutput(serializers.ModelSerializer):
    """Something that happened; addresses and states before and after are for operators."""

    outcome = serializers.ChoiceField(Outcome.choices, read_only=True)
    ip = serializers.SerializerMethodField()
    before = serializers.SerializerMethodField()
    after = serializers.SerializerMethodField()

    class Meta:
        model = Event
        fields = (
            "id", "occurred_at", "actor_type", "actor_login", "actor_role", "actor_interface", "impersonator_login",
            "verb", "target_type", "target_id", "target_label", "outcome", "reason", "operation_id", "trace_id", "node",
            "ip", "before", "after",
        )  # fmt: skip
        read_only_fields = fields

    def _for_operators(self, value: Any) -> Any:
        return value if selectors.sees_all(actor_of(self.context["request"])) else None

    @extend_schema_field({"type": ["string", "null"]})
    def get_ip(self, row: Event) -> str | None:
        """From where."""
        return self._for_operators(row.actor_ip)

    @extend_schema_field(OpenApiTypes.ANY)
    def get_before(self, row: Event) -> Any:
        """The state before."""
        return self._for_operators(row.before)

    @extend_schema_field(OpenApiTypes.ANY)
    def get_after(self, row: Event) -> Any:
        """The state after."""
        return self._for_operators(row.after)


class TokenOutput(serializers.ModelSerializer):
    """One of one's own tokens, without its secret."""

    scopes = serializers.ListField(child=serializers.CharField(), read_only=True)
    cidrs = serializers.ListField(child=serializers.CharField(), read_only=True)

    class Meta:
        model = ApiToken
        fields = (
            "id", "name", "prefix", "scopes", "cidrs", "expires_at", "revoked_at", "last_used_at", "last_used_ip",
            "created_at",
        )  # fmt: skip
        read_only_fields = fields


class MembershipOutput(serializers.Serializer):
    """A customer whom a person may act for, and how far."""

    customer = serializers.IntegerField(source="customer_id")
    name = serializers.CharField(source="customer.name")
    access = serializers.ChoiceField(MemberAccess.choices)


class MeOutput(serializers.Serializer):
    """Who the bearer is, and what the token is for."""

    id = serializers.IntegerField()
    email = serializers.CharField()
    name = serializers.CharField()
    role = serializers.ChoiceField(Role.choices)
    reseller = serializers.IntegerField(source="reseller_id", allow_null=True)
    memberships = MembershipOutput(many=True)
    token = TokenOutput()


class WebhookOutput(serializers.ModelSerializer):
    """A webhook, without its secret."""

    events = serializers.ListField(child=serializers.CharField(), read_only=True)

    class Meta:
        model = Webhook
        fields: tuple[str, ...] = (
            "id", "customer", "reseller", "url", "events", "is_active", "failing_since", "disabled_reason",
            "created_at",
        )  # fmt: skip
        read_only_fields = fields


class WebhookWithSecret(WebhookOutput):
    """A webhook with the secret that signs what it is told: shown once, and null when the answer is replayed."""

    secret = serializers.CharField(allow_null=True, read_only=True)

    class Meta(WebhookOutput.Meta):
        fields: tuple[str, ...] = (*WebhookOutput.Meta.fields, "secret")
        read_only_fields = fields


class DeliveryOutput(serializers.ModelSerializer):
    """What a webhook was told, or is to be."""

    payload = serializers.DictField(read_only=True)

    class Meta:
        model = WebhookDelivery
        fields = (
            "id", "webhook", "event", "payload", "state", "attempts", "next_at", "response_status", "response_text",
            "created_at", "finished_at",
        )  # fmt: skip
        read_only_fields = fields
