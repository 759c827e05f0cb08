"""Automatic certificates over the API: asked for, renewed, revoked; how it goes is in each row."""

from typing import Any

from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from hosting import selectors
from hosting.api.fields import Mine
from hosting.api.filters import Number
from hosting.api.inputs import Reason, _example
from hosting.api.outputs_operations import ErrorOutput
from hosting.api.views.base import Readable, act, adds
from hosting.errors import facts_of
from hosting.models import AutoCertificate


@_example(domain=1, wildcard=False)
class IssueInput(Reason):
    """A certificate for a domain, or for all names below it too."""

    domain = Mine(selectors.domains)
    wildcard = serializers.BooleanField(required=False)


class AutoCertificateOutput(serializers.ModelSerializer):
    """What NPanel does about the certificate of a domain; ``next_at`` is the next try, or the renewal."""

    name = serializers.CharField(source="domain.name", read_only=True)
    valid_until = serializers.DateTimeField(source="domain.certificate.not_after", read_only=True, default=None)
    error = serializers.SerializerMethodField()

    class Meta:
        model = AutoCertificate
        fields = (
            "id", "domain", "name", "wildcard", "state", "error", "failures", "next_at", "operation", "valid_until",
            "created_at",
        )  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(ErrorOutput(allow_null=True))
    def get_error(self, row: AutoCertificate) -> dict[str, Any] | None:
        """What the last try came to, unless it went well."""
        return facts_of(row.error)


class AutoCertificateFilter(filters.FilterSet):
    """By domain, service or state."""

    domain = Number()
    service = Number(field_name="domain__service")
    state = filters.CharFilter()


class AutoCertificates(Readable):
    """Certificates that NPanel gets and renews by itself."""

    scope, selector = "auto_certificate", selectors.auto_certificates
    serializer_class = AutoCertificateOutput
    filterset_class = AutoCertificateFilter
    ordering_fields = ("id",)
    create = adds("auto_certificate.issue", IssueInput)
    renew = act("auto_certificate.renew", Reason)
    revoke = act("auto_certificate.revoke", Reason)
