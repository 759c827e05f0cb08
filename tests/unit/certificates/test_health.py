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


def renewals_late() -> float:
    found = {sample.name: sample.value for sample in signals_of_life._gauges()}
    return found["npanel_certificate_renewals_failing"]


def test_a_renewal_that_nobody_tries_is_late_too() -> None:
    service, now = make_service(), timezone.now()
    domain = make_domain(service, "auto.test")
    Certificate.objects.filter(pk=rows.certificate(domain).pk).update(source=CertificateSource.ACME)
    auto = AutoCertificate.objects.create(domain=domain, state=AutoCertificateState.ISSUED, next_at=now + DAY)
    mine = AutoCertificate.objects.filter(pk=auto.pk)
    assert renewals_late() == 0
    mine.update(failures=1)
    assert renewals_late() == 1
    mine.update(failures=0, next_at=now - 2 * DAY)
    assert renewals_late() == 1, "the worker does not look, or asks no authority any more"
    mine.update(state=AutoCertificateState.RUNNING, next_at=None)
    assert renewals_late() == 0
    Certificate.objects.update(not_after=now + DAY / 2)
    assert renewals_late() == 1, "its operation never comes to an end"
    service.state = ServiceState.SOFT_DELETED
    service.save()
    assert renewals_late() == 0, "nobody renews what nobody is served with"
