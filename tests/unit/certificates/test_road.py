"""Certificates along the whole road: served by name, switched, replaced, removed, taken back; and no key anywhere."""

import json
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from audit.models import Event
from hosting.choices import AutoCertificateState, CertificateSource, OperationKind, OperationState
from hosting.desired import service_resources
from hosting.errors import HostingError
from hosting.models import AutoCertificate, Certificate, Domain, DriftItem, HostingService, JournalEntry, Operation
from hosting.sealing import Sealed, SealingError, unseal
from hosting.services.certificates import change_https, remove_certificate, upload_certificate
from hosting.services.drift import adopt, scan_node
from hosting.services.keys import rotate_worker_key
from hosting.services.lifecycle import restore_service
from hosting.services.operations import cancel_operation, rollback_operation
from hosting.services.sites import add_domain, apply_service, remove_domain, resume_service, suspend_service
from tests import people
from tests.certificates import Authority
from tests.factories import make_operation
from tests.unit.certificates.making import above, pair
from tests.unit.services.world import World, domain_of, snapshot

pytestmark = pytest.mark.django_db
SITE = ("example.com", "www.example.com")


def digest(chain: str) -> str:
    return x509.load_pem_x509_certificates(chain.encode())[0].fingerprint(hashes.SHA256()).hex()


def upload(world: World, domain: Domain, chain: str, key: str, **options: Any) -> Operation:
    operation = world.run(upload_certificate(actor=world.actor, domain=domain, chain=chain, private_key=key, **options))
    assert operation.state == OperationState.SUCCEEDED, operation.error
    domain.refresh_from_db()
    return operation


def switch(world: World, domain: Domain, **options: Any) -> Operation:
    operation = world.run(change_https(actor=world.actor, domain=domain, **options))
    assert operation.state == OperationState.SUCCEEDED, operation.error
    domain.refresh_from_db()
    return operation


def resources(service: HostingService) -> object:
    return service_resources(HostingService.objects.get(pk=service.pk))


def file_of(world: World, name: str = "example.com") -> str:
    (found,) = [
        world.server.content(f"/etc/nginx/npanel/sites/{entry}").decode()
        for entry in world.server.tree.at("/etc/nginx/npanel/sites").children
        if entry.endswith(f".{name}.conf")
    ]
    return found


def keys_on(world: World) -> list[str]:
    """Names of the files with keys on the node."""
    folder = "/etc/nginx/npanel/tls"
    return sorted(world.server.tree.at(folder).children) if world.server.exists(folder) else []


def test_an_uploaded_certificate_is_served_by_name(world: World, domain: Domain, authority: Authority) -> None:
    chain, key = pair(authority, *SITE)
    reloads = world.server.sites.reloads["nginx"]
    operation = upload(world, domain, chain, key)
    assert world.server.sites.certificate_of("example.com") == digest(chain)
    assert world.server.sites.reloads["nginx"] == reloads + 1
    row = Certificate.objects.get()
    assert (row.names, row.fingerprint, row.source) == (list(SITE), digest(chain), "uploaded")
    assert domain.certificate == row and not domain.https_redirect and row.state == "valid" and row.days_left == 89
    again = world.run(apply_service(actor=world.actor, service=domain.service))
    assert (again.plan or {})["changes"] == [], "a second plan is empty"
    event = Event.objects.get(verb="operation.certificate_install", outcome="requested")
    assert event.after == {
        "sha256": digest(chain), "names": list(SITE), "not_after": row.not_after.isoformat(), "source": "uploaded",
        "domains": ["example.com"],
    }  # fmt: skip
    assert {change["kind"] for change in (operation.plan or {})["changes"]} == {"tls_certificate", "virtual_host"}


def test_the_key_is_nowhere_but_sealed_and_on_the_node(world: World, domain: Domain, authority: Authority) -> None:
    chain, key = pair(authority, *SITE)
    upload(world, domain, chain, key)
    scan_node(actor=world.actor, node=world.node)
    world.run(remove_certificate(actor=world.actor, certificate=Certificate.objects.get()))
    secret = key.splitlines()[1]
    kept = json.dumps(
        [list(model.objects.values()) for model in (Operation, JournalEntry, Event, Domain, DriftItem)], default=str
    )
    assert "$sealed" in kept and "PRIVATE KEY" not in kept and secret not in kept
    for _context, request in world.server.requests:
        assert secret not in str(getattr(request, "argv", ()))


def test_a_key_is_sealed_for_its_own_certificate(world: World, domain: Domain, authority: Authority) -> None:
    chain, key = pair(authority, *SITE)
    upload(world, domain, chain, key)
    row = Certificate.objects.get()
    assert unseal(row.private_key_sealed, row.seal_context) == key
    moved = Certificate(service_id=row.service_id + 1, fingerprint=row.fingerprint)
    with pytest.raises(SealingError):
        unseal(row.private_key_sealed, moved.seal_context)
    rotate_worker_key(actor=world.actor)
    row.refresh_from_db()
    assert (
        Sealed.load(row.private_key_sealed).key_id != "w1" and unseal(row.private_key_sealed, row.seal_context) == key
    )


def test_another_one_takes_its_place(world: World, domain: Domain, authority: Authority) -> None:
    upload(world, domain, *pair(authority, *SITE))
    chain, key = pair(authority, *SITE)
    operation = upload(world, domain, chain, key)
    assert world.server.sites.certificate_of("example.com") == digest(chain)
    assert Certificate.objects.get().fingerprint == digest(chain), "the old one's key is gone"
    assert [change["kind"] for change in (operation.plan or {})["changes"]] == ["tls_certificate"]
    leaf = chain.replace(above(authority), "")
    upload(world, domain, leaf, key)
    assert Certificate.objects.get().chain_pem == leaf, "the same one with another chain"


def test_a_wildcard_for_every_domain(world: World, domain: Domain, authority: Authority) -> None:
    for name in ("shop.example.com", "other.test"):
        world.run(add_domain(actor=world.actor, service=domain.service, name=name))
    chain, key = pair(authority, "example.com", "*.example.com")
    upload(world, domain, chain, key, all_domains=True)
    assert Certificate.objects.get().domains.count() == 2
    assert world.server.sites.certificate_of("shop.example.com") == digest(chain)
    assert world.server.sites.certificate_of("other.test") == ""
    world.run(remove_domain(actor=world.actor, domain=domain_of("shop.example.com")))
    assert Certificate.objects.get().domains.get() == domain, "the other one still has it"


def test_redirect_and_hsts(world: World, domain: Domain, known: Authority) -> None:
    upload(world, domain, *pair(known, *SITE))
    for options, wrong in (({"hsts": True}, "redirect_off"), ({"redirect": False, "hsts": True}, "redirect_off")):
        before = snapshot()
        with pytest.raises(HostingError) as refusal:
            change_https(actor=world.actor, domain=domain, **options)
        assert refusal.value.code == wrong and snapshot() == before
    switch(world, domain, redirect=True)
    assert "redirect.conf" in file_of(world) and "Strict-Transport" not in file_of(world)
    switch(world, domain, hsts=True)
    assert "Strict-Transport-Security" in file_of(world)
    with pytest.raises(HostingError) as refusal:
        remove_certificate(actor=world.actor, certificate=Certificate.objects.get())
    assert refusal.value.code == "hsts_on"
    with pytest.raises(HostingError) as refusal:
        upload_certificate(actor=world.actor, domain=domain, **_given(pair(Authority(), *SITE)))
    assert refusal.value.code == "certificate_untrusted"
    switch(world, domain, redirect=False)
    assert (domain.https_redirect, domain.hsts) == (False, False)
    assert "redirect.conf" not in file_of(world) and "Strict-Transport" not in file_of(world)


def _given(texts: tuple[str, str]) -> dict[str, str]:
    return {"chain": texts[0], "private_key": texts[1]}


def test_nobody_is_sent_to_a_warning(world: World, domain: Domain, authority: Authority) -> None:
    with pytest.raises(HostingError) as refusal:
        change_https(actor=world.actor, domain=domain, redirect=True)
    assert refusal.value.code == "no_certificate"
    upload(world, domain, *pair(authority, "example.com"))
    with pytest.raises(HostingError) as refusal:
        change_https(actor=world.actor, domain=domain, redirect=True)
    assert refusal.value.code == "certificate_names" and "www.example.com" in refusal.value.detail
    upload(world, domain, *pair(authority, *SITE))
    switch(world, domain, redirect=True)
    with pytest.raises(HostingError) as refusal:
        upload_certificate(actor=world.actor, domain=domain, **_given(pair(authority, "example.com")))
    assert refusal.value.code == "certificate_names"
    with pytest.raises(HostingError) as refusal:
        change_https(actor=world.actor, domain=domain, hsts=True)
    assert refusal.value.code == "certificate_untrusted"


@pytest.mark.parametrize(
    ("names", "options", "wrong"),
    [(["other.test"], {}, "certificate_names"), (SITE, {"ends": "past"}, "certificate_dates")],
)
def test_what_would_not_work_leaves_nothing(
    world: World, domain: Domain, authority: Authority, names: Any, options: Any, wrong: str
) -> None:
    from tests.certificates import DAY

    times = {"begins": -2 * DAY, "ends": -DAY} if options else {}
    before = snapshot()
    with pytest.raises(HostingError) as refusal:
        upload_certificate(actor=world.actor, domain=domain, **_given(pair(authority, *names, **times)))
    assert refusal.value.code == wrong and snapshot() == before


def test_removing_falls_back_to_http(world: World, domain: Domain, authority: Authority) -> None:
    before = file_of(world)
    upload(world, domain, *pair(authority, *SITE))
    switch(world, domain, redirect=True)
    operation = world.run(remove_certificate(actor=world.actor, certificate=Certificate.objects.get()))
    assert operation.state == OperationState.SUCCEEDED, operation.error
    assert file_of(world) == before and world.server.sites.certificate_of("example.com") == ""
    assert keys_on(world) == []
    domain.refresh_from_db()
    assert (domain.certificate, domain.https_redirect, Certificate.objects.count()) == (None, False, 0)


@pytest.mark.parametrize("what", ["upload", "replace", "switch", "remove", "domain"])
def test_each_step_can_be_taken_back(world: World, domain: Domain, authority: Authority, what: str) -> None:
    world.run(add_domain(actor=world.actor, service=domain.service, name="second.test"))
    second = domain_of("second.test")
    names = ("second.test", "www.second.test")
    if what != "upload":
        upload(world, second, *pair(authority, *names))
        switch(world, second, redirect=True)
    before, files = resources(domain.service), keys_on(world)
    if what in ("upload", "replace"):
        operation = upload(world, second, *pair(authority, *names))
    elif what == "switch":
        operation = switch(world, second, redirect=False)
    elif what == "remove":
        operation = world.run(remove_certificate(actor=world.actor, certificate=Certificate.objects.get()))
    else:
        operation = world.run(remove_domain(actor=world.actor, domain=second))
        assert not Certificate.objects.exists()
    assert resources(domain.service) != before
    back = world.run(rollback_operation(actor=world.actor, operation=operation))
    assert back.state == OperationState.SUCCEEDED, back.error
    assert resources(domain.service) == before
    assert keys_on(world) == files
    assert not HostingService.objects.get(pk=domain.service.pk).out_of_sync


def test_a_wish_that_is_taken_back_leaves_the_old_one(world: World, domain: Domain, authority: Authority) -> None:
    chain, key = pair(authority, *SITE)
    upload(world, domain, chain, key)
    operation = world.run(
        upload_certificate(actor=world.actor, domain=domain, wait_for_approval=True, **_given(pair(authority, *SITE)))
    )
    assert operation.state == OperationState.PLANNED
    cancel_operation(actor=world.actor, operation=operation)
    world.work()
    assert Certificate.objects.get().fingerprint == digest(chain)
    assert world.server.sites.certificate_of("example.com") == digest(chain)


@pytest.mark.parametrize("state", [AutoCertificateState.ISSUED, AutoCertificateState.OFF, None])
def test_an_automatic_one_that_comes_back_is_renewed_as_before(
    world: World, domain: Domain, authority: Authority, state: str | None
) -> None:
    upload(world, domain, *pair(authority, *SITE))
    old, issued = Certificate.objects.get(), AutoCertificateState.ISSUED
    Certificate.objects.update(source=CertificateSource.ACME)
    AutoCertificate.objects.bulk_create([AutoCertificate(domain=domain, state=state)] if state else [])
    done = {"kind": OperationKind.ISSUE_CERTIFICATE, "state": OperationState.SUCCEEDED}
    make_operation(service=domain.service, result={"issued": old.fingerprint}, **done)
    instead = upload(world, domain, *pair(authority, *SITE))
    assert Certificate.objects.get().source == CertificateSource.UPLOADED
    back = world.run(rollback_operation(actor=world.actor, operation=instead))
    assert back.state == OperationState.SUCCEEDED, back.error
    row, auto = Certificate.objects.get(), AutoCertificate.objects.get()
    assert (row.fingerprint, row.source) == (old.fingerprint, CertificateSource.ACME)
    assert auto.state == issued and (auto.next_at is not None) == (state != issued)


def test_suspended_and_resumed_and_deleted_and_restored(world: World, domain: Domain, authority: Authority) -> None:
    chain, key = pair(authority, *SITE)
    upload(world, domain, chain, key)
    switch(world, domain, redirect=True)
    before, text = resources(domain.service), file_of(world)
    world.run(suspend_service(actor=world.actor, service=domain.service))
    assert world.server.sites.certificate_of("example.com") == digest(chain)
    world.run(resume_service(actor=world.actor, service=HostingService.objects.get()))
    assert (resources(domain.service), file_of(world)) == (before, text)
    world.delete(HostingService.objects.get())
    assert keys_on(world) == []
    restored = world.run(restore_service(actor=world.actor, service=HostingService.objects.get()))
    assert restored.state == OperationState.SUCCEEDED, restored.error
    assert (resources(domain.service), file_of(world)) == (before, text)
    world.delete(HostingService.objects.get())
    world.purge(HostingService.objects.get())
    assert not Certificate.objects.exists(), "a purge forgets the keys"


def test_what_somebody_put_on_the_node_is_drift_and_can_be_adopted(
    world: World, domain: Domain, authority: Authority
) -> None:
    chain, key = pair(authority, *SITE)
    upload(world, domain, chain, key)
    (name,) = keys_on(world)
    other, other_key = pair(authority, *SITE)
    world.server.tree.at(f"/etc/nginx/npanel/tls/{name}").data = (other_key + other).encode()
    scan_node(actor=world.actor, node=world.node)
    item = DriftItem.objects.get(kind="tls_certificate")
    assert "PRIVATE" not in json.dumps([item.change, item.diff])
    adopt(actor=world.actor, item=item)
    world.work()
    assert Certificate.objects.get().fingerprint == digest(other)


def test_customers_of_another_do_not_share_a_row(world: World, domain: Domain, authority: Authority) -> None:
    """The same certificate given twice, by two tenants, is two rows: neither learns of the other, nor loses with it."""
    world.host("example.org", customer=people.member(domain.service.customer).memberships.get().customer)
    chain, key = pair(authority, *SITE, "example.org", "www.example.org")
    upload(world, domain, chain, key)
    upload(world, domain_of("example.org"), chain, key)
    assert Certificate.objects.count() == 2
