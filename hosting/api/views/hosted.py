"""What is hosted: customers, plans, services, domains, records, databases and their accounts."""

from hosting import selectors
from hosting.api import filters, inputs, outputs
from hosting.api.views.base import Readable, act, adds, changes, removes


class Customers(Readable):
    """Customers: all, a reseller's, or those a person is a member of."""

    scope, selector = "customer", selectors.customers
    serializer_class = outputs.CustomerOutput
    filterset_class = filters.CustomerFilter
    ordering_fields = ("id", "name")
    create = adds("customer.create", inputs.CustomerInput, answer=outputs.CustomerOutput)
    destroy = removes("customer.delete")


class Plans(Readable):
    """Hosting plans: the limits that are sold."""

    scope, selector = "plan", selectors.plans
    serializer_class = outputs.PlanOutput
    filterset_class = filters.PlanFilter
    ordering_fields = ("id", "name")
    create = adds("plan.create", inputs.PlanInput, answer=outputs.PlanOutput)
    partial_update = changes("plan.change", inputs.PlanChange, answer=outputs.PlanOutput)
    destroy = removes("plan.delete")


class Services(Readable):
    """Hosting services."""

    scope, selector = "service", selectors.services
    serializer_class = outputs.ServiceOutput
    filterset_class = filters.ServiceFilter
    ordering_fields = ("id", "username")
    create = adds("service.create", inputs.ServiceInput)
    destroy = removes("service.delete")
    apply = act("service.apply", inputs.Reason)
    restore = act("service.restore", inputs.Reason)
    purge = act("service.purge", inputs.Reason)
    suspend = act("service.suspend", inputs.Reason)
    resume = act("service.resume", inputs.Reason)
    php = act("service.php", inputs.PhpInput)


class Domains(Readable):
    """Domains of hosting services."""

    scope, selector = "domain", selectors.domains
    serializer_class = outputs.DomainOutput
    filterset_class = filters.DomainFilter
    ordering_fields = ("id",)
    create = adds("domain.add", inputs.DomainInput)
    https = act("domain.https", inputs.HttpsInput)
    destroy = removes("domain.remove")


class Records(Readable):
    """DNS records of domains that have a zone."""

    scope, selector = "record", selectors.dns_records
    serializer_class = outputs.RecordOutput
    filterset_class = filters.RecordFilter
    ordering_fields = ("id",)
    create = adds("record.add", inputs.RecordInput)
    partial_update = changes("record.change", inputs.RecordChange)
    destroy = removes("record.delete")


class Databases(Readable):
    """Databases of hosting services."""

    scope, selector = "database", selectors.databases
    serializer_class = outputs.DatabaseOutput
    filterset_class = filters.DatabaseFilter
    ordering_fields = ("id", "name")
    create = adds("database.create", inputs.DatabaseInput)
    with_user = adds("database.create_with_user", inputs.DatabaseWithUserInput, extra="with-user")
    destroy = removes("database.delete")


class DatabaseUsers(Readable):
    """Accounts of databases; passwords are given, never shown."""

    scope, selector, prefetch = "database_user", selectors.database_users, ("grants",)
    serializer_class = outputs.DatabaseUserOutput
    filterset_class = filters.DatabaseUserFilter
    ordering_fields = ("id", "name")
    create = adds("database_user.create", inputs.DatabaseUserInput)
    password = act("database_user.password", inputs.PasswordInput)
    destroy = removes("database_user.delete")
