"""What each page of the console costs in queries, and that it costs the same with many rows as with few.

A page that needs another query changes its number here, knowingly. Session and person are two of them, the counts in
the rail four.
"""

from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Customer
from hosting.models import (
    Certificate,
    Database,
    DatabaseUser,
    DnsRecord,
    Domain,
    DriftItem,
    FtpAccount,
    HostingService,
    MailAlias,
    Mailbox,
    MailDomain,
    Node,
    Operation,
    SshKey,
)
from observability.models import Incident, IncidentNote
from tests import factories
from tests.web import rows, shots_incident

pytestmark = pytest.mark.django_db

#: Page -> queries. The names in braces are ids of rows that exist.
COUNTS = {
    "": 28,
    "live/": 23,
    "search/": 7,
    "search/?q=a": 28,
    "search/?q=domain:a": 9,
    "search/?q=user:a": 17,
    "search/?q=service:a": 13,
    "search/?q=customer:a": 10,
    "search/?q=db:a": 11,
    "search/?q=mail:kim": 12,
    "search/?q=node:w": 8,
    "search/?q=ip:192.0.2.1": 10,
    "search/?q=op:a": 8,
    "search/?q=trace:00000000": 10,
    "hosting/hostingservice/": 13,
    "hosting/hostingservice/?q=a": 18,
    "hosting/hostingservice/?node={node}": 14,
    "hosting/hostingservice/{service}/change/": 28,
    "hosting/hostingservice/{service}/change/?tab=plan": 15,
    "hosting/hostingservice/{service}/change/?tab=operations": 15,
    "hosting/hostingservice/{service}/change/?tab=audit": 15,
    "hosting/domain/": 12,
    "hosting/domain/{domain}/change/": 19,
    "hosting/domain/{domain}/change/?tab=operations": 13,
    "hosting/certificate/": 11,
    "hosting/certificate/{certificate}/change/": 11,
    "hosting/dnsrecord/": 11,
    "hosting/dnsrecord/{record}/change/": 10,
    "hosting/database/": 11,
    "hosting/database/{database}/change/": 11,
    "hosting/databaseuser/": 13,
    "hosting/databaseuser/{account}/change/": 12,
    "hosting/ftpaccount/": 11,
    "hosting/ftpaccount/{ftp}/change/": 10,
    "hosting/sshkey/": 12,
    "hosting/sshkey/{ssh_key}/change/": 11,
    "hosting/maildomain/": 12,
    "hosting/maildomain/{mail}/change/": 18,
    "hosting/mailbox/": 13,
    "hosting/mailbox/?q=kim": 15,
    "hosting/mailbox/?q=kim@a": 16,
    "hosting/mailbox/{mailbox}/change/": 13,
    "hosting/mailalias/": 13,
    "hosting/mailalias/{alias}/change/": 12,
    "hosting/node/": 9,
    "hosting/node/{node}/change/": 9,
    "hosting/node/{node}/change/?tab=drift": 9,
    "hosting/node/{node}/change/?tab=operations": 9,
    "hosting/operation/": 11,
    "hosting/operation/?state__exact=succeeded": 11,
    "hosting/operation/{operation}/change/": 17,
    "hosting/driftitem/": 11,
    "hosting/driftitem/{drift}/change/": 10,
    "hosting/hostingplan/": 9,
    "accounts/customer/": 9,
    "accounts/customer/{customer}/change/": 14,
    "accounts/customer/{customer}/change/?tab=operations": 12,
    "accounts/user/": 9,
    "health/": 9,
    "performance/": 10,
    "timeline/{trace}/": 12,
    "runbook/": 7,
    "runbook/disk-full/": 7,
    "observability/incident/": 9,
    "observability/incident/?q=N": 11,
    "observability/incident/{incident}/change/": 10,
    "observability/incident/{incident}/change/?tab=audit": 10,
    "observability/incident/{incident}/note/": 8,
    "observability/incident/{incident}/report/": 8,
    "audit/event/": 8,
    "audit/event/?q=anna": 24,
}


def grow(number: int) -> None:
    """One more of everything, with names that every search above finds."""
    service = rows.service(
        f"a{number}", f"a{number}.example", node=rows.node(f"w{number}", address=f"192.0.2.1{number}"),
        customer=factories.make_customer(name=f"A{number}"), plan=factories.make_plan(name=f"A{number}"),
    )  # fmt: skip
    rows.database(service, "main")
    rows.certificate(service.domains.get())
    rows.ftp_account(service)
    rows.ssh_key(service)
    rows.mail(service.domains.get())
    rows.operation(service)
    rows.drift(service)
    shots_incident.incident(f"{number:016x}")


def crowd_one_service() -> None:
    """More of what belongs to the first service, its customer, its node."""
    first = HostingService.objects.order_by("pk")[0]
    for number in range(6):
        other = rows.service(
            f"ab{number}", f"ab{number}.example", node=first.node, customer=first.customer, plan=first.plan
        )
        rows.operation(other)
        rows.mail(rows.domain(first, f"ac{number}.example"))
        rows.database(first, f"d{number}")
        rows.ftp_account(first, f"f{number}")
        rows.ssh_key(first)
        rows.operation(first)
        rows.drift(other)
    for incident in Incident.objects.all():
        IncidentNote.objects.create(incident=incident, author="anna@panel.test", text="Seen.")


def ids() -> dict[str, Any]:
    """The first row of each sort."""
    models = {
        "service": HostingService, "domain": Domain, "record": DnsRecord, "database": Database, "account": DatabaseUser,
        "ftp": FtpAccount,
        "ssh_key": SshKey,
        "mail": MailDomain, "mailbox": Mailbox, "alias": MailAlias,
        "node": Node, "operation": Operation, "drift": DriftItem, "customer": Customer, "incident": Incident,
        "certificate": Certificate,
    }  # fmt: skip
    found = {name: model._default_manager.order_by("pk")[0].pk for name, model in models.items()}
    return {**found, "trace": Operation.objects.get(pk=found["operation"]).trace_id}


def counted(client: Client, pages: dict[str, str]) -> dict[str, int]:
    """Queries of each page; figures that are kept for a minute are counted as they are the first time."""
    found = {}
    for name, page in pages.items():
        cache.clear()
        with CaptureQueriesContext(connection) as queries:
            answer = client.get(page)
        assert answer.status_code == 200, page
        found[name] = len(queries)
    return found


def test_every_page_costs_what_is_written_here(admin_client: Client) -> None:
    """With three of everything, and the same with more of everything."""
    for number in range(3):
        grow(number)
    pages = {page: "/admin/" + page.format(**ids()) for page in COUNTS}
    few = counted(admin_client, pages)
    assert few == COUNTS
    for number in range(3, 8):
        grow(number)
    crowd_one_service()
    assert counted(admin_client, pages) == COUNTS


def test_the_start_page_is_cheap_while_its_figures_are_kept(
    admin_client: Client, django_assert_max_num_queries: Any
) -> None:
    """Somebody who looks again within the minute costs little."""
    grow(1)
    admin_client.get("/admin/")
    with django_assert_max_num_queries(19):
        admin_client.get("/admin/")
