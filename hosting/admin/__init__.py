"""The console's pages on hosting: one module per group, each thin over selectors and services."""

from django.contrib import admin

from audit.admin import register as register_audit
from hosting.admin import customers, databases, drift, names, nodes, operations, plans, services  # noqa: F401

register_audit(admin.site)
