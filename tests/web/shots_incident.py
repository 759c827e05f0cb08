"""An incident for pictures: a node went away while people worked."""

from datetime import timedelta

from django.urls import reverse
from django.utils import timezone

from audit.actor import Actor
from hosting.services import incidents


def incident(fingerprint: str = "0123456789abcdef") -> str:
    """Make it; give the address of its page."""
    began = timezone.now() - timedelta(minutes=36)
    actor = Actor.system("alertmanager")
    made = incidents.receive(actor=actor, alert=incidents.read_alert({
        "status": "firing", "fingerprint": fingerprint, "startsAt": began.isoformat(),
        "labels": {"alertname": "NodeDown", "severity": "page", "node": "web-2", "check": "ssh",
                   "instance": "panel-1.internal.example:2089", "job": "npanel"},
        "annotations": {
            "summary": "web-2 does not answer",
            "description": "The panel can't reach web-2 by SSH: refused, timed out, or its host key changed. Sites may "
                           "still be served; nothing on it can be changed.",
            "runbook_url": "https://git.example/npanel/blob/main/docs/runbook/node-down.md#symptoms",
        },
    }))  # fmt: skip
    assert made is not None
    text = "Console of the machine shows it is up.\nThe switch port is down since 02:14."
    incidents.note(actor=Actor.system("anna@panel.test"), incident=made, text=text)
    return reverse("admin:observability_incident_change", args=(made.pk,))
