"""Whole zones: as zone files, and many records at once."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from hosting import selectors
from hosting.api import filters, inputs_zones, outputs_zones
from hosting.api.record_templates import ApplyTemplate
from hosting.api.views.base import Readable, act
from hosting.policies import Policy
from hosting.services.zone_edits import look_at_import


class Zones(Readable):
    """DNS zones; a zone has the id of its domain."""

    scope, selector = "zone", selectors.zones
    serializer_class = outputs_zones.ZoneOutput
    filterset_class = filters.DomainFilter
    ordering_fields = ("id",)
    edit = act("zone.edit", inputs_zones.ZoneEdit)
    sign = act("zone.sign", inputs_zones.Reason)
    unsign = act("zone.unsign", inputs_zones.UnsignInput)
    apply_template = act("zone.apply_template", ApplyTemplate)
    import_file = act("zone.import_file", inputs_zones.ZoneFileInput)

    def get_serializer_class(self) -> Any:
        """Lists leave the records out."""
        return outputs_zones.ZoneRow if self.action == "list" else outputs_zones.ZoneOutput

    @extend_schema(
        request=inputs_zones.ZoneFileInput, responses={200: outputs_zones.LookOutput}, operation_id="zone_look",
        filters=False,
    )  # fmt: skip
    @action(detail=True, methods=["post"], url_path="look")
    def look(self, request: Request, **kwargs: Any) -> Response:
        """What an import of a zone file would do; nothing is changed."""
        zone = self.get_object()
        Policy(self.actor).require("zone.import_file", zone)
        data = self.read_input(inputs_zones.ZoneFileInput)
        data.pop("reason", None)
        return Response(look_at_import(domain=zone, **data).facts())
