"""What all resources share: scoped lists with cursors, and endpoints made from rows of the table of use cases."""

import inspect
from collections.abc import Callable
from typing import Any, ClassVar

from django.db.models import Model, QuerySet
from django.utils.translation import gettext as _
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.filters import OrderingFilter
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from accounts.models import ApiToken
from accounts.scopes import WRITE
from audit.actor import Actor
from hosting.api.authentication import actor_of
from hosting.api.idempotency import HEADER, once
from hosting.api.inputs import Nothing
from hosting.api.outputs_operations import OperationOutput
from hosting.api.pagination import Pages
from hosting.api.problems import Refusal
from hosting.api.throttles import count_refusal
from hosting.models import Operation
from hosting.policies import Policy, perform
from hosting.use_cases import USE_CASES

Serializer = type[serializers.Serializer]
_TRUE, _FALSE = ("1", "true"), ("", "0", "false")

PLAN = OpenApiParameter(
    "plan",
    bool,
    description="Only plan: the operation waits for approval once the worker has planned it. Approve or cancel it.",
)
KEY = OpenApiParameter(
    HEADER, str, OpenApiParameter.HEADER, description="Sent again within a day, the request does its work only once."
)
LOCATION = OpenApiParameter("Location", str, OpenApiParameter.HEADER, response=[201, 202], description="Where it is.")


class Resource(GenericViewSet):
    """A kind of thing. Subclasses say where its rows come from and which scope they need.

    Args:
        scope: the subject that a token's scopes have to name; "" for what every token may.
        write_scope: the subject for changes, where it is another one.
        selector: from :mod:`hosting.selectors`.
        prefetch: relations that the answers show.
    """

    scope: ClassVar[str] = ""
    write_scope: ClassVar[str] = ""
    selector: ClassVar[Callable[[Actor], QuerySet[Any]]]
    prefetch: ClassVar[tuple[str, ...]] = ()
    pagination_class = Pages
    filter_backends = (DjangoFilterBackend, OrderingFilter)
    ordering: Any = ("-pk",)
    ordering_fields: Any = ()
    lookup_value_converter = "int"
    #: Whether the request at hand makes something new (201 with its address).
    makes = False

    def subject_of(self, act: str) -> str:
        """The subject that a token's scopes have to name for reading or writing."""
        return (self.write_scope if act == WRITE else "") or self.scope

    @property
    def actor(self) -> Actor:
        """Who asks, by which token."""
        return actor_of(self.request)

    def get_queryset(self) -> QuerySet[Any]:
        """The rows that the actor may see; a stranger's are not there."""
        return type(self).selector(self.actor).prefetch_related(*self.prefetch)

    def perform_authentication(self, request: Request) -> None:
        """Find out who it is; no token, or a refused one, counts against the address it came from.

        Raises:
            AuthenticationFailed: the token is not known or may not be used.
            Throttled: too many such requests came from there.
        """
        try:
            super().perform_authentication(request)
        except AuthenticationFailed:
            count_refusal(request, self)
            raise
        if not isinstance(request.auth, ApiToken):  # permissions refuse it, before any other limit is looked at
            count_refusal(request, self)

    def read_input(self, serializer: Serializer) -> dict[str, Any]:
        """The values of the request's body.

        Raises:
            ValidationError: they do not fit.
        """
        partial = self.request.method == "PATCH"
        read = serializer(data=self.request.data, context=self.get_serializer_context(), partial=partial)
        read.is_valid(raise_exception=True)
        return dict(read.validated_data)

    def check_replay(self, name: str, subject: Model | None) -> None:
        """Before an answer may be given again: whether it would still be given.

        Raises:
            HostingError: ``forbidden``.
        """
        if HEADER in self.request.headers:
            Policy(self.actor).require(name, subject)

    def carry_out(self, name: str, subject: Model | None, data: dict[str, Any], answer: Serializer | None) -> Response:
        """Ask for a use case, and answer with what it made.

        Args:
            name: of the use case. subject: what it acts on. answer: for what the use case returns, unless an operation.
        """
        if _wants_plan(self.request):
            _check_can_plan(name)
            data["wait_for_approval"] = True
        made = perform(self.actor, name, subject, **data)
        if isinstance(made, Operation):
            return self.accepted(made)
        if isinstance(made, str) and subject is not None:
            subject.token = made  # type: ignore[attr-defined]
            made = subject
        if made is None or answer is None:
            return Response(status=status.HTTP_204_NO_CONTENT)
        return self.shown(made, answer)

    def accepted(self, operation: Operation) -> Response:
        """202 with an operation, and where to ask how it goes."""
        body = OperationOutput(operation, context=self.get_serializer_context()).data
        return Response(body, status.HTTP_202_ACCEPTED, headers={"Location": f"/api/v1/operations/{operation.pk}"})

    def shown(self, made: Any, answer: Serializer) -> Response:
        """What was made or changed: 201 with its address, or 200."""
        row, secret = made if isinstance(made, tuple) else (made, "")
        if secret:
            row.secret = secret
        body = answer(row, context=self.get_serializer_context()).data
        if not self.makes:
            return Response(body)
        where = f"/api/v1/{self.basename}/{row.pk}"
        return Response(body, status.HTTP_201_CREATED, headers={"Location": where})


class Readable(ListModelMixin, RetrieveModelMixin, Resource):
    """A kind of thing that can be listed and looked at."""


def act(
    name: str,
    takes: Serializer = Nothing,
    *,
    answer: Serializer | None = None,
    keyed: bool = True,
    atomic: bool = True,
) -> Callable[..., Any]:
    """An endpoint ``POST /<resource>/<id>/<act>`` for a use case that acts on one thing.

    Args:
        name: of the use case; the part behind the dot names the endpoint as well.
        takes: what the body may say. answer: how what the use case returns is shown (an operation shows itself).
        keyed: whether it heeds an Idempotency-Key; not where the work talks to a node, which no transaction may span,
            nor where all of the answer is a secret that is shown once.
        atomic: see :func:`hosting.api.idempotency.once`.
    """

    def endpoint(self: Resource, request: Request, **kwargs: Any) -> Response:
        subject = self.get_object()
        self.check_replay(name, subject)

        def work() -> Response:
            return self.carry_out(name, subject, self.read_input(takes), answer)

        return once(request, work, atomic=atomic) if keyed else work()

    endpoint.__name__ = name.partition(".")[2]
    endpoint.__doc__ = _told(name)
    routed = action(detail=True, methods=["post"], url_path=endpoint.__name__.replace("_", "-"))(endpoint)
    described: Any = extend_schema(
        request=takes,
        responses=_responses(name, answer, made=False),
        parameters=[*([KEY] if keyed else []), *([PLAN, LOCATION] if can_plan(name) else [])],
        operation_id=name.replace(".", "_"),
        filters=False,
    )(routed)
    described.use_cases = (name,)
    return described


def adds(name: str, takes: Serializer, *, answer: Serializer | None = None, extra: str = "") -> Callable[..., Any]:
    """An endpoint ``POST /<resource>`` for a use case that adds something.

    Args:
        name: of the use case; what it acts on is named in the body under the same keyword.
        extra: a second way to add: ``POST /<resource>/<extra>``.
    """

    def endpoint(self: Resource, request: Request, **kwargs: Any) -> Response:
        read, use = self.read_input(takes), USE_CASES[name]
        self.check_replay(name, read.get(use.subject))

        def work() -> Response:
            data = dict(read)
            self.makes = True
            return self.carry_out(name, data.pop(use.subject) if use.subject else None, data, answer)

        return once(request, work)

    endpoint.__name__ = extra.replace("-", "_") or "create"
    endpoint.__doc__ = _told(name)
    routed = action(detail=False, methods=["post"], url_path=extra)(endpoint) if extra else endpoint
    described: Any = extend_schema(
        request=takes,
        responses=_responses(name, answer, made=True),
        parameters=[KEY, LOCATION, *([PLAN] if can_plan(name) else [])],
        operation_id=name.replace(".", "_"),
        filters=False,
    )(routed)
    described.use_cases = (name,)
    return described


def changes(name: str, takes: Serializer, *, answer: Serializer | None = None) -> Callable[..., Any]:
    """An endpoint ``PATCH /<resource>/<id>``: what is left out stays as it is."""

    def partial_update(self: Resource, request: Request, **kwargs: Any) -> Response:
        return self.carry_out(name, self.get_object(), self.read_input(takes), answer)

    partial_update.__doc__ = _told(name)
    described: Any = extend_schema(
        request=takes,
        responses=_responses(name, answer, made=False),
        parameters=[PLAN, LOCATION] if can_plan(name) else [],
        operation_id=name.replace(".", "_"),
    )(partial_update)
    described.use_cases = (name,)
    return described


def removes(name: str) -> Callable[..., Any]:
    """An endpoint ``DELETE /<resource>/<id>``."""

    def destroy(self: Resource, request: Request, **kwargs: Any) -> Response:
        reason = request.query_params.get("reason", "")[:300]
        data = {"reason": reason} if reason and _takes(name, "reason") else {}
        return self.carry_out(name, self.get_object(), data, None)

    destroy.__doc__ = _told(name)
    why = OpenApiParameter("reason", str, description="Why; kept in the audit log.")
    described: Any = extend_schema(
        request=None,
        responses=_responses(name, None, made=False),
        parameters=[*([why] if _takes(name, "reason") else []), *([PLAN, LOCATION] if can_plan(name) else [])],
        operation_id=name.replace(".", "_"),
    )(destroy)
    described.use_cases = (name,)
    return described


def can_plan(name: str) -> bool:
    """Whether a use case makes an operation that can wait for approval."""
    return _takes(name, "wait_for_approval")


def _takes(name: str, keyword: str) -> bool:
    return keyword in inspect.signature(USE_CASES[name].function).parameters


def _makes_operation(name: str) -> bool:
    return inspect.signature(USE_CASES[name].function).return_annotation in (Operation, "Operation")


def _responses(name: str, answer: Serializer | None, *, made: bool) -> dict[int, Any]:
    if _makes_operation(name):
        return {202: OperationOutput}
    if answer is None:
        return {204: OpenApiResponse(description="Done.")}
    return {201 if made else 200: answer}


def _told(name: str) -> str:
    """What a use case does, in the words of its service function."""
    return (inspect.getdoc(USE_CASES[name].function) or "").partition("\n\n")[0].replace("\n", " ")


def _wants_plan(request: Request) -> bool:
    text = request.query_params.get("plan", "").lower()
    if text not in (*_TRUE, *_FALSE):
        raise Refusal("no_plan", _("plan is true or false."), field="plan")
    return text in _TRUE


def _check_can_plan(name: str) -> None:
    if not can_plan(name):
        raise Refusal("no_plan", _("This changes no node, so there is no plan to show."), field="plan")
