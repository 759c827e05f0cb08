"""Checks the panel's own TLS certificate: is it there, is it valid, and for how much longer."""

import datetime
from pathlib import Path

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from observability import metrics
from observability.certificates import UnreadableCertificate, problems, read_certificate
from observability.health.base import Result, health_check

#: A certificate authority's automatic renewal has had nine tries by then (30 days before the end, each day or two).
DEGRADED_BEFORE = datetime.timedelta(days=21)
DOWN_BEFORE = datetime.timedelta(days=3)
_ADVICE = "Renew the panel's certificate; runbook: certificate expiring."


@health_check(
    "certificates",
    timeout=2.0,
    title=_("Panel certificate"),
    means=_("Browsers refuse the panel when it has run out."),
    runbook="certificate-expiring",
)
def check_certificates() -> Result:
    """Judge the file that nginx presents. Development may do without one, or with a self-signed one."""
    path = Path(str(settings.NPANEL_PANEL_CERTIFICATE))
    production = getattr(settings, "NPANEL_ENVIRONMENT", "development") == "production"
    try:
        certificate = read_certificate(path)
    except UnreadableCertificate as error:
        if production or path.exists():
            return Result.down(str(error), advice=_ADVICE)
        return Result.up("there is none yet: this is development without TLS")
    metrics.certificate_expiry.labels(kind="panel").set(certificate.expires.timestamp())
    if production and (found := problems(certificate)):
        return Result.down(found[0], advice=_ADVICE, expires=certificate.expires)
    return judge(certificate.expires - timezone.now(), certificate.expires)


def judge(left: datetime.timedelta, expires: datetime.datetime) -> Result:
    """The result for a certificate that is valid for so long yet."""
    if left <= datetime.timedelta(0):
        return Result.down(f"it expired on {expires:%Y-%m-%d}", advice=_ADVICE, expires=expires)
    summary = f"valid until {expires:%Y-%m-%d}, {left.days} days"
    if left < DOWN_BEFORE:
        return Result.down(summary, advice=_ADVICE, expires=expires)
    if left < DEGRADED_BEFORE:
        return Result.degraded(summary, advice=_ADVICE, expires=expires)
    return Result.up(summary, expires=expires)
