"""The console's pages on hosting: one module per group, each thin over selectors and services."""

from hosting.admin import (
    bulk,
    certificates,
    customers,
    databases,
    drift,
    holds,
    incidents,
    members,
    names,
    nodes,
    operations,
    plans,
    records,
    services,
)

__all__ = [
    "bulk",
    "certificates",
    "customers",
    "databases",
    "drift",
    "holds",
    "incidents",
    "members",
    "names",
    "nodes",
    "operations",
    "plans",
    "records",
    "services",
]
