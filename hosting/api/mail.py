"""Mail over the API: what requests may say, and what answers show. Passwords and keys are in no answer."""

from typing import Any

from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from hosting import selectors
from hosting.api.fields import Mine
from hosting.api.filters import Number
from hosting.api.inputs import Password, Reason, _example
from hosting.api.views.base import Readable, act, adds, changes, removes
from hosting.desired.mail_records import delivered_here
from hosting.desired.zones import addresses
from hosting.models import MailAlias, Mailbox, MailDomain
from hosting.models.mail import MAX_QUOTA_MB, MAX_SENDS
from hosting.state.mail import MAX_BODY, MAX_SUBJECT, MAX_TARGETS


def _addresses(**options: Any) -> serializers.ListField:
    return serializers.ListField(child=serializers.CharField(max_length=254), max_length=MAX_TARGETS, **options)


@_example(domain=1)
class MailDomainInput(Reason):
    """Mail for a domain."""

    domain = Mine(selectors.domains)


@_example(catch_all="kim@example.com")
class MailDomainChange(Reason):
    """Where mail to addresses that do not exist goes, and whether another server takes the domain's mail."""

    catch_all = serializers.CharField(max_length=254, required=False, allow_blank=True)
    remote = serializers.BooleanField(required=False)


class _Limits(Reason):
    quota_mb = serializers.IntegerField(min_value=0, max_value=MAX_QUOTA_MB, required=False)
    sends_per_hour = serializers.IntegerField(min_value=0, max_value=MAX_SENDS, required=False)


@_example(mail=1, local_part="kim", password="a long password")  # noqa: S106 - an example
class MailboxInput(_Limits):
    """One more mailbox."""

    mail = Mine(selectors.mail_domains)
    local_part = serializers.CharField(max_length=64)
    password = Password()


@_example(quota_mb=2048, forward_to=["kim@example.net"])
class MailboxChange(_Limits):
    """What is to be another way in a mailbox."""

    forward_to = _addresses(required=False)
    keep = serializers.BooleanField(required=False)


@_example(password="a longer password")  # noqa: S106 - an example
class MailboxPassword(Reason):
    """Another password."""

    password = Password()


@_example(subject="Away", body="I am back on Monday.", start="2026-12-24", end="2027-01-02")
class AutoreplyInput(Reason):
    """What a mailbox answers by itself; without subject and text it answers no more."""

    subject = serializers.CharField(max_length=MAX_SUBJECT, required=False, allow_blank=True)
    body = serializers.CharField(max_length=MAX_BODY, required=False, allow_blank=True, trim_whitespace=False)
    start = serializers.DateField(required=False, allow_null=True)
    end = serializers.DateField(required=False, allow_null=True)


@_example(mail=1, local_part="info", targets=["kim@example.com"])
class MailAliasInput(Reason):
    """One more address whose mail goes to others."""

    mail = Mine(selectors.mail_domains)
    local_part = serializers.CharField(max_length=64)
    targets = _addresses(allow_empty=False)


@_example(targets=["lee@example.com"])
class MailAliasChange(Reason):
    """Where mail to an alias goes."""

    targets = _addresses(allow_empty=False)


class MailDomainOutput(serializers.ModelSerializer):
    """Mail of a domain; ``delivered_here`` says whether its MX records, and what was set, have it delivered here."""

    name = serializers.CharField(source="domain.name", read_only=True)
    delivered_here = serializers.SerializerMethodField()
    dkim_selectors = serializers.SerializerMethodField()

    class Meta:
        model = MailDomain
        fields = ("id", "domain", "name", "catch_all", "remote", "delivered_here", "dkim_selectors", "created_at")
        read_only_fields = fields

    def get_delivered_here(self, row: MailDomain) -> bool:
        """By MX records and by what was set."""
        return delivered_here(row.domain, row, row.domain.records.all(), addresses(row.domain.service.node))

    @extend_schema_field({"type": "array", "items": {"type": "string"}})
    def get_dkim_selectors(self, row: MailDomain) -> list[str]:
        """Of all keys that are published."""
        return [key.selector for key in row.dkim_keys.all()]


class MailboxOutput(serializers.ModelSerializer):
    """A mailbox."""

    address = serializers.CharField(source="__str__", read_only=True)
    forward_to = serializers.ListField(child=serializers.CharField(), read_only=True)
    answers = serializers.SerializerMethodField()

    class Meta:
        model = Mailbox
        fields = (
            "id", "mail", "address", "local_part", "quota_mb", "sends_per_hour", "suspended", "forward_to", "keep",
            "answers", "created_at",
        )  # fmt: skip
        read_only_fields = fields

    def get_answers(self, row: Mailbox) -> bool:
        """Whether it has an automatic answer."""
        return getattr(row, "autoreply", None) is not None


class MailAliasOutput(serializers.ModelSerializer):
    """An address whose mail goes to others."""

    address = serializers.CharField(source="__str__", read_only=True)
    targets = serializers.ListField(child=serializers.CharField(), read_only=True)

    class Meta:
        model = MailAlias
        fields = ("id", "mail", "address", "local_part", "targets", "created_at")
        read_only_fields = fields


class MailDomainFilter(filters.FilterSet):
    """By service or domain."""

    service = Number(field_name="domain__service_id")
    domain = Number(field_name="domain_id")

    class Meta:
        model = MailDomain
        fields = ("service", "domain")


class MailboxFilter(filters.FilterSet):
    """By service or mail domain."""

    service = Number(field_name="mail__domain__service_id")
    mail = Number(field_name="mail_id")

    class Meta:
        model = Mailbox
        fields = ("service", "mail")


class MailAliasFilter(MailboxFilter):
    """By service or mail domain."""

    class Meta:
        model = MailAlias
        fields = ("service", "mail")


class MailDomains(Readable):
    """Domains with mail."""

    scope, selector = "mail_domain", selectors.mail_domains
    prefetch = ("dkim_keys", "domain__records", "domain__service__node")
    serializer_class = MailDomainOutput
    filterset_class = MailDomainFilter
    ordering_fields = ("id",)
    create = adds("mail_domain.enable", MailDomainInput)
    partial_update = changes("mail_domain.change", MailDomainChange)
    rotate_dkim = act("mail_domain.rotate_dkim", Reason)
    destroy = removes("mail_domain.disable")


class Mailboxes(Readable):
    """Mailboxes; passwords are given, never shown."""

    scope, selector = "mailbox", selectors.mailboxes
    serializer_class = MailboxOutput
    filterset_class = MailboxFilter
    ordering_fields = ("id",)
    create = adds("mailbox.create", MailboxInput)
    partial_update = changes("mailbox.change", MailboxChange)
    password = act("mailbox.password", MailboxPassword)
    autoreply = act("mailbox.autoreply", AutoreplyInput)
    suspend = act("mailbox.suspend", Reason)
    resume = act("mailbox.resume", Reason)
    destroy = removes("mailbox.delete")


class MailAliases(Readable):
    """Addresses whose mail goes to others."""

    scope, selector = "mail_alias", selectors.mail_aliases
    serializer_class = MailAliasOutput
    filterset_class = MailAliasFilter
    ordering_fields = ("id",)
    create = adds("mail_alias.create", MailAliasInput)
    partial_update = changes("mail_alias.change", MailAliasChange)
    destroy = removes("mail_alias.delete")
