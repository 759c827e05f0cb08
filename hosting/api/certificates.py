"""Certificates over the API: what requests may say, and what answers show. Private keys are in no answer."""

from django.utils.translation import gettext_lazy as _
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from hosting import selectors
from hosting.api.fields import Mine
from hosting.api.filters import Number
from hosting.api.inputs import Reason, _example
from hosting.api.views.base import Readable, adds, removes
from hosting.certificate_reader import MAX_TEXT
from hosting.choices import CertificateState
from hosting.models import Certificate

_PEM = {"max_length": MAX_TEXT, "trim_whitespace": False}


@_example(
    domain=1,
    chain="-----BEGIN CERTIFICATE-----\nMIID…\n-----END CERTIFICATE-----\n",
    private_key="-----BEGIN PRIVATE KEY-----\nMIIE…\n-----END PRIVATE KEY-----\n",
)
class CertificateInput(Reason):
    """A certificate of one's own for a domain, in place of the one that it may have."""

    domain = Mine(selectors.domains)
    chain = serializers.CharField(**_PEM, help_text=_("PEM: the certificate and those that vouch for it."))
    private_key = serializers.CharField(
        **_PEM, write_only=True, required=False, allow_blank=True, help_text=_("PEM without a password.")
    )
    all_domains = serializers.BooleanField(
        required=False, help_text=_("Use it for every domain of the service that it is for.")
    )


class CertificateOutput(serializers.ModelSerializer):
    """A certificate; its private key is in no answer."""

    names = serializers.ListField(child=serializers.CharField(), read_only=True)
    state = serializers.ChoiceField(CertificateState.choices, read_only=True)
    domains = serializers.SerializerMethodField()

    class Meta:
        model = Certificate
        fields = (
            "id", "service", "name", "names", "domains", "source", "state", "issuer", "key_type", "fingerprint",
            "not_before", "not_after", "chain_pem", "created_at",
        )  # fmt: skip
        read_only_fields = fields

    @extend_schema_field({"type": "array", "items": {"type": "integer"}})
    def get_domains(self, row: Certificate) -> list[int]:
        """The domains that are served with it."""
        return sorted(domain.pk for domain in row.domains.all())


class CertificateFilter(filters.FilterSet):
    """By service or domain."""

    service = Number(field_name="service_id")
    domain = Number(field_name="domains")

    class Meta:
        model = Certificate
        fields = ("service", "domain")


class Certificates(Readable):
    """Certificates that sites are served with; keys are given, never shown."""

    scope, selector, prefetch = "certificate", selectors.certificates, ("domains",)
    serializer_class = CertificateOutput
    filterset_class = CertificateFilter
    ordering_fields = ("id", "not_after")
    create = adds("certificate.upload", CertificateInput)
    destroy = removes("certificate.remove")
