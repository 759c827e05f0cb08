"""Asks what became of mail, and how well a domain's mail will be taken elsewhere. The worker answers within seconds."""

from django.db import transaction

from audit.actor import Actor
from audit.choices import Outcome
from audit.record import record
from hosting.choices import LookupKind, LookupState
from hosting.errors import HostingError
from hosting.models import HostingService, MailDomain, MailLookup, Node
from hosting.operations import mail_lookups
from hosting.operations.doorbell import ring
from hosting.state.mail_queue import MESSAGE_ID
from hosting.texts import N_
from hosting.transactions import retried
from hosting.verbs import MAIL_CHECK, MAIL_SEARCH

#: Questions of one person that may wait at once.
_WAITING = 5


@retried
def search_node_log(*, actor: Actor, node: Node, query: str) -> MailLookup:
    """Look in a node's delivery log for an address or a message, whoever's it is.

    Raises:
        HostingError: ``bad_query``, ``too_many_lookups``.
    """
    return _ask(actor, MailLookup(kind=LookupKind.LOG, node=node, query=checked_query(query)))


@retried
def search_log(*, actor: Actor, service: HostingService, query: str) -> MailLookup:
    """Look in the delivery log for an address or a message, in mail that a service sent or that it was to get.

    Raises:
        HostingError: ``bad_query``, ``too_many_lookups``.
    """
    row = MailLookup(kind=LookupKind.LOG, node=service.node, service=service, query=checked_query(query))
    return _ask(actor, row)


@retried
def check_mail(*, actor: Actor, mail: MailDomain) -> MailLookup:
    """Check how well a domain's mail will be taken elsewhere: its records, its signature, its server.

    Raises:
        HostingError: ``too_many_lookups``.
    """
    service, domain = mail.domain.service, mail.domain
    return _ask(actor, MailLookup(kind=LookupKind.CHECK, node=service.node, service=service, domain=domain))


def answer_lookup(*, actor: Actor, lookup: MailLookup) -> MailLookup:
    """Answer a question now and here (needs the worker's key)."""
    mail_lookups.answer(lookup)
    lookup.refresh_from_db()
    return lookup


def checked_query(text: str) -> str:
    """An address, or a message's id, as it is looked for.

    Raises:
        HostingError: ``bad_query``.
    """
    query = text.strip()
    if MESSAGE_ID.fullmatch(query):
        return query
    name, at, domain = query.rpartition("@")
    if not at or len(name + domain) < 3 or len(query) > 254 or not query.isprintable() or " " in query:
        raise HostingError(
            N_("That is neither a mail address nor the id of a message."),
            code="bad_query",
            hint=N_("Write it as name@example.com, or as @example.com for a whole domain."),
            field="query",
        )
    return query.lower()


def _ask(actor: Actor, row: MailLookup) -> MailLookup:
    waiting = MailLookup.objects.filter(actor_login=actor.login, state=LookupState.WAITING)
    if waiting.count() >= _WAITING:
        raise HostingError(
            N_("Earlier questions of yours have no answer yet."),
            code="too_many_lookups",
            hint=N_("Wait a moment."),
            permanent=False,
        )
    row.actor_login = actor.login
    row.save()
    record(
        verb=MAIL_CHECK if row.kind == LookupKind.CHECK else MAIL_SEARCH,
        actor=actor,
        target=row.service or row.node,
        outcome=Outcome.SUCCEEDED,
        after={"looked_for": str(row)},
        node=row.node.name,
    )
    transaction.on_commit(ring)
    return row
