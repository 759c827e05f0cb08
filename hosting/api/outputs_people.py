"""What answers say of people, resellers, members and tokens; secrets are in none of them."""

from rest_framework import serializers

from accounts.choices import MemberAccess, Role
from accounts.models import ApiToken, Membership, Reseller, User


class ResellerOutput(serializers.ModelSerializer):
    """A reseller."""

    email = serializers.CharField(read_only=True)

    class Meta:
        model = Reseller
        fields = (
            "id", "name", "email", "is_active", "max_customers", "max_services", "max_disk_mb", "name_servers",
            "created_at",
        )  # fmt: skip
        read_only_fields = fields


class PersonOutput(serializers.ModelSerializer):
    """A person who signs in."""

    email = serializers.CharField(read_only=True)
    role = serializers.ChoiceField(Role.choices, read_only=True)

    class Meta:
        model = User
        fields = ("id", "email", "name", "role", "reseller", "language", "is_active", "date_joined")
        read_only_fields = fields


class MemberOutput(serializers.ModelSerializer):
    """A member: a person, a customer, and how far they may act for it."""

    person = serializers.IntegerField(source="user_id", read_only=True)
    email = serializers.CharField(source="user.email", read_only=True)
    name = serializers.CharField(source="user.name", read_only=True)
    access = serializers.ChoiceField(MemberAccess.choices, read_only=True)

    class Meta:
        model = Membership
        fields = ("id", "customer", "person", "email", "name", "access", "created_at")
        read_only_fields = fields


class TokenOutput(serializers.ModelSerializer):
    """One of one's own tokens, without its secret."""

    scopes = serializers.ListField(child=serializers.CharField(), read_only=True)
    cidrs = serializers.ListField(child=serializers.CharField(), read_only=True)

    class Meta:
        model = ApiToken
        fields = (
            "id", "name", "prefix", "scopes", "cidrs", "expires_at", "revoked_at", "last_used_at", "last_used_ip",
            "created_at",
        )  # fmt: skip
        read_only_fields = fields


class MembershipOutput(serializers.Serializer):
    """A customer whom a person may act for, and how far."""

    customer = serializers.IntegerField(source="customer_id")
    name = serializers.CharField(source="customer.name")
    access = serializers.ChoiceField(MemberAccess.choices)


class MeOutput(serializers.Serializer):
    """Who the bearer is, and what the token is for."""

    id = serializers.IntegerField()
    email = serializers.CharField()
    name = serializers.CharField()
    role = serializers.ChoiceField(Role.choices)
    language = serializers.CharField()
    reseller = serializers.IntegerField(source="reseller_id", allow_null=True)
    memberships = MembershipOutput(many=True)
    token = TokenOutput()
