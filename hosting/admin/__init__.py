"""The console's pages on hosting: one module per group, each thin over selectors and services."""

from hosting.admin import (
    bulk,
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
    record_templates,
    records,
    secondaries,
    services,
)

__all__ = [
    "bulk",
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
    "record_templates",
    "records",
    "secondaries",
    "services",
]
