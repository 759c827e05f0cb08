"""Questions about mail over the API: what became of it, and how well a domain's mail will be taken elsewhere."""

from typing import Any

from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from hosting import selectors
from hosting.api.authentication import actor_of
from hosting.api.fields import Mine
from hosting.api.filters import Number
from hosting.api.inputs import _example
from hosting.api.views.base import Readable, adds
from hosting.choices import LookupKind, LookupState
from hosting.errors import facts_of
from hosting.mail_advice import advice_on
from hosting.models import MailLookup
from hosting.troubles import spared

_OBJECT_OR_NOTHING = serializers.DictField(allow_null=True)


@_example(service=1, query="kim@example.net")
class SearchInput(serializers.Serializer):
    """An address (``@example.net`` for a whole domain) or a message's id, in the mail of a service."""

    service = Mine(selectors.services)
    query = serializers.CharField(max_length=254)


@_example(node=1, query="kim@example.net")
class SearchNodeInput(serializers.Serializer):
    """The same in everybody's mail on a node; for operators alone."""

    node = Mine(selectors.nodes)
    query = serializers.CharField(max_length=254)


@_example(mail=1)
class CheckInput(serializers.Serializer):
    """A domain's mail."""

    mail = Mine(selectors.mail_domains)


class MailLookupOutput(serializers.ModelSerializer):
    """A question with its answer, once the worker has given it; both are kept for a day."""

    kind = serializers.ChoiceField(LookupKind.choices, read_only=True)
    state = serializers.ChoiceField(LookupState.choices, read_only=True)
    answer = serializers.SerializerMethodField()
    error = serializers.SerializerMethodField()

    class Meta:
        model = MailLookup
        fields = (
            "id", "kind", "state", "node", "service", "domain", "query", "answer", "error", "created_at", "finished_at",
        )  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(_OBJECT_OR_NOTHING)
    def get_answer(self, row: MailLookup) -> Any:
        """Stories of messages, the newest first; or findings, each with a tone (good, warn, bad, info) and advice."""
        if row.kind == LookupKind.CHECK and row.answer:
            return {"findings": [advice.facts() for advice in advice_on(row.answer["findings"])]}
        return row.answer

    @extend_schema_field(_OBJECT_OR_NOTHING)
    def get_error(self, row: MailLookup) -> Any:
        """Why there is no answer; what a server said is for operators."""
        if not row.error:
            return None
        return facts_of(row.error) if selectors.sees_all(actor_of(self.context["request"])) else spared(row.error)


class MailLookupFilter(filters.FilterSet):
    """By service, domain or kind."""

    service = Number(field_name="service_id")
    domain = Number(field_name="domain_id")
    kind = filters.ChoiceFilter(choices=LookupKind.choices)

    class Meta:
        model = MailLookup
        fields = ("service", "domain", "kind")


class MailLookups(Readable):
    """Questions about mail. Ask, then look at the answer's address until its state is not waiting."""

    scope, selector = "mail_lookup", selectors.mail_lookups
    serializer_class = MailLookupOutput
    filterset_class = MailLookupFilter
    ordering_fields = ("id",)
    create = adds("mail_lookup.search", SearchInput, answer=MailLookupOutput)
    node = adds("mail_lookup.search_node", SearchNodeInput, answer=MailLookupOutput, extra="node")
    check = adds("mail_lookup.check", CheckInput, answer=MailLookupOutput, extra="check")
