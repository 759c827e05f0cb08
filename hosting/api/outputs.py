"""What answers say, one serializer for each resource; secrets are in none of them."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.choices import Role
from accounts.models import Customer
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
    Webhook,
    WebhookDelivery,
)
from hosting.services.plans import LIMITS


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
        fields = (
            "id",
            "service",
            "name",
            "is_primary",
            "www",
            "php",
            "has_zone",
            "certificate",
            "https_redirect",
            "hsts",
            "created_at",
        )
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
