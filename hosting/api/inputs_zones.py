"""What requests may say about whole zones."""

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from hosting.api.inputs import _LARGEST, Reason, _example
from hosting.services.zone_edits import MOST_AT_ONCE
from hosting.state.zone_files import MAX_BYTES


class _Wished(serializers.Serializer):
    name = serializers.CharField(max_length=253)
    content = serializers.CharField(max_length=8192)
    ttl = serializers.IntegerField(min_value=30, max_value=_LARGEST, required=False)


class RecordToAdd(_Wished):
    """A record to add."""

    type = serializers.CharField(max_length=10)


class RecordToChange(_Wished):
    """A record to change; what is left out stays as it is."""

    id = serializers.IntegerField(min_value=1, max_value=2**63 - 1)
    name = serializers.CharField(max_length=253, required=False)
    content = serializers.CharField(max_length=8192, required=False)


@_example(
    add=[{"name": "www", "type": "A", "content": "192.0.2.1"}], change=[{"id": 7, "ttl": 300}], delete=[8, 9]
)  # fmt: skip
class ZoneEdit(Reason):
    """Records to add, to change and to delete, all together or not at all."""

    add = RecordToAdd(many=True, required=False, max_length=MOST_AT_ONCE)
    change = RecordToChange(many=True, required=False, max_length=MOST_AT_ONCE)
    delete = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**63 - 1), required=False, max_length=MOST_AT_ONCE
    )


@_example(text="$TTL 3600\n@ IN MX 10 mail.example.com.\nwww IN A 192.0.2.1\n")
class ZoneFileInput(Reason):
    """A zone file; its records become those of the zone."""

    text = serializers.CharField(max_length=MAX_BYTES, allow_blank=True, trim_whitespace=False)
    keep_others = serializers.BooleanField(required=False)


@_example(reason="The domain moves to another provider")
class UnsignInput(Reason):
    """Sign a zone no more."""

    although_published = serializers.BooleanField(
        required=False, help_text=_("Even if there is a DS record: then nobody finds the domain.")
    )
