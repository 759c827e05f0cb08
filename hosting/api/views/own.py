"""What is one's own: who one is, one's tokens, and the webhooks of one's customers."""

from typing import Any

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.services.tokens import revoke_token
from hosting import selectors
from hosting.api import filters, inputs, outputs, outputs_people
from hosting.api.idempotency import once
from hosting.api.views.base import KEY, LOCATION, Readable, Resource, act, changes, removes
from hosting.services.people import change_own_profile


class Me(Resource):
    """Who the bearer is."""

    write_scope = "profile"

    @extend_schema(responses=outputs_people.MeOutput, operation_id="me", filters=False)
    def retrieve(self, request: Request) -> Response:
        """The person, the customers they may act for, and the token."""
        return self._me(request.user)

    @extend_schema(
        request=inputs.ProfileChange, responses=outputs_people.MeOutput, operation_id="profile_change", filters=False
    )
    def partial_update(self, request: Request) -> Response:
        """Another name or language of one's own."""
        return self._me(
            change_own_profile(actor=self.actor, user=request.user, **self.read_input(inputs.ProfileChange))
        )

    def _me(self, user: Any) -> Response:
        facts = {name: getattr(user, name) for name in ("id", "email", "name", "role", "reseller_id")}
        memberships = user.memberships.select_related("customer")
        facts |= {"language": user.language, "memberships": memberships, "token": self.request.auth}
        return Response(outputs_people.MeOutput(facts).data)


class Tokens(Readable):
    """One's own API tokens. They are made on the page for them, with a fresh second factor, never by a token."""

    scope, selector = "token", selectors.own_tokens
    serializer_class = outputs_people.TokenOutput
    ordering_fields = ("id",)

    @extend_schema(request=None, responses={204: OpenApiResponse(description="Revoked.")}, operation_id="token_revoke")
    def destroy(self, request: Request, **kwargs: Any) -> Response:
        """Revoke a token, also the one that asks for it."""
        revoke_token(actor=self.actor, token=self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)


class Webhooks(Readable):
    """Webhooks: addresses that are told what happens."""

    scope, selector = "webhook", selectors.webhooks
    serializer_class = outputs.WebhookOutput
    filterset_class = filters.WebhookFilter
    ordering = ("-created_at",)
    ordering_fields = ("created_at",)
    lookup_value_converter = "uuid"
    partial_update = changes("webhook.change", inputs.WebhookChange, answer=outputs.WebhookOutput)
    destroy = removes("webhook.delete")
    secret = act("webhook.secret", answer=outputs.WebhookWithSecret)

    @extend_schema(
        request=inputs.WebhookInput,
        responses={201: outputs.WebhookWithSecret},
        parameters=[KEY, LOCATION],
        operation_id="webhook_create",
        filters=False,
    )
    def create(self, request: Request) -> Response:
        """Add a webhook: of a customer, or without one of the reseller who asks, or of the operators.

        The answer shows the secret that signs the deliveries, once.
        """

        def work() -> Response:
            data = self.read_input(inputs.WebhookInput)
            customer = data.pop("customer", None)
            name = "webhook.create" if customer is None else "webhook.create_for_customer"
            self.makes = True
            return self.carry_out(name, customer, data, outputs.WebhookWithSecret)

        return once(request, work)

    create.use_cases = ("webhook.create", "webhook.create_for_customer")  # type: ignore[attr-defined]


class Deliveries(Readable):
    """What webhooks were told, and what became of it."""

    scope, selector = "webhook", selectors.webhook_deliveries
    serializer_class = outputs.DeliveryOutput
    filterset_class = filters.DeliveryFilter
    ordering = ("-created_at",)
    ordering_fields = ("created_at",)
    lookup_value_converter = "uuid"
    resend = act("webhook.resend", answer=outputs.DeliveryOutput)
