"""What requests may say, one serializer for each shape; the services judge what it means."""

from typing import Any, ClassVar

from django.conf import settings
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from accounts.choices import MemberAccess, Role
from accounts.models import Reseller
from hosting import selectors
from hosting.api.fields import ManyMine, Mine
from hosting.choices import ConnectionKind, WebhookEvent
from hosting.models import HostingPlan
from hosting.services.bulk import MOST, WISHES
from hosting.services.plans import CHANGEABLE, LIMITS

_LARGEST = 2_147_483_647
#: Operators are made and changed in the console: no token makes what outlives it.
ROLES_TO_GIVE = [(role.value, role.label) for role in (Role.CUSTOMER, Role.RESELLER)]


def _example(**value: Any) -> Any:
    """Give a serializer an example, which the description of the API shows."""
    return extend_schema_serializer(examples=[OpenApiExample("Example", value=value, request_only=True)])


class Nothing(serializers.Serializer):
    """No values at all."""


class Reason(serializers.Serializer):
    """Why; kept in the audit log."""

    reason = serializers.CharField(max_length=300, required=False, allow_blank=True)


@_example(name="Example Ltd", email="post@example.com")
class CustomerInput(serializers.Serializer):
    """A new customer."""

    name = serializers.CharField(max_length=120)
    email = serializers.EmailField(max_length=190, required=False, allow_blank=True)
    notes = serializers.CharField(max_length=4000, required=False, allow_blank=True)


class _Limits(serializers.ModelSerializer):
    class Meta:
        model = HostingPlan
        fields = ("name", "for_resellers", "ssh", *LIMITS)
        extra_kwargs = {
            name: {"max_value": 32_767 if name in ("php_processes", "cpu_percent") else _LARGEST} for name in LIMITS
        }


@_example(name="Small", disk_mb=2048, domains=3, databases=2)
class PlanInput(_Limits):
    """A new plan; limits that are left out are the defaults, null is unlimited."""


@_example(disk_mb=4096)
class PlanChange(_Limits):
    """What is to be another way in a plan."""

    class Meta(_Limits.Meta):
        fields = tuple(sorted(CHANGEABLE))


@_example(customer=1, plan=1, domain="example.com")
class ServiceInput(Reason):
    """A new hosting service with its main domain; operators may name the node, otherwise one is chosen."""

    customer = Mine(selectors.customers)
    node = Mine(selectors.nodes, required=False)
    plan = Mine(selectors.plans)
    domain = serializers.CharField(max_length=253)
    username = serializers.CharField(max_length=16, required=False, allow_blank=True)
    php_version = serializers.CharField(max_length=8, required=False, allow_blank=True)
    database = serializers.CharField(max_length=64, required=False, allow_blank=True)
    database_password = serializers.CharField(
        max_length=128, required=False, write_only=True, allow_blank=True, trim_whitespace=False
    )


@_example(php_version="8.4")
class PhpInput(Reason):
    """Another PHP version."""

    php_version = serializers.CharField(max_length=8)


@_example(service=1, name="shop.example.com")
class DomainInput(Reason):
    """One more domain of a service."""

    service = Mine(selectors.services)
    name = serializers.CharField(max_length=253)
    www = serializers.BooleanField(required=False)
    php = serializers.BooleanField(required=False)


@_example(redirect=True)
class HttpsInput(Reason):
    """Whether visitors are sent to HTTPS, and whether browsers insist on it; what is left out stays."""

    redirect = serializers.BooleanField(required=False)
    hsts = serializers.BooleanField(required=False)


@_example(domain=1, name="www", type="A", content="192.0.2.1", ttl=3600)
class RecordInput(Reason):
    """One more record of a zone."""

    domain = Mine(selectors.domains)
    name = serializers.CharField(max_length=253)
    type = serializers.CharField(max_length=10)
    content = serializers.CharField(max_length=8192)
    ttl = serializers.IntegerField(min_value=30, max_value=_LARGEST, required=False)


@_example(content="192.0.2.2")
class RecordChange(Reason):
    """What is to be another way in a record."""

    name = serializers.CharField(max_length=253, required=False)
    content = serializers.CharField(max_length=8192, required=False)
    ttl = serializers.IntegerField(min_value=30, max_value=_LARGEST, required=False)


@_example(service=1, name="shop")
class DatabaseInput(Reason):
    """One more database."""

    service = Mine(selectors.services)
    name = serializers.CharField(max_length=64)


class Password(serializers.CharField):
    """A password: taken as it is, and never given back."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=128, write_only=True, trim_whitespace=False, **options)


@_example(service=1, name="shop", password="a long password")  # noqa: S106 - an example
class DatabaseWithUserInput(DatabaseInput):
    """A database and an account of the same name."""

    password = Password()


@_example(service=1, name="reports", password="a long password", databases=[1])  # noqa: S106 - an example
class DatabaseUserInput(DatabaseInput):
    """One more account."""

    password = Password()
    databases = Mine(selectors.databases, many=True, required=False)
    host = serializers.CharField(max_length=60, required=False)


@_example(password="a longer password")  # noqa: S106 - an example
class PasswordInput(Reason):
    """Another password."""

    password = Password()


@_example(digest="9f2c…", reason="As agreed on the phone")
class ApprovalInput(Reason):
    """Approval of a plan exactly as it was seen."""

    digest = serializers.CharField(max_length=64)


@_example(token="Zk3v…", digest="9f2c…", reason="The customer has left")  # noqa: S106 - an example
class ConfirmationInput(serializers.Serializer):
    """Confirmation of what can spoil much: the token that was shown, the plan it was shown with, and why."""

    token = serializers.CharField(max_length=100, write_only=True)
    digest = serializers.CharField(max_length=64)
    reason = serializers.CharField(max_length=300)


@_example(kind="php_change", services=[1, 2, 3], php_version="8.4", reason="8.2 is not maintained any more")
class BulkInput(Reason):
    """The same for many services."""

    kind = serializers.ChoiceField([(kind.value, kind.label) for kind in WISHES])
    services = ManyMine(selectors.services, most=MOST)
    php_version = serializers.CharField(max_length=8, required=False, help_text=_("For php_change."))


@_example(customer=1, email="kim@example.com", access="manager")
class MemberInput(serializers.Serializer):
    """Somebody who is to come in; who has no account gets one, and a letter."""

    customer = Mine(selectors.customers)
    email = serializers.EmailField(max_length=190)
    name = serializers.CharField(max_length=120, required=False, allow_blank=True)
    access = serializers.ChoiceField(MemberAccess.choices, required=False)


@_example(access="viewer")
class MemberChange(serializers.Serializer):
    """Another access."""

    access = serializers.ChoiceField(MemberAccess.choices)


class Language(serializers.ChoiceField):
    """One of the panel's languages; empty for the browser's."""

    def __init__(self, **options: Any) -> None:
        super().__init__(settings.LANGUAGES, allow_blank=True, **options)


class _Person(serializers.Serializer):
    """What is said of a person."""

    email = serializers.EmailField(max_length=190)
    name = serializers.CharField(max_length=120, required=False, allow_blank=True)
    language = Language(required=False)
    role = serializers.ChoiceField(ROLES_TO_GIVE)
    reseller = Mine(selectors.resellers, required=False, allow_null=True)


@_example(email="kim@example.com", name="Kim", role="customer")
class PersonInput(_Person):
    """A new person, who chooses a password by the reset letter."""


@_example(name="Kim Example", is_active=True)
class PersonChange(_Person):
    """What is to be another way with a person."""

    is_active = serializers.BooleanField(required=False)


@_example(language="de")
class ProfileChange(serializers.Serializer):
    """What is to be another way with oneself."""

    name = serializers.CharField(max_length=120, required=False, allow_blank=True)
    language = Language(required=False)


@_example(name="North Hosting", email="post@north.example", max_customers=20)
class ResellerInput(serializers.ModelSerializer):
    """A reseller; a limit of null is unlimited."""

    class Meta:
        model = Reseller
        fields = ("name", "email", "is_active", "max_customers", "max_services", "max_disk_mb", "name_servers")
        extra_kwargs: ClassVar[dict[str, Any]] = {
            "name": {"validators": []},  # the service says that it is taken
            **{limit: {"max_value": _LARGEST} for limit in ("max_customers", "max_services", "max_disk_mb")},
        }


@_example(max_services=200)
class ResellerChange(ResellerInput):
    """What is to be another way with a reseller."""


@_example(email="kim@north.example", name="Kim")
class ResellerPersonInput(serializers.Serializer):
    """Somebody who is to work for a reseller; a letter tells them how to choose a password."""

    email = serializers.EmailField(max_length=190)
    name = serializers.CharField(max_length=120, required=False, allow_blank=True)


@_example(name="web1", address="203.0.113.10", public_addresses=["203.0.113.10"], nameservers=["ns1.example.net"])
class NodeInput(serializers.Serializer):
    """A new server."""

    name = serializers.CharField(max_length=40)
    address = serializers.CharField(max_length=190)
    ssh_port = serializers.IntegerField(min_value=1, max_value=65535, required=False)
    ssh_user = serializers.CharField(max_length=32, required=False)
    connection = serializers.ChoiceField(ConnectionKind.choices, required=False)
    host_keys = serializers.CharField(max_length=4000, required=False, allow_blank=True)
    public_addresses = serializers.ListField(child=serializers.CharField(max_length=60), required=False, max_length=50)
    nameservers = serializers.ListField(child=serializers.CharField(max_length=253), required=False, max_length=20)


class HostKeysInput(serializers.Serializer):
    """The host keys to trust, and no others."""

    host_keys = serializers.CharField(max_length=4000)


class IdentityInput(serializers.Serializer):
    """An OpenSSH private key that the node knows already; used once and not kept."""

    identity = serializers.CharField(max_length=16_384, write_only=True, trim_whitespace=False)


@_example(url="https://hooks.example.com/npanel", events=["operation.finished"], customer=1)
class WebhookInput(serializers.Serializer):
    """A new webhook: of a customer, or without one of the reseller who asks, or of the operators."""

    url = serializers.CharField(max_length=500)
    events = serializers.ListField(child=serializers.ChoiceField(WebhookEvent.choices), min_length=1, max_length=20)
    customer = Mine(selectors.customers, required=False)


@_example(is_active=True)
class WebhookChange(serializers.Serializer):
    """What is to be another way in a webhook."""

    url = serializers.CharField(max_length=500, required=False)
    events = serializers.ListField(
        child=serializers.ChoiceField(WebhookEvent.choices), min_length=1, max_length=20, required=False
    )
    is_active = serializers.BooleanField(required=False)
