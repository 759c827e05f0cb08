"""A service's Linux user, its PHP pool and its sites."""

import dataclasses
from collections.abc import Iterator

from hosting.desired.family import Family, not_adoptable
from hosting.models import Domain, HostingService
from hosting.state import Change, DocumentRoot, PhpPool, Resource, SystemUser, VirtualHost
from hosting.texts import N_


def _resources(service: HostingService) -> Iterator[Resource]:
    yield _system_user(service)
    yield _php_pool(service)
    for domain in service.domains.all():
        yield from _site(service, domain)


def _system_user(service: HostingService) -> SystemUser:
    return SystemUser(
        owner=service.username,
        home=service.home,
        shell=service.shell,
        quota_mb=service.plan.disk_mb or 0,
        locked=service.is_suspended,
    )


def _php_pool(service: HostingService) -> PhpPool:
    return PhpPool(
        owner=service.username,
        version=service.php_version,
        home=service.home,
        max_children=service.plan.php_processes,
        memory_mb=service.plan.memory_mb,
    )


def _site(service: HostingService, domain: Domain) -> tuple[Resource, ...]:
    return DocumentRoot(owner=service.username, path=domain.root), _virtual_host(service, domain)


def _virtual_host(service: HostingService, domain: Domain) -> VirtualHost:
    https = domain.certificate_id is not None
    return VirtualHost(
        owner=service.username,
        name=domain.name,
        root=f"{service.home}/{domain.root}",
        aliases=(f"www.{domain.name}",) if domain.www else (),
        php=domain.php,
        suspended=service.is_suspended,
        https=https,
        redirect=https and domain.https_redirect,
        hsts=https and domain.https_redirect and domain.hsts,
    )


def _adopt_pool(service: HostingService, found: Change) -> None:
    if not isinstance(found.after, PhpPool):
        raise not_adoptable(found, N_("a service can't be without its PHP pool"))
    wanted = _php_pool(service)
    if found.after != _with_version(wanted, found.after.version):
        raise not_adoptable(found, N_("processes and memory come from the hosting plan"))
    service.php_version = found.after.version
    service.save(update_fields=["php_version"])


def _with_version(pool: PhpPool, version: str) -> PhpPool:
    return dataclasses.replace(pool, version=version)


def _adopt_root(service: HostingService, found: Change) -> None:
    wanted = any(f"{service.username}/{domain.root}" == found.key for domain in service.domains.all())
    if wanted != (found.after is not None):
        raise not_adoptable(found, N_("remove or add the domain instead"))


def _adopt_host(service: HostingService, found: Change) -> None:
    domain = service.domains.filter(name=found.key).first()
    if found.after is None:
        _forget_domain(domain, found)
        return
    if not isinstance(found.after, VirtualHost):
        raise not_adoptable(found, N_("it is no site"))
    domain = domain or Domain(service=service, name=found.key, has_zone=False)
    domain.www, domain.php = bool(found.after.aliases), found.after.php
    domain.https_redirect, domain.hsts = found.after.redirect, found.after.hsts
    # Whether it has a certificate is told by the certificate, which is adopted after its site.
    wanted = _virtual_host(service, domain)
    if dataclasses.replace(found.after, https=wanted.https, redirect=wanted.redirect, hsts=wanted.hsts) != wanted:
        raise not_adoptable(found, N_("no setting can hold all of it (edited by hand, other names, or suspended)"))
    domain.claim()
    domain.save()


def _forget_domain(domain: Domain | None, found: Change) -> None:
    if domain is not None and domain.is_primary:
        raise not_adoptable(found, N_("a service can't be without its main domain"))
    if domain is not None:
        domain.delete()


FAMILY = Family(
    resources=_resources,
    prefetch=("domains",),
    adopters={PhpPool.kind: _adopt_pool, VirtualHost.kind: _adopt_host, DocumentRoot.kind: _adopt_root},
)
