"""Two tenants and the people around them, each with one of everything, and every address filled with their ids."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

from accounts.choices import MemberAccess
from accounts.models import Customer, Reseller, User
from hosting.choices import OperationState
from hosting.models import AutoCertificate, HostingService
from tests import factories, people
from tests.web import rows

#: Which thing an id in an address belongs to, by the address before it. The longest that fits counts.
OWNERS_OF_IDS = {
    "/portal/services/": "service",
    "/portal/domains/": "domain",
    "/portal/records/": "record",
    "/portal/ssh-keys/": "ssh_key",
    "/portal/mail/waiting/": "queued_message",
    "/portal/mail/lookups/": "mail_lookup",
    "/portal/databases/": "database",
    "/portal/databases/users/": "database_user",
    "/portal/ftp/": "ftp_account",
    "/portal/mail/": "mail",
    "/portal/mail/on/": "domain",
    "/portal/mail/boxes/": "mailbox",
    "/portal/mail/aliases/": "alias",
    "/portal/operations/": "operation",
    "/portal/automatic-certificates/": "auto_certificate",
    "/portal/people/": "membership",
    "/portal/people/add/": "customer",
    "/portal/customers/": "customer",
    "/portal/plans/": "plan",
    "/portal/account/sessions/": "session",
    "/portal/account/passkeys/": "passkey",
    "/portal/account/tokens/": "token",
}
#: What stands for a parameter that names no row.
WORDS = {
    "kind": "a",
    "token": "nothing",
    "path": "x",
    "rest": "x",
    "uidb36": "1",
    "key": "nothing",
    "code": "not_found",
}
_PARAMETER = re.compile(r"<(?:(?P<kind>[a-z]+):)?(?P<name>[a-z0-9_]+)>")


@dataclass
class Tenant:
    """A customer with one of everything."""

    customer: Customer
    service: HostingService
    ids: dict[str, str] = field(default_factory=dict)

    def member(self, access: str = MemberAccess.OWNER) -> User:
        """One of the customer's people."""
        return people.member(self.customer, access)


def make_tenant(name: str, reseller: Reseller | None = None) -> Tenant:
    """A customer with a service, a domain with a record, a database, an account, and a plan that waits."""
    customer = factories.make_customer(name=f"Company {name}", reseller=reseller)
    plan = factories.make_plan(name=f"Plan {name}", reseller=reseller)
    service = rows.service(name, f"{name}.example", customer=customer, plan=plan)
    database = rows.database(service, "shop")
    certificate = rows.certificate(service.domains.get())
    account = rows.ftp_account(service)
    ssh_key = rows.ssh_key(service)
    operation = rows.operation(service, state=OperationState.PLANNED)
    domain = service.domains.get()
    mail = rows.mail(domain)
    owner = people.member(customer)
    ids = {
        "service": service.pk,
        "domain": domain.pk,
        "certificate": certificate.pk,
        "record": domain.records.first().pk,  # type: ignore[union-attr]
        "database": database.pk,
        "ssh_key": ssh_key.pk,
        "database_user": service.database_users.get().pk,
        "ftp_account": account.pk,
        "mail": mail.pk,
        "mailbox": mail.mailboxes.get().pk,
        "alias": mail.aliases.get().pk,
        "operation": operation.pk,
        "auto_certificate": AutoCertificate.objects.create(domain=domain).pk,
        "queued_message": rows.queued_message(service).pk,
        "mail_lookup": rows.mail_lookup(service).pk,
        "membership": owner.memberships.get().pk,
        "customer": customer.pk,
        "plan": plan.pk,
        "node": service.node_id,
        "user": owner.pk,
    }
    return Tenant(customer, service, {name: str(pk) for name, pk in ids.items()})


@dataclass(frozen=True)
class Address:
    """A leaf of an URLconf, with its parameters as placeholders."""

    route: str
    name: str

    @property
    def thing(self) -> str:
        """The kind of row whose id it holds, or "".

        Raises:
            LookupError: it holds an id that nobody has listed.
        """
        found = [match for match in _PARAMETER.finditer(self.route) if match["name"] not in WORDS]
        if not found:
            return ""
        before = self.route[: found[0].start()]
        if before not in OWNERS_OF_IDS:
            raise LookupError(f"{self.route}: list in OWNERS_OF_IDS whose id this is")
        return OWNERS_OF_IDS[before]

    def of(self, tenant: Tenant) -> str:
        """The address of a tenant's thing."""
        value = tenant.ids.get(self.thing, "1")
        return "/" + _PARAMETER.sub(lambda match: WORDS.get(match["name"], value), self.route).lstrip("/")


def addresses(urlconf: str, prefix: str) -> list[Address]:
    """Every leaf of an URLconf below a prefix."""
    found = _leaves(get_resolver(urlconf).url_patterns, "/", "")
    return [Address(route, name) for route, name in found if route.startswith(prefix)]


def _leaves(patterns: list[Any], prefix: str, space: str) -> Iterator[tuple[str, str]]:
    for entry in patterns:
        route = prefix + re.sub(r"[\^$]|\\Z|\\.", "", str(entry.pattern))
        if isinstance(entry, URLResolver):
            yield from _leaves(entry.url_patterns, route, entry.namespace or space)
        elif isinstance(entry, URLPattern):
            yield route, f"{space}:{entry.name}" if space else str(entry.name)
