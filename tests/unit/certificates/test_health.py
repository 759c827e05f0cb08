"""When certificates of sites end: what the check says, and the figure that the alert is made of."""

from datetime import timedelta

import pytest
from django.utils import timezone
from prometheus_client import REGISTRY

from hosting import signals_of_life
from hosting.choices import AutoCertificateState, CertificateSource, ServiceState
from hosting.models import AutoCertificate, Certificate
from observability.health.site_certificates import check_site_certificates
from tests.certificates import DAY
from tests.factories import make_domain, make_service
from tests.unit.commands.conftest import Manage, manage
from tests.web import rows

__all__ = ["manage"]

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def registered() -> None:
    signals_of_life.register()


def expiry() -> float | None:
    return REGISTRY.get_sample_value("npanel_certificate_expiry_timestamp_seconds", {"kind": "site"})


def test_no_site_has_one() -> None:
    result = check_site_certificates()
    assert (result.status, expiry()) == ("up", float("inf"))


def test_the_first_that_ends_counts(manage: Manage) -> None:
    service = make_service()
    late, soon = (rows.certificate(make_domain(service, name)) for name in ("late.test", "soon.test"))
    assert check_site_certificates().status == "up" and expiry() == late.not_after.timestamp()
    Certificate.objects.filter(pk=soon.pk).update(not_after=timezone.now() + timedelta(days=13))
    result = check_site_certificates()
    assert result.status == "degraded" and "0 ended, 1 end within 14 days" in result.summary
    Certificate.objects.filter(pk=soon.pk).update(not_after=timezone.now() - timedelta(hours=1))
    result = check_site_certificates()
    assert result.status == "degraded" and "1 ended, 0 end" in result.summary
    assert (expiry() or 0.0) < timezone.now().timestamp()
    named = manage("cert_list", "--ends-within", "14")
    assert named.status == 2 and "soon.test" in named.out and "late.test" not in named.out


@pytest.mark.parametrize("state", [ServiceState.SUSPENDED, ServiceState.SOFT_DELETED, ServiceState.TERMINATED])
def test_what_nobody_is_served_with_does_not_count(state: str) -> None:
    service = make_service()
    rows.certificate(make_domain(service, "gone.test"), ends=DAY)
    assert check_site_certificates().status == "degraded"
    service.state = state
    service.save()
    assert check_site_certificates().status == "up"


def late_renewals() -> float:
    (found,) = [s.value for s in signals_of_life._gauges() if s.name == "npanel_certificate_renewals_failing"]
    return found


@pytest.mark.parametrize("failures", [0, 2])
def test_what_was_not_renewed_in_time_counts_while_its_service_is_there(failures: int) -> None:
    """Also what nobody tried to renew: an operation that waits for its node for weeks fails at nothing."""
    service = make_service()
    domain = make_domain(service, "late.test")
    row = rows.certificate(domain)
    auto = AutoCertificate.objects.create(domain=domain, state=AutoCertificateState.RUNNING, failures=failures)
    assert late_renewals() == 0, "an upload is its owner's affair"
    Certificate.objects.filter(pk=row.pk).update(source=CertificateSource.ACME)
    assert late_renewals() == (1 if auto.failures else 0)
    Certificate.objects.filter(pk=row.pk).update(not_after=timezone.now() + timedelta(days=6))
    assert late_renewals() == 1
    service.state = ServiceState.SOFT_DELETED
    service.save()
    assert late_renewals() == 0, "nobody renews it, and nobody is served with it"
