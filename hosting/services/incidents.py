"""Incidents: made and ended by alerts, acknowledged, noted, resolved and reported by people."""

import hashlib
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from audit.actor import Actor
from audit.choices import Outcome
from audit.models import Event
from audit.record import record
from hosting import verbs
from hosting.errors import HostingError
from hosting.models import Operation
from hosting.texts import N_
from observability.models import HealthPeriod, Incident, IncidentNote
from observability.models.incidents import IncidentState, Severity

#: An alert that comes back so soon is the same incident.
_AGAIN = timedelta(minutes=30)
#: What happened this long before is told in the report.
BEFORE = timedelta(minutes=15)
_TOLD = 25
_LABELS, _LABEL_CHARACTERS = 20, 200
_RUNBOOK = re.compile(r"docs/runbook/([a-z0-9-]{1,60})\.md(?:#([a-z0-9-]{1,60}))?$")
_FINGERPRINT = re.compile(r"[0-9a-f]{8,64}")


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert as Alertmanager tells it, bounded; nothing in it is believed to be more than text."""

    fingerprint: str
    firing: bool
    name: str
    severity: str
    summary: str
    description: str
    runbook: str
    heading: str
    started_at: datetime
    ended_at: datetime | None
    labels: dict[str, str] = field(default_factory=dict)


def read_alert(raw: Any) -> Alert:
    """The alert in an entry of Alertmanager's ``alerts``.

    Raises:
        ValueError: it is none.
    """
    if not isinstance(raw, dict) or raw.get("status") not in ("firing", "resolved"):
        raise ValueError("an alert is firing or resolved")
    fingerprint = str(raw.get("fingerprint", ""))
    started = _moment(raw.get("startsAt"))
    if not _FINGERPRINT.fullmatch(fingerprint) or started is None:
        raise ValueError("an alert has a fingerprint and a beginning")
    labels, notes = _texts(raw.get("labels"), _LABEL_CHARACTERS), _texts(raw.get("annotations"), 2_000)
    page = _RUNBOOK.search(notes.get("runbook_url", ""))
    severity = labels.get("severity", "")
    name = labels.get("alertname", "")[:100]
    firing = raw["status"] == "firing"
    return Alert(
        fingerprint, firing, name, severity if severity in Severity.values else Severity.WARNING.value,
        notes.get("summary", name)[:300] or name, notes.get("description", ""), page[1] if page else "",
        (page[2] or "") if page else "", started, None if firing else _moment(raw.get("endsAt")), labels,
    )  # fmt: skip


def _texts(raw: Any, limit: int) -> dict[str, str]:
    if not isinstance(raw, dict):
        return {}
    return {str(key)[:100]: str(value)[:limit] for key, value in list(raw.items())[:_LABELS]}


def _moment(raw: Any) -> datetime | None:
    try:
        found = parse_datetime(str(raw))
    except ValueError:
        return None
    return found if found is not None and found.tzinfo is not None and found.year > 1970 else None


def receive(*, actor: Actor, alert: Alert) -> Incident | None:
    """Open, open again or end the incident of an alert; None where there is nothing to do.

    The same alert told twice changes nothing, nor does one that a person has resolved and that still burns.
    """
    try:
        with transaction.atomic():
            return _open(actor, alert) if alert.firing else _end(actor, alert)
    except IntegrityError:
        if not Incident.objects.filter(fingerprint=alert.fingerprint, ended_at=None).exists():
            raise  # the database refuses it for another reason: Alertmanager tells it again
        return None  # the same alert arrived at another process at the same moment, which has made the incident


def _open(actor: Actor, alert: Alert) -> Incident | None:
    last = Incident.objects.select_for_update().filter(fingerprint=alert.fingerprint).first()
    if last is not None and _is_known(last, alert):
        return None
    if last is not None and last.ended_at is not None and alert.started_at - last.ended_at < _AGAIN:
        return _reopen(actor, last, alert)
    incident = Incident.objects.create(
        fingerprint=alert.fingerprint, open_key=alert.fingerprint, alert=alert.name, severity=alert.severity,
        summary=alert.summary, description=alert.description, node=alert.labels.get("node", "")[:100],
        labels=alert.labels, runbook=alert.runbook, runbook_heading=alert.heading, started_at=alert.started_at,
        report=template(alert),
    )  # fmt: skip
    _record(verbs.INCIDENT_OPEN, actor, incident)
    return incident


def _is_known(incident: Incident, alert: Alert) -> bool:
    """Whether an alert is not news: it began before its incident, which it may have opened again, was over."""
    ended = incident.ended_at
    return (
        not incident.is_resolved or incident.started_at == alert.started_at or bool(ended and ended > alert.started_at)
    )


def _reopen(actor: Actor, incident: Incident, alert: Alert) -> Incident:
    incident.state, incident.open_key, incident.ended_at = IncidentState.OPEN, alert.fingerprint, None
    incident.acknowledged_at, incident.acknowledged_by = None, ""
    incident.save()
    _record(verbs.INCIDENT_REOPEN, actor, incident)
    return incident


def _end(actor: Actor, alert: Alert) -> Incident | None:
    incident = Incident.objects.select_for_update().filter(open_key=alert.fingerprint).first()
    return None if incident is None else _resolved(actor, incident, alert.ended_at or timezone.now())


def _resolved(actor: Actor, incident: Incident, at: datetime, reason: str = "") -> Incident:
    incident.state, incident.open_key, incident.ended_at = IncidentState.RESOLVED, None, at
    incident.save()
    _record(verbs.INCIDENT_RESOLVE, actor, incident, reason=reason)
    return incident


@transaction.atomic
def acknowledge(*, actor: Actor, incident: Incident) -> Incident:
    """Say that the actor deals with it.

    Raises:
        HostingError: ``wrong_state`` (somebody does already, or it is over).
    """
    locked = _locked(incident)
    if locked.state != IncidentState.OPEN:
        raise HostingError(
            N_("This incident is not waiting for anybody."), hint=N_("Look at its page again."), code="wrong_state"
        )
    locked.state = IncidentState.ACKNOWLEDGED
    locked.acknowledged_at, locked.acknowledged_by = timezone.now(), actor.login[:254]
    locked.save()
    _record(verbs.INCIDENT_ACKNOWLEDGE, actor, locked)
    return locked


@transaction.atomic
def note(*, actor: Actor, incident: Incident, text: str) -> IncidentNote:
    """Write down what was done or seen.

    Raises:
        HostingError: ``invalid`` (no text).
    """
    if not text.strip():
        raise HostingError(N_("Write what was done or seen."), code="invalid", field="text")
    made = IncidentNote.objects.create(incident=_locked(incident), author=actor.login[:254], text=text.strip()[:4_000])
    _record(verbs.INCIDENT_NOTE, actor, incident, after={"text": made.text})
    return made


@transaction.atomic
def resolve(*, actor: Actor, incident: Incident, reason: str = "") -> Incident:
    """End an incident by hand.

    Raises:
        HostingError: ``wrong_state`` (it is over).
    """
    locked = _locked(incident)
    if locked.is_resolved:
        raise HostingError(N_("This incident is resolved already."), code="wrong_state")
    return _resolved(actor, locked, timezone.now(), reason)


@transaction.atomic
def write_report(*, actor: Actor, incident: Incident, text: str, seen: str = "") -> Incident:
    """Replace the report.

    Args:
        seen: the digest of the report that the new text began with; left out, whatever is there is replaced.

    Raises:
        HostingError: ``stale_report`` (somebody has changed it since).
    """
    locked = _locked(incident)
    if seen and seen != digest(locked.report):
        raise HostingError(
            N_("Somebody else has changed the report since you opened it."),
            hint=N_("Keep your text, open the report again and put both together."), code="stale_report", field="text",
        )  # fmt: skip
    before, locked.report = locked.report, text[:60_000]
    locked.save(update_fields=["report"])
    _record(verbs.INCIDENT_REPORT, actor, locked, before={"report": before}, after={"report": locked.report})
    return locked


def digest(report: str) -> str:
    """Tells one text of a report from another."""
    return hashlib.sha256(report.encode()).hexdigest()


def _locked(incident: Incident) -> Incident:
    return Incident.objects.select_for_update().get(pk=incident.pk)


def _record(verb: Any, actor: Actor, incident: Incident, **fields: Any) -> None:
    record(verb=verb, actor=actor, target=incident, outcome=Outcome.SUCCEEDED, node=incident.node, **fields)


def template(alert: Alert) -> str:
    """The report of docs/runbook/incident-template.md, with what the panel knows filled in."""
    lines = [f"- {at:%Y-%m-%d %H:%M:%S} UTC  {what}" for at, what in happened(alert)]
    return "\n".join(
        [
            "## Summary", "", f"{alert.summary}. {alert.description}".strip(), "",
            "## Impact", "", "Who noticed what, from when to when:", "",
            "## Timeline", "", *lines, "",
            "## Root cause", "", "",
            "## Actions", "", "",
        ]
    )  # fmt: skip


def happened(alert: Alert) -> list[tuple[datetime, str]]:
    """What was done, what ran and what health checks said just before an alert, oldest first, and the alert itself."""
    since = alert.started_at - BEFORE
    events = Event.objects.filter(occurred_at__range=(since, alert.started_at)).order_by("-id")[:_TOLD]
    ran = Operation.objects.filter(created_at__range=(since, alert.started_at)).order_by("-created_at")[:_TOLD]
    told = [(one.occurred_at, f"{one.actor_login} {one.verb} {one.target_label}: {one.outcome}") for one in events]
    told += [(one.created_at, f"operation {one.kind} on {one.target_label}: {one.state} ({one.pk})") for one in ran]
    looks = HealthPeriod.objects.filter(began_at__range=(since, alert.started_at)).order_by("-began_at")[:_TOLD]
    told += [(one.began_at, _health(one)) for one in looks]
    return [*sorted(told), (alert.started_at, f"alert {alert.name} ({alert.severity})")]


def _health(period: HealthPeriod) -> str:
    where = f" of {period.node}" if period.node else ""
    return f"health {period.check_name}{where}: {period.status} ({period.summary})"
