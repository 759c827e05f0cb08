"""What lists can be narrowed by: few fields, each with an index behind it."""

from django_filters import rest_framework as filters

from accounts.choices import MemberAccess, Role
from accounts.models import Customer, Membership, User
from audit.models import Event
from hosting.choices import (
    BulkItemState,
    BulkState,
    DeliveryState,
    DriftState,
    NodeState,
    OperationKind,
    OperationState,
    ServiceState,
)
from hosting.models import (
    BulkItem,
    BulkRun,
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

_MOST = 2**63 - 1


class Number(filters.NumberFilter):
    """A whole number that the database can hold."""

    def __init__(self, **options: object) -> None:
        super().__init__(min_value=1, max_value=_MOST, **options)

    def get_max_validator(self) -> None:
        """The field has a limit of its own."""
        return


def _text(name: str) -> filters.CharFilter:
    return filters.CharFilter(field_name=name, lookup_expr="exact", max_length=253)


class CustomerFilter(filters.FilterSet):
    """By name or reseller."""

    name = _text("name")
    reseller = Number(field_name="reseller_id")

    class Meta:
        model = Customer
        fields = ("name", "reseller")


class PersonFilter(filters.FilterSet):
    """By address, role or reseller."""

    email = _text("email")
    role = filters.ChoiceFilter(choices=Role.choices)
    reseller = Number(field_name="reseller_id")

    class Meta:
        model = User
        fields = ("email", "role", "reseller")


class MemberFilter(filters.FilterSet):
    """By customer, person or access."""

    customer = Number(field_name="customer_id")
    person = Number(field_name="user_id")
    access = filters.ChoiceFilter(choices=MemberAccess.choices)

    class Meta:
        model = Membership
        fields = ("customer", "person", "access")


class PlanFilter(filters.FilterSet):
    """By name or reseller."""

    name = _text("name")
    reseller = Number(field_name="reseller_id")

    class Meta:
        model = HostingPlan
        fields = ("name", "reseller")


class ServiceFilter(filters.FilterSet):
    """By user name, state, customer, plan or node."""

    username = _text("username")
    state = filters.ChoiceFilter(choices=ServiceState.choices)
    customer = Number(field_name="customer_id")
    plan = Number(field_name="plan_id")
    node = Number(field_name="node_id")

    class Meta:
        model = HostingService
        fields = ("username", "state", "customer", "plan", "node")


class DomainFilter(filters.FilterSet):
    """By service or name."""

    service = Number(field_name="service_id")
    name = _text("name_key")

    class Meta:
        model = Domain
        fields = ("service", "name")


class RecordFilter(filters.FilterSet):
    """By domain."""

    domain = Number(field_name="domain_id")

    class Meta:
        model = DnsRecord
        fields = ("domain",)


class DatabaseFilter(filters.FilterSet):
    """By service or name."""

    service = Number(field_name="service_id")
    name = _text("name")

    class Meta:
        model = Database
        fields = ("service", "name")


class DatabaseUserFilter(DatabaseFilter):
    """By service or name."""

    class Meta:
        model = DatabaseUser
        fields = ("service", "name")


class OperationFilter(filters.FilterSet):
    """By state, kind, service, node or trace."""

    state = filters.ChoiceFilter(choices=OperationState.choices)
    kind = filters.ChoiceFilter(choices=OperationKind.choices)
    service = Number(field_name="service_id")
    node = Number(field_name="node_id")
    trace_id = _text("trace_id")

    class Meta:
        model = Operation
        fields = ("state", "kind", "service", "node", "trace_id")


class BulkFilter(filters.FilterSet):
    """By state or kind."""

    state = filters.ChoiceFilter(choices=BulkState.choices)
    kind = filters.ChoiceFilter(choices=OperationKind.choices)

    class Meta:
        model = BulkRun
        fields = ("state", "kind")


class BulkItemFilter(filters.FilterSet):
    """By run, state or service."""

    run = filters.UUIDFilter(field_name="run_id")
    state = filters.ChoiceFilter(choices=BulkItemState.choices)
    service = Number(field_name="service_id")

    class Meta:
        model = BulkItem
        fields = ("run", "state", "service")


class NodeFilter(filters.FilterSet):
    """By name or state."""

    name = _text("name")
    state = filters.ChoiceFilter(choices=NodeState.choices)

    class Meta:
        model = Node
        fields = ("name", "state")


class DriftFilter(filters.FilterSet):
    """By state, node or service."""

    state = filters.ChoiceFilter(choices=DriftState.choices)
    node = Number(field_name="node_id")
    service = Number(field_name="service_id")

    class Meta:
        model = DriftItem
        fields = ("state", "node", "service")


class EventFilter(filters.FilterSet):
    """By operation, trace, verb or target."""

    operation_id = _text("operation_id")
    trace_id = _text("trace_id")
    verb = _text("verb")
    target_type = _text("target_type")
    target_id = _text("target_id")

    class Meta:
        model = Event
        fields = ("operation_id", "trace_id", "verb", "target_type", "target_id")


class WebhookFilter(filters.FilterSet):
    """By customer."""

    customer = Number(field_name="customer_id")

    class Meta:
        model = Webhook
        fields = ("customer",)


class DeliveryFilter(filters.FilterSet):
    """By webhook or state."""

    webhook = filters.UUIDFilter(field_name="webhook_id")
    state = filters.ChoiceFilter(choices=DeliveryState.choices)

    class Meta:
        model = WebhookDelivery
        fields = ("webhook", "state")
