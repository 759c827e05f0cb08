"""Questions about mail: asked, answered by the worker, seen by whose they are, and not too many at once."""

import json
from io import StringIO

import pytest
from django.core.management import call_command

from hosting.connections.base import Reply
from hosting.errors import HostingError
from hosting.models import HostingService, MailLookup
from hosting.operations import mail_lookups as chores
from hosting.policies import perform
from hosting.services.mail_lookups import search_log, search_node_log
from tests.people import actor, member
from tests.unit.mail_queue.test_log import ALICE, CAME, NOW, OTHER, SENT
from tests.unit.services.world import World


@pytest.fixture(autouse=True)
def log(world: World) -> None:
    """The node's log, as its program finds it."""
    lines = {key: [line for line in NOW.splitlines() if key in line] for key in (SENT, CAME, OTHER)}
    refused = [line for line in NOW.splitlines() if "rejected" in line]
    answer = {"complete": True, "messages": lines, "refused": refused}
    world.server.mail.log = lambda asked: Reply(stdout=json.dumps(answer).encode())


def ids(row: MailLookup) -> set[str]:
    row.refresh_from_db()
    return {story["message_id"] for story in row.answer["stories"]}


def test_an_operator_is_told_everything_and_a_customer_their_own(world: World, service: HostingService) -> None:
    whole = search_node_log(actor=world.actor, node=world.node, query="@far.test")
    own = perform(actor(member(service.customer, "viewer")), "mail_lookup.search", service, query="@far.test")
    chores.answer_due()
    assert ids(whole) == {SENT, CAME, OTHER} and ids(own) == {SENT, CAME}
    assert ALICE.login == service.username
    assert [event["address"] for event in own.answer["refused"]] == ["nobody@example.com"]
    assert "rival.test" not in json.dumps(own.answer)


def test_a_domain_that_is_a_services_no_more_shows_nothing_of_its_mail(world: World, service: HostingService) -> None:
    service.domains.get().mail.delete()
    row = search_log(actor=world.actor, service=service, query="@far.test")
    chores.answer_due()
    assert ids(row) == set()


def test_a_service_that_gave_its_names_up_shows_nothing_of_who_has_them_now(
    world: World, service: HostingService
) -> None:
    """Neither what is sent by a user of that name now, nor mail of the domain."""
    mail = service.domains.get().mail
    world.run(world.purge(world.run(world.delete(service)).service))
    service.refresh_from_db()
    assert service.username_key is None
    asker = actor(member(service.customer, "viewer"))
    row = perform(asker, "mail_lookup.search", service, query="@far.test")
    checked = perform(asker, "mail_lookup.check", mail)
    chores.answer_due()
    assert ids(row) == set() and row.answer["refused"] == []
    checked.refresh_from_db()
    assert checked.error["code"] == "not_found"


def test_customers_can_not_ask_about_a_node(world: World, service: HostingService) -> None:
    with pytest.raises(HostingError) as raised:
        perform(actor(member(service.customer)), "mail_lookup.search_node", world.node, query="@far.test")
    assert raised.value.code == "forbidden"


def test_so_many_at_once_and_no_more(world: World, service: HostingService) -> None:
    for _ in range(5):
        search_log(actor=world.actor, service=service, query="@far.test")
    with pytest.raises(HostingError) as raised:
        search_log(actor=world.actor, service=service, query="@far.test")
    assert raised.value.code == "too_many_lookups"
    chores.answer_due()
    search_log(actor=world.actor, service=service, query="@far.test")


def test_the_command(world: World, service: HostingService) -> None:
    out = StringIO()
    call_command("mail_log", "bob@far.test", node="fake1", stdout=out)
    assert f"{SENT}  from kim@example.com (kim@example.com)  to Bob@far.test, sue@far.test" in out.getvalue()
    assert "bounced    sue@far.test  SMTP error" in out.getvalue()
    out = StringIO()
    call_command("mail_log", "bob@far.test", service="alice", json=True, stdout=out)
    assert {story["message_id"] for story in json.loads(out.getvalue())["stories"]} == {SENT, CAME}
