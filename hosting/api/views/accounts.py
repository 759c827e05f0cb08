"""Who is who: resellers, people, and the members of customers."""

from hosting import selectors
from hosting.api import filters, inputs
from hosting.api import outputs_people as outputs
from hosting.api.views.base import Readable, act, adds, changes, removes


class Resellers(Readable):
    """Resellers: all for operators, for a reseller their own."""

    scope, selector = "reseller", selectors.resellers
    serializer_class = outputs.ResellerOutput
    ordering_fields = ("name",)
    create = adds("reseller.create", inputs.ResellerInput, answer=outputs.ResellerOutput)
    partial_update = changes("reseller.change", inputs.ResellerChange, answer=outputs.ResellerOutput)
    add_person = act("reseller.add_person", inputs.ResellerPersonInput, answer=outputs.PersonOutput)


class People(Readable):
    """People who sign in: all for operators, for others those of their customers."""

    scope, selector = "person", selectors.people
    serializer_class = outputs.PersonOutput
    filterset_class = filters.PersonFilter
    ordering_fields = ("id", "email")
    create = adds("person.create", inputs.PersonInput, answer=outputs.PersonOutput)
    partial_update = changes("person.change", inputs.PersonChange, answer=outputs.PersonOutput)
    deactivate = act("person.deactivate", answer=outputs.PersonOutput)
    end_sessions = act("person.end_sessions")


class Members(Readable):
    """Members: who may act for a customer, and how far."""

    scope, selector = "member", selectors.memberships
    serializer_class = outputs.MemberOutput
    filterset_class = filters.MemberFilter
    ordering_fields = ("id",)
    create = adds("member.add", inputs.MemberInput, answer=outputs.MemberOutput)
    partial_update = changes("member.change", inputs.MemberChange, answer=outputs.MemberOutput)
    destroy = removes("member.remove")
