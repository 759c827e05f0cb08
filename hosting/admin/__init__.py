"""The console's pages on hosting: one module per group, each thin over selectors and services."""

from hosting.admin import (
    bulk,
    certificates,
    customers,
    databases,
    drift,
    holds,
    incidents,
    mail,
    members,
    names,
    nodes,
    operations,
    plans,
    records,
    services,
    ssh,
)

__all__ = [
    "bulk",
    "certificates",
    "customers",
    "databases",
    "drift",
    "holds",
    "incidents",
    "mail",
    "members",
    "names",
    "nodes",
    "operations",
    "plans",
    "records",
    "services",
    "ssh",
]
