"""Rows for tests: plain functions that make one thing with sensible values; every field can be given."""

import itertools
from typing import Any

from accounts.models import Customer, Reseller
from hosting.choices import NodeState, OperationKind, OperationState, ServiceState
from hosting.models import Domain, HostingPlan, HostingService, Node, Operation

_count = itertools.count(1)


def make_customer(**fields: Any) -> Customer:
    """A customer with a name of its own."""
    return Customer.objects.create(**{"name": f"Customer {next(_count)}"} | fields)


def make_reseller(**fields: Any) -> Reseller:
    """A reseller with a name of its own."""
    return Reseller.objects.create(**{"name": f"Reseller {next(_count)}"} | fields)


def make_plan(**fields: Any) -> HostingPlan:
    """A plan with generous limits."""
    limits = {"domains": 10, "databases": 10, "database_users": 10}
    return HostingPlan.objects.create(**{"name": f"Plan {next(_count)}"} | limits | fields)


def make_node(**fields: Any) -> Node:
    """A ready node with PHP 8.2 whose secrets are sealed as add_node seals them."""
    from hosting.operations.nodes import secret_context
    from hosting.sealing import seal

    node = Node(
        **{
            "name": f"node{next(_count)}",
            "address": "192.0.2.1",
            "public_addresses": ["192.0.2.1"],
            "nameservers": ["ns1.panel.test", "ns2.panel.test"],
            "state": NodeState.READY,
            "facts": {"discovered": {"php_fpm": {"versions": ["8.2"]}}},
        }
        | fields
    )
    node.secrets_sealed = {"powerdns_api_key": seal("k" * 48, secret_context(node, "powerdns_api_key"))}
    node.save()
    return node


def make_service(**fields: Any) -> HostingService:
    """An active service without domains."""
    number = next(_count)
    values = {
        "customer": fields.pop("customer", None) or make_customer(),
        "plan": fields.pop("plan", None) or make_plan(),
        "node": fields.pop("node", None) or make_node(),
        "username": f"user{number}",
        "php_version": "8.2",
        "state": ServiceState.ACTIVE,
    } | fields
    service = HostingService(**values)
    service.username_key = None if service.state == ServiceState.TERMINATED else service.username
    service.save()
    return service


def make_domain(service: HostingService, name: str, **fields: Any) -> Domain:
    """A domain that its service holds."""
    domain = Domain(service=service, name=name, **fields)
    domain.claim()
    domain.save()
    return domain


def make_operation(**fields: Any) -> Operation:
    """An operation on a service, pending unless said otherwise."""
    service = fields.pop("service", None) or make_service()
    values = {
        "kind": OperationKind.APPLY,
        "state": OperationState.PENDING,
        "node": service.node,
        "service": service,
        "target_key": f"service:{service.pk}",
        "target_label": service.username,
        "customer_name": service.customer.name,
        "actor": {"type": "user", "id": "1", "login": "admin@panel.test", "role": "admin"},
        "actor_login": "admin@panel.test",
        "trace_id": f"{next(_count):032x}",
    } | fields
    return Operation.objects.create(**values)
