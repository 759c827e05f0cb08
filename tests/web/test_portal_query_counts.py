"""What each page of the portal costs in queries, and that it costs the same with many rows as with few.

A page that needs another query changes its number here, knowingly. Session and person are two of them.
"""

from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit.choices import Outcome
from audit.record import Target, record
from hosting.models import Mailbox
from hosting.verbs import OPERATION_VERBS
from tests import factories, people
from tests.web import rows
from tests.web.portal import Account, account, signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("customer_interface")]

#: Page -> queries, as the customer's owner; a name with a thing behind it is about the account's first one.
OWNER = {
    "home": 16,
    "domains": 6,
    "databases": 10,
    "ftp_accounts": 7,
    "activity": 9,
    "people": 4,
    "service service": 20,
    "ssh service": 7,
    "domain domain": 9,
    "certificates": 3,
    "domain_certificate domain": 10,
    "dns domain": 12,
    "dns second": 13,
    "mail": 7,
    "mail_domain mail": 7,
    "mail_addresses mail": 6,
    "mail_delivery mail": 10,
    "mail_programs mail": 7,
    "mailbox mailbox": 5,
    "operation operation": 10,
}
#: As somebody of the reseller.
RESELLER = {
    "home": 21,
    "customers": 5,
    "customer customer": 10,
    "services": 5,
    "plans": 5,
    "domains": 7,
    "databases": 11,
    "ftp_accounts": 8,
    "activity": 10,
    "service service": 25,
}


def address(own: Account, name: str) -> str:
    """``domain second``: the page ``domain`` about the account's ``second``."""
    page, _space, thing = name.partition(" ")
    return reverse(f"portal:{page}", args=(_thing(own, thing).pk,) if thing else ())


def _thing(own: Account, name: str) -> Any:
    return own.service.customer if name == "customer" else getattr(own, name)


def counted(client: Client, own: Account, pages: dict[str, int]) -> dict[str, int]:
    """Queries of each page."""
    found = {}
    for name in pages:
        cache.clear()
        with CaptureQueriesContext(connection) as queries:
            answer = client.get(address(own, name))
        assert answer.status_code == 200, name
        found[name] = len(queries)
    return found


def crowd(own: Account) -> None:
    """More of everything: services, domains, databases, operations, events, people."""
    customer = own.service.customer
    fields = {"customer": customer, "plan": own.plan, "node": own.service.node}
    for number in range(6):
        other = rows.service(f"more{number}", f"more{number}.example", **fields)
        rows.database(other, "shop")
        rows.domain(own.service, f"other{number}.example")
        rows.database(own.service, f"d{number}")
        rows.mail(rows.domain(own.service, f"mail{number}.example"))
        Mailbox.objects.create(mail=own.mail, local_part=f"b{number}", password_hash=rows.MAIL_HASH)
        rows.ftp_account(own.service, f"f{number}")
        rows.record(own.domain, f"n{number}", "TXT", '"x"')
        happened(own)
        factories.make_customer(name=f"Other {number}", reseller=own.reseller)
        factories.make_plan(name=f"Other {number}", reseller=own.reseller)
    for access in ("manager", "viewer"):
        people.member(customer, access)


def happened(own: Account) -> None:
    """One more ended operation, with its event."""
    operation = rows.operation(own.service)
    target = Target("service", str(own.service.pk), own.service.username)
    record(
        verb=OPERATION_VERBS[operation.kind], actor=people.operator(), target=target, outcome=Outcome.SUCCEEDED,
        operation_id=operation.pk,
    )  # fmt: skip


@pytest.mark.parametrize(("who", "pages"), [("owner", OWNER), ("reseller", RESELLER)])
def test_every_page_costs_what_is_written_here(who: str, pages: dict[str, int]) -> None:
    """With little, and the same with much."""
    own = account()
    happened(own)
    client = signed_in(own.person() if who == "owner" else people.reseller(own.reseller))
    few = counted(client, own, pages)
    crowd(own)
    many = counted(client, own, pages)
    assert (few, many) == (pages, pages)
