"""Templates of records over the API: kept here, put into zones at the zones."""

from django_filters import rest_framework as filters
from rest_framework import serializers

from hosting import selectors
from hosting.api.fields import Mine
from hosting.api.inputs import Reason, _example
from hosting.api.views.base import Readable, adds, changes, removes
from hosting.models import RecordTemplate
from hosting.state.record_templates import MAX_CHARACTERS


@_example(name="Mail elsewhere", text="@ 3600 IN MX 10 mx.{domain}.\nmx 3600 IN A {ip}")
class TemplateInput(serializers.Serializer):
    """A template: lines of a zone file, in which {domain}, {ip} and {ip6} stand for those of each zone."""

    name = serializers.CharField(max_length=60)
    text = serializers.CharField(max_length=MAX_CHARACTERS, trim_whitespace=False)


@_example(name="Mail of our own")
class TemplateChange(TemplateInput):
    """What is to be another way in a template."""

    name = serializers.CharField(max_length=60, required=False)
    text = serializers.CharField(max_length=MAX_CHARACTERS, required=False, trim_whitespace=False)


@_example(template=1)
class ApplyTemplate(Reason):
    """Which template to put into the zone."""

    template = Mine(selectors.record_templates)


class TemplateOutput(serializers.ModelSerializer):
    """A template of records; one without a reseller is the operators' own, for everybody."""

    class Meta:
        model = RecordTemplate
        fields = ("id", "name", "reseller", "text", "created_at")
        read_only_fields = fields


class TemplateFilter(filters.FilterSet):
    """By name."""

    name = filters.CharFilter(field_name="name", lookup_expr="exact", max_length=60)

    class Meta:
        model = RecordTemplate
        fields = ("name",)


class RecordTemplates(Readable):
    """Templates of records."""

    scope, selector = "record_template", selectors.record_templates
    serializer_class = TemplateOutput
    filterset_class = TemplateFilter
    ordering_fields = ("id", "name")
    create = adds("record_template.create", TemplateInput, answer=TemplateOutput)
    partial_update = changes("record_template.change", TemplateChange, answer=TemplateOutput)
    destroy = removes("record_template.delete")
