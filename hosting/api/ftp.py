"""FTP accounts over the API: what requests may say, and what answers show. Passwords are in no answer."""

from django_filters import rest_framework as filters
from rest_framework import serializers

from hosting import selectors
from hosting.api.fields import Mine
from hosting.api.filters import Number
from hosting.api.inputs import Password, Reason, _example
from hosting.api.views.base import Readable, act, adds, changes, removes
from hosting.models import FtpAccount
from hosting.models.ftp import MAX_QUOTA_MB


class _Place(Reason):
    folder = serializers.CharField(max_length=200, required=False, allow_blank=True)
    quota_mb = serializers.IntegerField(min_value=0, max_value=MAX_QUOTA_MB, required=False)


@_example(service=1, name="web", password="a long password", folder="sites/example.com/public")  # noqa: S106
class FtpAccountInput(_Place):
    """One more FTP account; the service's user name is put in front of its name."""

    service = Mine(selectors.services)
    name = serializers.CharField(max_length=65)
    password = Password()


@_example(quota_mb=2048)
class FtpAccountChange(_Place):
    """What is to be another way in an FTP account."""


@_example(password="a longer password")  # noqa: S106 - an example
class FtpPasswordInput(Reason):
    """Another password."""

    password = Password()


class FtpAccountOutput(serializers.ModelSerializer):
    """An FTP account."""

    class Meta:
        model = FtpAccount
        fields = ("id", "service", "name", "folder", "quota_mb", "suspended", "created_at")
        read_only_fields = fields


class FtpAccountFilter(filters.FilterSet):
    """By service or name."""

    service = Number()
    name = filters.CharFilter()

    class Meta:
        model = FtpAccount
        fields = ("service", "name")


class FtpAccounts(Readable):
    """FTP accounts; passwords are given, never shown."""

    scope, selector = "ftp_account", selectors.ftp_accounts
    serializer_class = FtpAccountOutput
    filterset_class = FtpAccountFilter
    ordering_fields = ("id", "name")
    create = adds("ftp_account.create", FtpAccountInput)
    partial_update = changes("ftp_account.change", FtpAccountChange)
    password = act("ftp_account.password", FtpPasswordInput)
    suspend = act("ftp_account.suspend", Reason)
    resume = act("ftp_account.resume", Reason)
    destroy = removes("ftp_account.delete")
