"""The console's pages on hosting: one module per group, each thin over selectors and services."""

from hosting.admin import (
    bulk,
    customers,
    databases,
    drift,
    holds,
    incidents,
    mail,
    mail_lookups,
    mail_queue,
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
    "customers",
    "databases",
    "drift",
    "holds",
    "incidents",
    "mail",
    "mail_lookups",
    "mail_queue",
    "members",
    "names",
    "nodes",
    "operations",
    "plans",
    "records",
    "services",
]
