"""The data of the portal's pictures: an account in use, a new one, an empty one, a reseller's; who looks at what."""

import dataclasses
from datetime import timedelta

from django.urls import reverse
from django.utils import timezone

from accounts.choices import MemberAccess
from accounts.models import Customer, Reseller, User
from accounts.verbs import CUSTOMER_CREATE
from audit.actor import Actor
from audit.choices import Outcome
from audit.record import Target, record
from hosting.choices import OperationKind, OperationState, Phase, ServiceState
from hosting.models import HostingPlan, HostingService, Node, Operation
from hosting.names import host_name
from hosting.operations.intents import open_intent
from hosting.state import Change, DnsRecord, DnsZone
from hosting.verbs import OPERATION_VERBS
from tests import factories, people
from tests.web import rows

Pages = dict[str, str]


def fill() -> list[tuple[User, Pages]]:
    """Make the rows; give for each person the pages worth a look by name."""
    reseller = factories.make_reseller(name="Nordlicht Medien", max_customers=25, max_services=40, max_disk_mb=512_000)
    node = rows.node("fra-web-1", nameservers=["ns1.hoster.example", "ns2.hoster.example"])
    node.public_addresses = ["127.0.0.1"]
    node.save()
    business = factories.make_plan(name="Business", disk_mb=51_200, domains=10, databases=5, reseller=reseller)
    factories.make_plan(name="Starter", disk_mb=5_120, domains=1, databases=1, reseller=reseller)
    factories.make_plan(name="Provider's own", disk_mb=102_400, databases=None, for_resellers=True)
    customer = factories.make_customer(
        name="Bäckerei Müller & Söhne GmbH", reseller=reseller, email="post@müller.example"
    )
    service = rows.service("baecker", host_name("bäckerei-müller.example"), customer=customer, node=node, plan=business)
    _furnish(service)
    operations = _operations(service)
    owner = people.member(customer)
    for access in (MemberAccess.MANAGER, MemberAccess.VIEWER):
        people.member(customer, access)
    _record(service, operations, owner)
    return [
        (owner, _owners(service, operations)),
        (people.member(_new(node, business)), {"home-new": reverse("portal:home")}),
        (people.member(factories.make_customer(name="Empty")), {
            "home-empty": reverse("portal:home"), "domains-empty": reverse("portal:domains"),
            "databases-empty": reverse("portal:databases"), "activity-empty": reverse("portal:activity"),
        }),
        (people.reseller(reseller), {**_resellers(customer), **_deletions(reseller, node, business)}),
    ]  # fmt: skip


def _deletions(reseller: Reseller, node: Node, plan: HostingPlan) -> Pages:
    """A service that was deleted and can be restored, and one whose deletion waits to be confirmed."""
    customer = factories.make_customer(name="Ehemals GmbH", reseller=reseller)
    fields = {"customer": customer, "node": node, "plan": plan, "state": ServiceState.SOFT_DELETED}
    gone = rows.service("ehemals", "ehemals.example", purge_at=timezone.now() + timedelta(days=12), **fields)
    going = rows.service("bald", "bald-nicht-mehr.example", **fields)
    changes = tuple(Change(change.kind, change.key, change.after, None) for change in rows.creation_of(going))
    operations = {
        "waiting": rows.operation(going, kind=OperationKind.DELETE, state=OperationState.PLANNED, changes=changes),
        "deleted": rows.operation(gone, kind=OperationKind.DELETE, changes=changes),
    }
    for operation in operations.values():
        operation.actor = dataclasses.asdict(people.actor(people.reseller(reseller)))
        operation.save()
    open_intent(operations["waiting"])
    return {
        "deleted": reverse("portal:service", args=(gone.pk,)),
        "deletion": reverse("portal:service_delete", args=(gone.pk,)),
        "restore": reverse("portal:service_restore", args=(gone.pk,)),
        **{f"operation-{name}": reverse("portal:operation", args=(row.pk,)) for name, row in operations.items()},
    }


def _furnish(service: HostingService) -> None:
    rows.domain(service, "brezel.example")
    rows.domain(service, "landschaftspflege-gewaesserschutz-nordwest.example")
    rows.domain(service, "shop.brezel.example", has_zone=False)
    main = service.domains.get(is_primary=True)
    rows.certificate(main)
    rows.record(main, "@", "MX", "10 mail.hoster.example.")
    rows.record(main, "@", "TXT", '"v=spf1 include:_spf.hoster.example -all"')
    rows.record(main, "mail2026._domainkey", "TXT", f'"v=DKIM1; k=rsa; p={"MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A" * 5}"')
    rows.record(main, "_sip._tcp", "SRV", "10 60 5060 sip.hoster.example.", 300)
    rows.record(main, "@", "CAA", '0 issue "letsencrypt.org"')
    for name in ("shop", "blog", "statistik", "wiki"):
        rows.database(service, name)


def _operations(service: HostingService) -> dict[str, Operation]:
    now = timezone.now()
    zone = service.domains.get(is_primary=True).name
    php = {"kind": OperationKind.CHANGE_PHP, "changes": rows.change_of(service), "refs": ["php_pool:baecker"]}
    dns = {"kind": OperationKind.CHANGE_DNS, "changes": _dns_change(service), "refs": [f"dns_zone:{zone}"]}
    refused = {"code": "configuration_invalid", "detail": "nginx refuses it, line 14.", "hint": "", "permanent": False}
    add = {"kind": OperationKind.ADD_DOMAIN, "refs": ["virtual_host:brezel.example"]}
    return {
        "planned": rows.operation(service, state=OperationState.PLANNED, at=now - timedelta(minutes=1), **dns),
        "running": rows.operation(service, state=OperationState.RUNNING, phase=Phase.APPLYING, begun=3, at=now, **add),
        "done": rows.operation(service, at=now - timedelta(hours=2), result={"probes": [{"answer": "200"}]}, **php),
        "failed": rows.operation(
            service, state=OperationState.ROLLED_BACK, begun=4, at=now - timedelta(hours=5), error=refused, **add
        ),
        "created": rows.operation(service, at=now - timedelta(days=40)),
    }


def _dns_change(service: HostingService) -> tuple[Change, ...]:
    name = service.domains.get(is_primary=True).name
    records = (DnsRecord(name, "A", "192.0.2.1"), DnsRecord(name, "NS", "ns1.hoster.example.", 86400))
    more = (*records, DnsRecord(f"blog.{name}", "CNAME", "blogs.hoster.example."))
    before, after = (
        DnsZone(owner="baecker", name=name, primary=f"ns1.{name}", hostmaster=f"hostmaster.{name}", records=some)
        for some in (records, more)
    )
    return (Change(before.kind, before.key, before, after),)


def _record(service: HostingService, operations: dict[str, Operation], owner: User) -> None:
    record(verb=CUSTOMER_CREATE, actor=people.operator(), target=service.customer, outcome=Outcome.SUCCEEDED)
    outcomes = {"done": Outcome.SUCCEEDED, "failed": Outcome.ROLLED_BACK, "created": Outcome.SUCCEEDED}
    for name in ("created", "failed", "done", "planned", "running"):
        operation, outcome = operations[name], outcomes.get(name, Outcome.REQUESTED)
        actor: Actor = people.operator() if name == "created" else people.actor(owner)
        record(
            verb=OPERATION_VERBS[operation.kind], actor=actor, outcome=outcome, operation_id=operation.pk,
            target=Target("service", str(service.pk), service.username),
            reason="Ordered by telephone, ticket 4711" if name == "created" else "",
        )  # fmt: skip


def _owners(service: HostingService, operations: dict[str, Operation]) -> Pages:
    main = service.domains.get(is_primary=True)
    named = {name: reverse(f"portal:{name}") for name in ("home", "domains", "databases", "activity", "people")}
    of_main = {name: reverse(f"portal:{name}", args=(main.pk,)) for name in ("domain", "dns", "record_add", "preview")}
    database, user = service.databases.first(), service.database_users.first()
    assert database is not None and user is not None
    return {
        **named,
        **of_main,
        "service": reverse("portal:service", args=(service.pk,)),
        "php": reverse("portal:service_php", args=(service.pk,)),
        "domain-add": reverse("portal:domain_add"),
        "domain-check": reverse("portal:domain_check") + f"?name=neu.example&www=on&service={service.pk}",
        "zone-text": reverse("portal:zone_text", args=(main.pk,)),
        "zone-import": reverse("portal:zone_import", args=(main.pk,)),
        "certificates": reverse("portal:certificates"),
        "certificate": reverse("portal:domain_certificate", args=(main.pk,)),
        "certificate-upload": reverse("portal:certificate_upload", args=(main.pk,)),
        "certificate-https": reverse("portal:domain_https", args=(main.pk,)),
        "record-mx": reverse("portal:record_add_kind", args=(main.pk, "mx")),
        "record-txt": reverse("portal:record_change", args=(main.records.filter(type="TXT").first().pk,)),  # type: ignore[union-attr]
        "record-delete": reverse("portal:record_delete", args=(main.records.filter(type="MX").first().pk,)),  # type: ignore[union-attr]
        "database-add": reverse("portal:database_add"),
        "database-delete": reverse("portal:database_delete", args=(database.pk,)),
        "password": reverse("portal:database_user_password", args=(user.pk,)),
        **{f"operation-{name}": reverse("portal:operation", args=(row.pk,)) for name, row in operations.items()},
        **{
            f"timeline-{name}": reverse("portal:operation_timeline", args=(operations[name].pk,))
            for name in ("done", "failed")
        },
    }


def _new(node: Node, plan: object) -> Customer:
    """A customer whose first service is a day old, and one that is suspended."""
    customer = factories.make_customer(name="Ada Lovelace")
    own = factories.make_plan(name="Personal")
    rows.service("ada", "ada.example", customer=customer, node=node, plan=own)
    rows.service("lovelace", "lovelace.example", customer=customer, node=node, plan=own, state=ServiceState.SUSPENDED)
    return customer


def _resellers(customer: Customer) -> Pages:
    named = ("customers", "customer_add", "services", "plans", "plan_add")
    pages = {f"reseller-{name}": reverse(f"portal:{name}") for name in ("home", *named)}
    of_customer = {name: reverse(f"portal:{name}", args=(customer.pk,)) for name in ("customer", "service_add")}
    return {**pages, **{f"reseller-{name}": url for name, url in of_customer.items()}}
