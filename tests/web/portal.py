"""What tests of the portal share: an account with everything in it, sessions, and a worker beside the browser."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from django.conf import settings
from django.db import connection
from django.test import Client

from accounts.choices import MemberAccess
from accounts.models import Reseller, User
from hosting.models import (
    Database,
    DatabaseUser,
    DnsRecord,
    Domain,
    HostingPlan,
    HostingService,
    MailAlias,
    Mailbox,
    MailDomain,
    Operation,
)
from tests import factories, people
from tests.web import rows


@dataclass
class Account:
    """A customer of a reseller, with a service that has one of everything."""

    reseller: Reseller
    service: HostingService
    plan: HostingPlan
    domain: Domain
    second: Domain
    record: DnsRecord
    database: Database
    user: DatabaseUser
    mail: MailDomain
    mailbox: Mailbox
    alias: MailAlias
    operation: Operation

    def person(self, access: str = MemberAccess.OWNER) -> User:
        """Somebody who may sign in for the customer."""
        return people.member(self.service.customer, access)


def account(username: str = "anna", name: str = "anna.example", **fields: Any) -> Account:
    """A customer's account; its names come from the two given."""
    reseller = fields.pop("reseller", None) or factories.make_reseller()
    plan = factories.make_plan(name=f"Plan of {username}", reseller=reseller)
    customer = factories.make_customer(name=f"Customer {username}", reseller=reseller)
    service = rows.service(username, name, customer=customer, plan=plan, **fields)
    second = rows.domain(service, f"second-{name}")
    database = rows.database(service, "shop")
    main = service.domains.get(is_primary=True)
    mail = rows.mail(second)
    return Account(
        reseller=reseller,
        service=service,
        plan=plan,
        domain=main,
        second=second,
        record=rows.record(main, "@", "MX", "10 mail.hoster.example."),
        database=database,
        user=DatabaseUser.objects.get(service=service),
        mail=mail,
        mailbox=mail.mailboxes.get(),
        alias=mail.aliases.get(),
        operation=rows.operation(service),
    )


def signed_in(user: User) -> Client:
    """A client with a session of this person."""
    client = Client()
    client.force_login(user)
    return client


def cookie_for(user: User, address: str) -> dict[str, Any]:
    """A session's cookie for a browser."""
    value = signed_in(user).cookies[settings.SESSION_COOKIE_NAME].value
    return {"name": settings.SESSION_COOKIE_NAME, "value": value, "url": address}


@contextmanager
def site(page: bytes) -> Iterator[int]:
    """A web server on loopback that answers every request with one page; give its port."""

    class Site(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, format: str, *args: Any) -> None:
            """Tests need no access log."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield server.server_port
        server.shutdown()


@contextmanager
def worker() -> Iterator[None]:
    """Carries out what is asked for, beside the test, as a worker's process would."""
    from hosting.operations import dispatcher, runner

    over = threading.Event()

    def work() -> None:
        while not over.wait(0.1):
            for operation in list(dispatcher.due()):
                runner.run(operation.pk)
        connection.close()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(60)
