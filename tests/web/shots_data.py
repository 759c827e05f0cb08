"""The data of the pictures: long names, IDN, failures, plans that wait, drift; and an empty list or two."""

import dataclasses
from datetime import timedelta

from django.urls import reverse
from django.utils import timezone

from audit.actor import Actor
from audit.choices import ActorType, Outcome
from audit.record import Target, record
from hosting.admin.cells import address_of
from hosting.choices import BulkItemState, NodeState, OperationKind, OperationState, Phase, ServiceState
from hosting.models import HostingService, Node, Operation
from hosting.names import host_name
from hosting.operations.intents import open_intent
from hosting.services.bulk import start_bulk
from hosting.services.holds import hold_customer, place_hold, release_hold
from hosting.state import Change, DaemonUnit, NodeFile, Package
from hosting.verbs import NODE_ADD, OPERATION_VERBS
from tests import factories, people
from tests.web import rows, shots_health, shots_history, shots_incident, shots_performance

#: Customer, user name and main domain.
_NAMES = (
    ("Bäckerei Müller & Söhne GmbH", "baecker", "bäckerei-müller.example"),
    (
        "Arbeitsgemeinschaft für Landschaftspflege und Gewässerschutz Nordwest e. V.",
        "landschaft",
        "landschaftspflege-gewaesserschutz-nordwest.example",
    ),
    ("Ada Lovelace", "ada", "ada.example"),
    ("Hafenkontor", "hafenkontor", "hafenkontor.example"),
    ("Étude Dupont", "dupont", "étude-dupont.example"),
    ("Kino am Ufer", "kinoamufer", "kino-am-ufer.example"),
    ("Nordlicht Design", "nordlicht", "nordlicht.example"),
    ("Werkstatt 21", "werkstatt21", "werkstatt21.example"),
    ("Blumen Hagedorn", "hagedorn", "blumen-hagedorn.example"),
    ("Studio Okapi", "okapi", "okapi.example"),
    ("Zweirad Petersen", "zweirad", "zweirad-petersen.example"),
    ("Café Zentral", "zentral", "cafe-zentral.example"),
)


def fill() -> dict[str, str]:
    """Make the rows; give the pages by name."""
    person, _colleague = people.admin(), people.support()
    actor = Actor(type=ActorType.USER, id=str(person.pk), login=person.email, role="admin", ip="192.0.2.9")
    nodes = _nodes(actor)
    services = _services(nodes)
    operations = _operations(services, nodes, actor)
    shots_history.live(services)
    shots_health.health()
    shots_performance.performance()
    drift = rows.drift(services[3])
    rows.drift(services[4])
    incident = shots_incident.incident()
    return {
        "start": "/admin/",
        "health": reverse("admin:health"),
        "performance": reverse("admin:performance"),
        "incident": incident,
        "incident-de": incident,
        "incident-report-de": incident.replace("change", "report"),
        "incidents": reverse("admin:observability_incident_changelist"),
        "incidents-de": reverse("admin:observability_incident_changelist"),
        "palette": "/admin/hosting/hostingservice/",
        "search": reverse("admin:search"),
        "timeline": reverse("admin:timeline", args=(_told().trace_id,)),
        "kept": reverse("admin:kept"),
        "runbook": reverse("admin:runbook"),
        "runbook-page": reverse("admin:runbook_page", args=("disk-full",)),
        "search-found": reverse("admin:search") + "?q=b",
        "search-nothing": reverse("admin:search") + "?q=quark",
        "services": reverse("admin:hosting_hostingservice_changelist"),
        "services-nothing": reverse("admin:hosting_hostingservice_changelist") + "?q=nowhere&state__exact=suspended",
        "service": address_of(services[0]),
        "service-operations": address_of(services[0]) + "?tab=operations",
        "service-audit": address_of(services[0]) + "?tab=audit",
        "service-long": address_of(services[1]),
        "service-new": reverse("admin:hosting_hostingservice_add"),
        "database-user-new": address_of(services[0]).replace("change", "add-database-user"),
        "customers": reverse("admin:accounts_customer_changelist"),
        "customer": address_of(services[0].customer),
        "customer-operations": address_of(services[0].customer) + "?tab=operations",
        "domain": address_of(services[0].domains.get(is_primary=True)),
        "domains": reverse("admin:hosting_domain_changelist"),
        "databases": reverse("admin:hosting_database_changelist"),
        "database": address_of(services[0].databases.first()),
        "records": reverse("admin:hosting_dnsrecord_changelist"),
        "plan-form": address_of(services[0].plan),
        "nodes": reverse("admin:hosting_node_changelist"),
        "node": address_of(nodes[0]),
        "node-new": address_of(nodes[3]),
        "node-keys": address_of(nodes[3]).replace("change", "host-keys"),
        "operations": reverse("admin:hosting_operation_changelist"),
        "operations-filtered": reverse("admin:hosting_operation_changelist") + "?state__exact=succeeded&node=1",
        "operation-plan": address_of(operations["planned"]),
        "operation-plan-bootstrap": address_of(operations["bootstrap"]),
        "operation-running": address_of(operations["running"]),
        "operation-plan-done": address_of(operations["done"]),
        "operation-failed": address_of(operations["failed"]),
        "operation-rollback-failed": address_of(operations["stuck"]),
        **_governed(services, actor),
        "drift": reverse("admin:hosting_driftitem_changelist"),
        "drift-item": address_of(drift),
        "holds": reverse("admin:audit_legalhold_changelist"),
        "hold": _hold(services[0], actor),
        "hold-new": reverse("admin:audit_legalhold_add"),
        "audit": reverse("admin:audit_event_changelist"),
        "audit-event": reverse("admin:audit_event_changelist") + "1/change/",
        "people": reverse("admin:accounts_user_changelist"),
        "person": address_of(person),
        "plans": reverse("admin:hosting_hostingplan_changelist"),
        "certificates": reverse("admin:hosting_certificate_changelist"),
        "certificate": address_of(services[0].certificates.get()),
        "database-users": reverse("admin:hosting_databaseuser_changelist"),
        "password": reverse("account_change_password"),
        "security": reverse("account_security"),
    }


def _hold(service: HostingService, actor: Actor) -> str:
    """A hold in force on a customer, beside one that was released."""
    over = place_hold(actor=actor, reason="Tax audit of 2024", target="service:42")
    release_hold(actor=actor, hold=over, reason="Audit closed")
    (hold,) = hold_customer(actor=actor, name=service.customer.name, reason="Case 12 at the district court")
    return address_of(hold)


def _governed(services: list[HostingService], actor: Actor) -> dict[str, str]:
    """A deletion that waits to be confirmed, a deleted service, and two bulk runs: one half done, one that waits."""
    leaving, deleted = services[11], services[10]
    gone = tuple(Change(c.kind, c.key, c.after, None) for c in reversed(rows.creation_of(leaving)))
    facts = {"actor": dataclasses.asdict(actor), "actor_login": actor.login, "reason": "contract ended"}
    deletion = rows.operation(leaving, state=OperationState.PLANNED, kind=OperationKind.DELETE, changes=gone, **facts)
    open_intent(deletion)
    HostingService.objects.filter(pk=deleted.pk).update(
        state=ServiceState.SOFT_DELETED, purge_at=timezone.now() + timedelta(days=13)
    )
    half = start_bulk(actor=actor, kind=OperationKind.SUSPEND, services=services[:9], reason="unpaid since September")
    first, second, *_others = half.items.all()
    half.items.filter(pk=first.pk).update(state=BulkItemState.SUCCEEDED)
    error = {"detail": "The service is suspended, not active.", "hint": "Reload the page."}
    half.items.filter(pk=second.pk).update(state=BulkItemState.REFUSED, error=error)
    waits = start_bulk(actor=actor, kind=OperationKind.DELETE, services=services[2:6], reason="moved away")
    return {
        "operation-intent": address_of(deletion),
        "service-deleted": address_of(deleted),
        "bulk-runs": reverse("admin:hosting_bulkrun_changelist"),
        "bulk-run": address_of(half),
        "bulk-run-waits": address_of(waits),
    }


def _nodes(actor: Actor) -> list[Node]:
    now = timezone.now()
    nodes = [
        rows.node("fra-web-1", nameservers=["ns1.hoster.example", "ns2.hoster.example"]),
        rows.node("fra-web-2", last_seen_at=now - timedelta(hours=5)),
        rows.node("waw-web-1", state=NodeState.PAUSED, note="Audit events could not be written; replay them first."),
        rows.node("waw-web-2", state=NodeState.NEW, host_keys="", facts={}, last_seen_at=None, scanned_at=None),
    ]
    for node in nodes:
        record(verb=NODE_ADD, actor=actor, target=node, outcome=Outcome.SUCCEEDED, after={"address": node.address})
    return nodes


def _services(nodes: list[Node]) -> list[HostingService]:
    plans = [
        factories.make_plan(name="Starter", disk_mb=5120),
        factories.make_plan(name="Business", disk_mb=51200, databases=None),
    ]
    states = {2: ServiceState.SUSPENDED, 5: ServiceState.ERROR, 7: ServiceState.PROVISIONING}
    services = []
    for number, (name, username, typed) in enumerate(_NAMES):
        domain = host_name(typed)
        service = rows.service(
            username,
            domain,
            customer=factories.make_customer(name=name, email=f"kontakt@{domain}"),
            node=nodes[number % 2],
            plan=plans[number % 2],
            state=states.get(number, ServiceState.ACTIVE),
            out_of_sync=number in (5, 6),
        )
        services.append(service)
    _furnish(services[0])
    return services


def _furnish(service: HostingService) -> None:
    rows.domain(service, "brezel.example")
    rows.domain(service, "shop.brezel.example", has_zone=False)
    main = service.domains.get(is_primary=True)
    rows.record(main, "@", "MX", "10 mail.hoster.example.")
    rows.record(main, "@", "TXT", '"v=spf1 include:_spf.hoster.example -all"')
    key = "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAv" * 4
    rows.record(main, "mail2026._domainkey", "TXT", f'"v=DKIM1; k=rsa; p={key}"')
    rows.record(main, "_sip._tcp", "SRV", "10 60 5060 sip.hoster.example.", 300)
    rows.certificate(service.domains.get(is_primary=True))
    rows.database(service, "shop")
    rows.database(service, "blog")


def _operations(services: list[HostingService], nodes: list[Node], actor: Actor) -> dict[str, Operation]:
    now = timezone.now()
    for number, service in enumerate(services):
        rows.operation(service, at=now - timedelta(days=20 - number), actor_login=actor.login, **_PROBES)
    made = {
        "planned": rows.operation(services[7], state=OperationState.PLANNED, at=now - timedelta(minutes=4)),
        "bootstrap": _bootstrap(nodes[2], now),
        "running": _running(services[8]),
        "done": rows.operation(
            services[0], kind=OperationKind.CHANGE_PHP, changes=rows.change_of(services[0]), **_PROBES,
        ),
        "failed": _failed(services[5], OperationState.ROLLED_BACK, _REFUSED),
        "stuck": _failed(services[6], OperationState.ROLLBACK_FAILED, _STUCK),
    }  # fmt: skip
    rows.operation(services[9], state=OperationState.PENDING, kind=OperationKind.CHANGE_DNS, at=now)
    for operation in made.values():
        target = Target(*operation.target_key.split(":"), operation.target_label)
        outcomes = (Outcome.REQUESTED, Outcome.SUCCEEDED) if operation.is_final else (Outcome.REQUESTED,)
        for outcome in outcomes:
            record(
                verb=OPERATION_VERBS[operation.kind], actor=actor, target=target, outcome=outcome,
                operation_id=operation.pk, node="fra-web-1", reason="Asked for by telephone, ticket 4711",
                after={"plan": operation.plan_digest, "changes": {"create": 5}},
            )  # fmt: skip
    return made


def _running(service: HostingService) -> Operation:
    return rows.operation(
        service, state=OperationState.RUNNING, phase=Phase.APPLYING, begun=3, at=timezone.now(), reason="Ticket 4711"
    )


def _failed(service: HostingService, state: str, error: dict[str, object]) -> Operation:
    at = timezone.now() - timedelta(minutes=37)
    ran = [
        {**command, "at": (at + timedelta(milliseconds=240 + 90 * n)).isoformat()}
        for n, command in enumerate(_COMMANDS)
    ]
    return rows.operation(
        service, state=state, begun=4, error=error, kind=OperationKind.APPLY, at=at, commands=ran
    )  # fmt: skip


def _bootstrap(node: Node, now: object) -> Operation:
    resources = (
        Package("nginx"),
        Package("php8.2-fpm"),
        NodeFile(
            "/etc/nginx/conf.d/npanel.conf",
            "# Written by NPanel.\nserver {\n    listen 80 default_server;\n    return 444;\n}\n",
            daemon="nginx", packages=("nginx",),
        ),
        DaemonUnit("nginx.service", daemon="nginx", files=("/etc/nginx/conf.d/npanel.conf",)),
    )  # fmt: skip
    changes = tuple(Change(r.kind, r.key, None, r) for r in resources)
    return rows.operation(
        node=node, kind=OperationKind.BOOTSTRAP, state=OperationState.PLANNED, changes=changes, at=now
    )


_COMMANDS = [
    {"at": "2026-11-22T05:31:02.120+00:00", "argv": ["useradd", "--system", "--home-dir", "/home/kinoamufer", "--shell",
     "/usr/sbin/nologin", "kinoamufer"], "user": "root", "exit": 0, "seconds": 0.0312, "stderr": ""},
    {"at": "2026-11-22T05:31:02.480+00:00", "argv": ["nginx", "-t"], "user": "root", "exit": 1, "seconds": 0.0184,
     "stderr": "nginx: [emerg] host not found in upstream \"php\" in /etc/nginx/npanel/sites/kino-am-ufer.conf:14\n"
     "nginx: configuration file /etc/nginx/nginx.conf test failed"},
]  # fmt: skip
_PROBES = {
    "result": {
        "probes": [
            {"ref": "virtual_host:ada.example", "answer": "GET / answered 200 in 12 ms"},
            {"ref": "dns_zone:ada.example", "answer": "ns1.ada.example answered A 192.0.2.4, serial 2026112201"},
        ],
        "reloads": ["nginx", "php_fpm"],
    },
    "commands": _COMMANDS[:1],
}
_REFUSED = {
    "code": "configuration_invalid",
    "detail": "nginx refuses the new configuration: host not found in upstream “php”, line 14.",
    "hint": "Look at the site's settings, then try again.",
    "permanent": False,
}
_STUCK = {
    "code": "rollback_failed",
    "detail": "nginx refuses the new configuration. Taking it back failed too: the node did not answer within 20 s.",
    "hint": "When the node answers again, run: manage.py service_plan nordlicht",
    "permanent": False,
}


def _told() -> Operation:
    """The operation with most to tell: one that failed after commands ran."""
    ended = Operation.objects.exclude(error=None).order_by("-created_at")
    return max(ended, key=lambda operation: (len(operation.commands), operation.journal.count()))
