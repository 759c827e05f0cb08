"""SFTP and SSH over the API: public keys, and what they open."""

from django_filters import rest_framework as filters
from rest_framework import serializers

from hosting import selectors
from hosting.api.fields import Mine
from hosting.api.filters import Number
from hosting.api.inputs import Reason, _example
from hosting.api.views.base import Readable, adds, removes
from hosting.choices import SshMode
from hosting.models import SshKey
from hosting.state.ssh import MAX_COMMENT

_LONGEST = 4000


@_example(service=1, key="ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBKx9yW1ZVQoVtmG2VJfW5bCfJ3bX0mWq8uFvJk5iQyR kim")
class SshKeyInput(Reason):
    """One more public key: a line as in ``id_ed25519.pub``."""

    service = Mine(selectors.services)
    key = serializers.CharField(max_length=_LONGEST)
    name = serializers.CharField(max_length=MAX_COMMENT, required=False, allow_blank=True)


@_example(mode="sftp")
class SshModeInput(Reason):
    """What the keys of a service open."""

    mode = serializers.ChoiceField(SshMode.choices)


class SshKeyOutput(serializers.ModelSerializer):
    """A public key that signs in to a service."""

    name = serializers.CharField(source="comment", read_only=True)

    class Meta:
        model = SshKey
        fields = ("id", "service", "name", "type", "fingerprint", "created_at")
        read_only_fields = fields


class SshKeyFilter(filters.FilterSet):
    """By service or fingerprint."""

    service = Number(field_name="service_id")
    fingerprint = filters.CharFilter(field_name="fingerprint", max_length=64)

    class Meta:
        model = SshKey
        fields = ("service", "fingerprint")


class SshKeys(Readable):
    """Public keys of people who sign in to services over SFTP or SSH."""

    scope, selector = "ssh_key", selectors.ssh_keys
    serializer_class = SshKeyOutput
    filterset_class = SshKeyFilter
    ordering_fields = ("id",)
    create = adds("ssh_key.add", SshKeyInput)
    destroy = removes("ssh_key.remove")
