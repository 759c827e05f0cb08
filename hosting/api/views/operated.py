"""What is operated: operations, bulk runs, nodes, drift, and what was recorded."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from hosting import selectors
from hosting.api import filters, inputs, outputs, outputs_operations
from hosting.api.idempotency import once
from hosting.api.views.base import KEY, LOCATION, Readable, act, adds
from hosting.api.waiting import LONGEST, wait_for_rest
from hosting.choices import OperationKind


class Wait(serializers.Serializer):
    """How long to wait for an operation."""

    wait = serializers.IntegerField(min_value=0, max_value=LONGEST, default=0)


class Operations(Readable):
    """Operations: what is to be done on nodes, is being done, or was."""

    scope, selector = "operation", selectors.operations
    prefetch = ("journal", "intent")
    serializer_class = outputs_operations.OperationOutput
    filterset_class = filters.OperationFilter
    ordering = ("-created_at",)
    ordering_fields = ("created_at",)
    lookup_value_converter = "uuid"
    approve = act("operation.approve", inputs.ApprovalInput)
    prepare = act("operation.prepare", answer=outputs_operations.Preparation, keyed=False)
    confirm = act("operation.confirm", inputs.ConfirmationInput, atomic=False)
    cancel = act("operation.cancel", inputs.Reason)
    retry = act("operation.retry")
    discard = act("operation.discard")
    rollback = act("operation.rollback", inputs.Reason)

    def get_serializer_class(self) -> Any:
        """Lists leave the plan out."""
        return outputs_operations.OperationRow if self.action == "list" else outputs_operations.OperationOutput

    def get_queryset(self) -> Any:
        """Lists need no journal."""
        return selectors.operations(self.actor) if self.action == "list" else super().get_queryset()

    @extend_schema(
        parameters=[
            OpenApiParameter(
                "wait",
                {"type": "integer", "minimum": 0, "maximum": LONGEST},
                description="Seconds to wait until it has ended or waits for approval. With a Retry-After in the "
                "answer too many wait already: ask again then.",
            )
        ]
    )
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """One operation, perhaps once it has ended or waits for approval."""
        asked = Wait(data=request.query_params.dict())
        asked.is_valid(raise_exception=True)
        operation = self.get_object()
        waited = wait_for_rest(operation, asked.validated_data["wait"], request.user.pk)
        body = self.get_serializer(self.get_object()).data
        return Response(body, headers={} if waited else {"Retry-After": "2"})


class BulkRuns(Readable):
    """Bulk runs: one wish for many services, an operation for each. For operators alone."""

    scope, selector, prefetch = "bulk", selectors.bulk_runs, ("intent",)
    serializer_class = outputs_operations.BulkOutput
    filterset_class = filters.BulkFilter
    ordering = ("-created_at",)
    ordering_fields = ("created_at",)
    lookup_value_converter = "uuid"
    prepare = act("bulk.prepare", answer=outputs_operations.BulkPreparation, keyed=False)
    confirm = act("bulk.confirm", inputs.ConfirmationInput, answer=outputs_operations.BulkOutput, atomic=False)
    retry = act("bulk.retry", answer=outputs_operations.BulkOutput)
    cancel = act("bulk.cancel", inputs.Reason, answer=outputs_operations.BulkOutput)

    @extend_schema(
        request=inputs.BulkInput,
        responses={201: outputs_operations.BulkOutput},
        parameters=[KEY, LOCATION],
        operation_id="bulk_start",
        filters=False,
    )
    def create(self, request: Request) -> Response:
        """Ask for the same for many services. What can spoil much waits for its confirmation."""

        def work() -> Response:
            data = self.read_input(inputs.BulkInput)
            version = data.pop("php_version", None)
            options = {} if version is None else {"php_version": version}
            data |= {"kind": OperationKind(data["kind"]), "options": options}
            self.makes = True
            return self.carry_out("bulk.start", None, data, outputs_operations.BulkOutput)

        return once(request, work)

    create.use_cases = ("bulk.start",)  # type: ignore[attr-defined]


class BulkItems(Readable):
    """The services of bulk runs, and what became of each."""

    scope, selector = "bulk", selectors.bulk_items
    serializer_class = outputs_operations.BulkItemOutput
    filterset_class = filters.BulkItemFilter
    ordering = ("pk",)
    ordering_fields = ("id",)


class Nodes(Readable):
    """Nodes; for operators alone."""

    scope, selector = "node", selectors.nodes
    serializer_class = outputs.NodeOutput
    filterset_class = filters.NodeFilter
    ordering_fields = ("id", "name")
    create = adds("node.add", inputs.NodeInput, answer=outputs.NodeOutput)
    pin = act("node.pin", inputs.HostKeysInput)
    authorize = act("node.authorize", inputs.IdentityInput, keyed=False)
    bootstrap = act("node.bootstrap", inputs.Reason)
    resume = act("node.resume")
    scan = act("node.scan")


class Drift(Readable):
    """Differences between nodes and what is wanted; for operators alone."""

    scope, selector = "drift", selectors.drift_items
    serializer_class = outputs.DriftOutput
    filterset_class = filters.DriftFilter
    ordering_fields = ("id",)
    repair = act("drift.repair")
    adopt = act("drift.adopt", answer=outputs.DriftOutput)


class Activity(Readable):
    """What was done, by whom and why: everything for operators, for others what concerns their customers."""

    scope, selector = "activity", selectors.events
    serializer_class = outputs.EventOutput
    filterset_class = filters.EventFilter
    ordering_fields = ("id",)
