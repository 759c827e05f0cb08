"""People with tokens, and two tenants who must not meet."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.core.cache import caches

from accounts.choices import MemberAccess
from accounts.models import Customer
from hosting.models import Database, DatabaseUser, DnsRecord, Domain, HostingService, Operation
from tests import factories, people
from tests.unit.api.caller import Caller


@pytest.fixture(autouse=True)
def fresh_counters() -> Iterator[None]:
    """Throttles count in a cache of their own."""
    caches["counters"].clear()
    yield
    caches["counters"].clear()


@pytest.fixture
def admin(db: None) -> Caller:
    """An operator's token, on the operators' interface."""
    return Caller(people.admin())


@dataclass
class Tenant:
    """A customer with one of everything, and the token of its owner."""

    customer: Customer
    service: HostingService
    domain: Domain
    record: DnsRecord
    database: Database
    user: DatabaseUser
    operation: Operation

    def caller(self, access: str = MemberAccess.OWNER, *scopes: str) -> Caller:
        """A member's token."""
        return Caller(people.member(self.customer, access), *scopes)


def make_tenant(name: str, **customer: Any) -> Tenant:
    """A customer with one of everything."""
    owner = factories.make_customer(**customer)
    service = factories.make_service(customer=owner)
    domain = factories.make_domain(service, f"{name}.test", is_primary=True)
    record = DnsRecord.objects.create(domain=domain, name="www", type="A", content="192.0.2.7")
    database = Database.objects.create(service=service, name=f"{service.username}_{name}")
    user = DatabaseUser.objects.create(service=service, name=f"{service.username}_{name}", password_hash="*" + "A" * 40)
    return Tenant(owner, service, domain, record, database, user, factories.make_operation(service=service))


@pytest.fixture
def ours(customer_interface: None, db: None) -> Tenant:
    """One tenant, on the customers' interface."""
    return make_tenant("ours")


@pytest.fixture
def theirs(db: None) -> Tenant:
    """Another tenant."""
    return make_tenant("theirs")
