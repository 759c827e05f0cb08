"""Answers to questions about mail as pages show them: stories of messages, and findings with advice."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from hosting.choices import LookupKind, LookupState
from hosting.mail_advice import advice_on, overall
from hosting.models import MailLookup
from hosting.translated import translated
from hosting.troubles import trouble_of

#: What happened to a message: a word, and its colour.
WHAT: dict[str, tuple[Any, str]] = {
    "accepted": (_("Accepted"), "info"),
    "delivered": (_("Delivered"), "good"),
    "deferred": (_("Not yet"), "warn"),
    "bounced": (_("Returned"), "bad"),
    "held": (_("Held"), "warn"),
    "released": (_("Released"), "info"),
    "deleted": (_("Deleted"), "bad"),
    "completed": (_("Done"), "neutral"),
    "refused": (_("Refused"), "bad"),
}


def shown(row: MailLookup, *, spare: bool) -> dict[str, Any]:
    """What a page shows of a question.

    Args:
        spare: for those who run a site and not the server: an error in our own words.
    """
    error = (trouble_of(row.error) if spare else translated(row.error)[0]) if row.error else ""
    context: dict[str, Any] = {"object": row, "waits": row.state == LookupState.WAITING, "error": error}
    if row.state != LookupState.ANSWERED or not row.answer:
        return context
    if row.kind == LookupKind.CHECK:
        advice = advice_on(row.answer["findings"])
        return {**context, "advice": advice, "overall": overall(advice)}
    stories = [{**story, "lines": _lines(story["events"])} for story in row.answer["stories"]]
    return {**context, "stories": stories, "refused": _lines(row.answer["refused"]), "complete": row.answer["complete"]}


def _lines(events: list[dict[str, str]]) -> list[dict[str, Any]]:
    return [{**event, "word": WHAT[event["what"]][0], "tone": WHAT[event["what"]][1]} for event in events]
