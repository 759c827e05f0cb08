"""Hosting services and their domains: create, change, suspend, resume, delete."""

from collections.abc import Iterable

from accounts.models import Customer
from audit.actor import Actor
from hosting.choices import NodeState, OperationKind, ServiceState
from hosting.desired import certificate_refs, mail_refs, sellers_nameservers
from hosting.desired.certificates import forget_unused
from hosting.errors import HostingError
from hosting.models import Domain, HostingPlan, HostingService, NameLock, Node, Operation
from hosting.names import check_username, host_name, suggest_username
from hosting.operations.carried import add_address_records, parent_zone, remove_address_records
from hosting.operations.requests import request_operation
from hosting.services.databases import attach_database, attach_database_user
from hosting.services.limits import check_limit, check_reseller_room, locked_service
from hosting.services.placement import choose_node
from hosting.services.validation import save_valid
from hosting.services.zones import check_carries_nobody, check_others_do_not_need, check_zone_of
from hosting.state import DnsZone, DocumentRoot, PhpPool, Ref, VirtualHost
from hosting.texts import N_, Text
from hosting.transactions import retried
from hosting.translated import english, shown


@retried
def create_service(
    *,
    actor: Actor,
    customer: Customer,
    plan: HostingPlan,
    domain: str,
    node: Node | None = None,
    username: str = "",
    php_version: str = "",
    database: str = "",
    database_password: str = "",
    wait_for_approval: bool = False,
    reason: str = "",
) -> Operation:
    """Create a hosting service with its main domain: Linux user, PHP pool, site, DNS zone, and a database if wanted.

    Args:
        domain: what a person typed; kept in lower-case ASCII.
        node: None to have one chosen.
        username: empty to have one made from the domain.
        php_version: empty for the newest on the node.
        database: name of a first database, with an account of the same name and ``database_password``; empty for none.

    Raises:
        HostingError: ``weak_password``, ``bad_name``, ``domain_taken``, ``bad_username``, ``reserved_username``,
            ``username_taken``, ``node_not_ready``, ``no_node``, ``php_not_installed``, ``limit_reached``,
            ``foreign_plan``.
    """
    node = node or choose_node(php_version)
    _check_node(node)
    name = host_name(domain)
    service = HostingService(
        customer=customer,
        plan=plan,
        node=node,
        username=_free_username(username, name),
        php_version=_php_version(node, php_version),
        state=ServiceState.PROVISIONING,
    )
    service.username_key = service.username
    check_reseller_room(service)
    save_valid(service)
    check_limit(service, "domains", 0)
    _attach(service, name, is_primary=True, www=True, php=True)
    if database:
        attach_database_user(service, database, database_password, [attach_database(service, database)])
    wanted: dict[str, object] = {"domain": name, "plan": plan.name, "php": service.php_version, "database": database}
    return request_operation(
        actor=actor,
        kind=OperationKind.CREATE,
        node=node,
        service=service,
        wait_for_approval=wait_for_approval,
        reason=reason,
        wanted=wanted | {"customer": customer.name, "username": service.username},
    )


def _check_node(node: Node) -> None:
    if node.state != NodeState.READY:
        raise HostingError(
            N_("The node %(name)s is not ready (%(state)s).", name=node.name, state=shown(node, "state")),
            code="node_not_ready",
            hint=N_("Run manage.py node_bootstrap %(name)s first.", name=node.name)
            if node.state == NodeState.NEW
            else Text(node.note),
            field="node",
        )


def _free_username(wish: str, domain: str) -> str:
    name = check_username(wish.strip().lower()) if wish else suggest_username(domain, frozenset())
    family = name.rstrip("0123456789")
    NameLock.hold(f"user:{family}")  # site, site1, site2… are given out one after another
    known = HostingService.objects.filter(username__startswith=family)
    if not wish:
        return suggest_username(domain, set(known.values_list("username", flat=True)))
    for old in known.filter(username=name):
        if old.username_key is not None:
            raise HostingError(
                N_("The user name %(name)s is taken.", name=name),
                code="username_taken",
                hint=N_("Choose another one."),
                field="username",
            )
        forget_terminated(old)
    return name


def forget_terminated(service: HostingService) -> None:
    """Let the rows of a terminated service go: from now on its deletion can't be rolled back."""
    if service.state != ServiceState.TERMINATED:
        raise ValueError("only a terminated service can be forgotten")
    service.ftp_accounts.all().delete()
    service.database_users.all().delete()
    service.databases.all().delete()
    service.ssh_keys.all().delete()
    service.domains.all().delete()
    service.certificates.all().delete()


def _php_version(node: Node, wish: str) -> str:
    installed = node.php_versions
    version = wish or (installed[0] if installed else "")
    if version not in installed:
        raise HostingError(
            N_("PHP %(version)s is not installed on %(name)s.", version=version or N_("(any)"), name=node.name),
            code="php_not_installed",
            hint=N_("Installed there: %(installed)s.", installed=", ".join(installed) or N_("none")),
            field="php_version",
        )
    return version


def _attach(service: HostingService, name: str, *, is_primary: bool, www: bool, php: bool) -> Domain:
    """Add a domain's row, with a zone of its own unless one above it (of the same customer) carries its records.

    Records in another service's zone are published once the site is really there (operations/carried.py).
    """
    domain = Domain(service=service, name=name, is_primary=is_primary, www=www, php=php)
    domain.name_servers = sellers_nameservers(service)
    domain.claim()
    parent = parent_zone(domain)
    domain.has_zone = parent is None
    save_valid(domain)
    if parent is None or parent.service_id == service.pk:
        add_address_records(parent or domain, domain)
    return domain


def _domain_refs(domain: Domain, zone: Domain | None) -> list[Ref]:
    """The Resources that a domain consists of, and the zone that carries its records."""
    username = domain.service.username
    refs = [Ref(DocumentRoot.kind, f"{username}/{domain.root}"), Ref(VirtualHost.kind, domain.name)]
    refs += certificate_refs(domain)
    same_service = zone is not None and zone.service_id == domain.service_id
    return [*refs, Ref(DnsZone.kind, zone.name)] if zone is not None and same_service else refs


@retried
def apply_service(
    *, actor: Actor, service: HostingService, wait_for_approval: bool = False, reason: str = ""
) -> Operation:
    """Make the node match the wanted facts of a service again, but for what waits for its own approval.

    Raises:
        HostingError: ``service_gone``.
    """
    row = locked_service(service)
    return request_operation(
        actor=actor,
        kind=OperationKind.APPLY,
        node=row.node,
        service=row,
        wait_for_approval=wait_for_approval,
        reason=reason,
    )


def suspend_service(
    *, actor: Actor, service: HostingService, reason: str = "", wait_for_approval: bool = False
) -> Operation:
    """Show the suspended page to visitors and lock the service's sign-ins; nothing is lost.

    Raises:
        HostingError: ``wrong_state``, ``service_gone``.
    """
    return _switch(actor, service, OperationKind.SUSPEND, ServiceState.SUSPENDED, reason, wait_for_approval)


def resume_service(
    *, actor: Actor, service: HostingService, reason: str = "", wait_for_approval: bool = False
) -> Operation:
    """Bring a suspended service back exactly as it was.

    Raises:
        HostingError: ``wrong_state``, ``service_gone``.
    """
    return _switch(actor, service, OperationKind.RESUME, ServiceState.ACTIVE, reason, wait_for_approval)


@retried
def _switch(
    actor: Actor,
    service: HostingService,
    kind: OperationKind,
    state: ServiceState,
    reason: str,
    wait_for_approval: bool,
) -> Operation:
    row = locked_service(service)
    before = ServiceState.ACTIVE if state == ServiceState.SUSPENDED else ServiceState.SUSPENDED
    if row.state != before:
        raise HostingError(
            N_(
                "The service %(username)s is %(state)s, not %(wanted)s.",
                username=row.username,
                state=shown(row, "state"),
                wanted=english(before.label, lower=True),
            ),
            code="wrong_state",
            hint=N_("Reload the page; somebody may have been faster."),
        )
    row.state = state
    row.save(update_fields=["state"])
    return request_operation(
        actor=actor,
        kind=kind,
        states=(before, state),
        node=row.node,
        service=row,
        wait_for_approval=wait_for_approval,
        reason=reason,
        wanted={"state": state.value},
    )


def delete_service(
    *, actor: Actor, service: HostingService, reason: str = "", wait_for_approval: bool = True
) -> Operation:
    """Prepare the removal of a service from its node; it is carried out once its asker has confirmed it.

    Its home and databases are kept aside there, and its names are held, so that ``restore_service`` brings it back
    exactly. After the grace period the worker purges it.

    Raises:
        HostingError: ``service_gone``, ``zone_in_use`` (another service's records are in a zone of this one).
    """
    return _remove(actor, service, reason, unattended=False)


def withdraw_service(*, actor: Actor, service: HostingService) -> Operation:
    """Give up a service whose creation came to nothing. Should the node have anything of it, that is confirmed first.

    Raises:
        HostingError: ``service_gone``, ``zone_in_use``.
    """
    return _remove(actor, service, "", unattended=True)


@retried
def _remove(actor: Actor, service: HostingService, reason: str, *, unattended: bool) -> Operation:
    row = locked_service(service)
    check_others_do_not_need(row)
    before, row.state = row.state, ServiceState.SOFT_DELETED
    row.save(update_fields=["state"])
    return request_operation(
        actor=actor,
        kind=OperationKind.DELETE,
        states=(before, ServiceState.SOFT_DELETED),
        node=row.node,
        service=row,
        unattended=unattended,
        reason=reason,
    )


@retried
def change_php(
    *, actor: Actor, service: HostingService, php_version: str, wait_for_approval: bool = False, reason: str = ""
) -> Operation:
    """Run a service's sites on another PHP version.

    Raises:
        HostingError: ``php_not_installed``, ``service_gone``.
    """
    row = locked_service(service)
    before, row.php_version = row.php_version, _php_version(row.node, php_version)
    row.save(update_fields=["php_version"])
    return request_operation(
        actor=actor,
        kind=OperationKind.CHANGE_PHP,
        node=row.node,
        service=row,
        refs=[Ref(PhpPool.kind, row.username)],
        wait_for_approval=wait_for_approval,
        reason=reason,
        wanted={"php": row.php_version, "before": before},
    )


@retried
def add_domain(
    *,
    actor: Actor,
    service: HostingService,
    name: str,
    www: bool = True,
    php: bool = True,
    wait_for_approval: bool = False,
    reason: str = "",
) -> Operation:
    """Let a service answer for one more domain, with a document root and DNS of its own.

    Raises:
        HostingError: ``bad_name``, ``domain_taken``, ``limit_reached``, ``service_gone``.
    """
    row = locked_service(service)
    check_limit(row, "domains", row.domains.count())
    domain = _attach(row, host_name(name), is_primary=False, www=www, php=php)
    zone = domain if domain.has_zone else parent_zone(domain)
    check_zone_of(zone)
    return _domain_operation(
        actor, OperationKind.ADD_DOMAIN, domain, _domain_refs(domain, zone), wait_for_approval, reason
    )


@retried
def remove_domain(*, actor: Actor, domain: Domain, wait_for_approval: bool = False, reason: str = "") -> Operation:
    """Stop answering for a domain. Its files are kept aside on the node, so that it can be rolled back.

    Raises:
        HostingError: ``main_domain``, ``service_gone``, ``zone_in_use`` (another domain has its records in its zone).
    """
    row = locked_service(domain.service)
    if domain.is_primary:
        raise HostingError(
            N_("%(name)s is the main domain of %(username)s.", name=domain.name, username=row.username),
            code="main_domain",
            hint=N_("Delete the service instead."),
        )
    zone = domain if domain.has_zone else parent_zone(domain)
    if zone == domain:
        check_carries_nobody(domain, Domain.objects.all())
    refs = [*_domain_refs(domain, zone), *mail_refs(domain)]
    if zone is not None and zone != domain and zone.service_id == row.pk:
        remove_address_records(zone, domain.name, row)
    operation = _domain_operation(actor, OperationKind.REMOVE_DOMAIN, domain, refs, wait_for_approval, reason)
    domain.delete()
    forget_unused(row)
    return operation


def _domain_operation(
    actor: Actor, kind: OperationKind, domain: Domain, refs: Iterable[Ref], wait_for_approval: bool, reason: str
) -> Operation:
    service = domain.service
    return request_operation(
        actor=actor,
        kind=kind,
        node=service.node,
        service=service,
        refs=refs,
        wait_for_approval=wait_for_approval,
        reason=reason,
        wanted={"domain": domain.name},
    )
