"""What answers say of whole zones, and of what an import would do."""

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from hosting.desired import nameservers_of
from hosting.models import Domain
from hosting.services.dnssec import ds_records
from hosting.services.zone_edits import last_change, zone_file


class ZoneRow(serializers.ModelSerializer):
    """A zone in a list."""

    class Meta:
        model = Domain
        fields: tuple[str, ...] = ("id", "name", "service", "dnssec")
        read_only_fields = fields


class ZoneOutput(ZoneRow):
    """A zone with its name servers, as a zone file, and its last change while that can be taken back."""

    name_servers = serializers.SerializerMethodField()
    text = serializers.SerializerMethodField()
    last_change = serializers.SerializerMethodField()
    ds = serializers.SerializerMethodField()

    class Meta(ZoneRow.Meta):
        fields: tuple[str, ...] = (*ZoneRow.Meta.fields, "name_servers", "ds", "text", "last_change")
        read_only_fields = fields

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_name_servers(self, row: Domain) -> list[str]:
        """Where the domain has to be delegated to."""
        return nameservers_of(row, row.service.node)

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_ds(self, row: Domain) -> list[str]:
        """The DS records that belong into the parent zone, while this one is signed."""
        return ds_records(row)

    @extend_schema_field(OpenApiTypes.STR)
    def get_text(self, row: Domain) -> str:
        """The zone as a zone file."""
        return zone_file(row)

    @extend_schema_field(serializers.UUIDField(allow_null=True))
    def get_last_change(self, row: Domain) -> str | None:
        """The operation to roll back in order to undo the last change."""
        operation = last_change(row)
        return str(operation.pk) if operation is not None else None


class RecordOfZone(serializers.Serializer):
    """A record with its full name."""

    name = serializers.CharField()
    type = serializers.CharField()
    content = serializers.CharField()
    ttl = serializers.IntegerField()


class RecordChange(serializers.Serializer):
    """What becomes of a record."""

    before = RecordOfZone()
    after = RecordOfZone()


class LeftOutOutput(serializers.Serializer):
    """An entry of the text that does not become a record."""

    line = serializers.IntegerField()
    name = serializers.CharField()
    type = serializers.CharField()
    reason = serializers.CharField()


class LookOutput(serializers.Serializer):
    """What importing a zone file would do."""

    added = RecordOfZone(many=True)
    changed = RecordChange(many=True)
    removed = RecordOfZone(many=True)
    kept = serializers.IntegerField()
    left_out = LeftOutOutput(many=True)
