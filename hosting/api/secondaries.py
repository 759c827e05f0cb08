"""Secondary name servers over the API; their keys are in no answer."""

from django_filters import rest_framework as filters
from rest_framework import serializers

from hosting import selectors
from hosting.api.fields import Mine
from hosting.api.filters import Number
from hosting.api.inputs import Reason, _example
from hosting.api.views.base import Readable, adds, removes
from hosting.models import Secondary
from hosting.services.secondaries import is_set_up


@_example(node=1, name="ns2.example.net", address="203.0.113.53")
class SecondaryInput(Reason):
    """Another name server for the zones of a node: its address, or the node of ours that it is."""

    node = Mine(selectors.nodes)
    name = serializers.CharField(max_length=190)
    address = serializers.CharField(max_length=45, required=False, allow_blank=True)
    carrier = Mine(selectors.nodes, required=False, allow_null=True)
    key = serializers.CharField(max_length=200, required=False, allow_blank=True, write_only=True)


class SecondaryOutput(serializers.ModelSerializer):
    """A name server that fetches the zones of a node; ``set_up`` says whether the node gives them to it."""

    key_name = serializers.CharField(read_only=True)
    catalog = serializers.CharField(source="node.catalog", read_only=True)
    set_up = serializers.SerializerMethodField()

    class Meta:
        model = Secondary
        fields = ("id", "node", "name", "address", "carrier", "key_name", "catalog", "set_up", "created_at")
        read_only_fields = fields

    def get_set_up(self, row: Secondary) -> bool:
        """By the latest bootstrap."""
        return is_set_up(row)


class SecondaryFilter(filters.FilterSet):
    """By the node whose zones they are."""

    node = Number(field_name="node_id")

    class Meta:
        model = Secondary
        fields = ("node",)


class Secondaries(Readable):
    """Secondary name servers; for operators alone."""

    scope, selector = "secondary", selectors.secondaries
    serializer_class = SecondaryOutput
    filterset_class = SecondaryFilter
    ordering_fields = ("id",)
    create = adds("secondary.add", SecondaryInput)
    destroy = removes("secondary.remove")
