"""The worker's chore that asks blocklists about the addresses that nodes send mail from, where lists are set."""

from datetime import timedelta

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from hosting.choices import NodeState
from hosting.desired import addresses
from hosting.models import MailQueue
from hosting.operations.dns_questions import Questions
from hosting.operations.mail_check import blocklist_findings
from observability.logging import get_logger
from observability.operations import register_operation

#: Lists ask not to be asked all the time; an address that was listed an hour ago is still listed.
EVERY = timedelta(hours=1)
_SECONDS = 20.0

log = get_logger(register_operation("blocklist_look"))


def look_due() -> None:
    """Ask about each ready node that takes mail, once an hour; about none where no list is set."""
    if not settings.NPANEL_MAIL_BLOCKLISTS:
        MailQueue.objects.exclude(listed_at=None).update(listed_at=None, listed_on=[])
        return
    due = Q(listed_at=None) | Q(listed_at__lt=timezone.now() - EVERY)
    for queue in MailQueue.objects.filter(due, node__state=NodeState.READY).select_related("node"):
        look_at(queue)


def look_at(queue: MailQueue) -> None:
    """Ask all lists about a node's addresses; what a list does not answer stays as it was known."""
    here = tuple(address for _kind, address in addresses(queue.node))
    found = list(blocklist_findings(Questions(_SECONDS), here))
    listed = {_name(one.facts) for one in found if one.verdict == "listed"}
    silent = {_name(one.facts) for one in found if one.verdict == "no_answer"}
    kept = sorted(listed | (silent & set(queue.listed_on)))
    MailQueue.objects.filter(pk=queue.pk).update(listed_on=kept, listed_at=timezone.now())
    told = log.warning if listed else log.info
    told("blocklists asked", node=queue.node.name, listed=len(kept), silent=len(silent), status="success")


def _name(facts: dict[str, str]) -> str:
    return f"{facts['address']} {facts['zone']}"
