"""Checks the certificates that hosted sites are served with: does one end soon, or has one ended."""

from django.utils.translation import gettext_lazy as _

from observability import metrics
from observability.health.base import Result, health_check
from observability.health.targets import site_certificates

_ADVICE = "manage.py cert_list --ends-within 14 names them; runbook: certificate expiring."


@health_check(
    "site_certificates",
    timeout=3.0,
    title=_("Certificates of sites"),
    means=_("Browsers warn visitors of a site whose certificate has ended."),
    runbook="certificate-expiring",
)
def check_site_certificates() -> Result:
    """Look at the first one that ends. Never down: other sites go on, and customers may let theirs end."""
    found = site_certificates()
    first = found.first.timestamp() if found.first is not None else float("inf")
    metrics.certificate_expiry.labels(kind="site").set(first)
    if found.first is None:
        return Result.up("no site has one")
    if found.ended or found.soon:
        summary = f"{found.ended} ended, {found.soon} end within 14 days, the first on {found.first:%Y-%m-%d}"
        return Result.degraded(summary, advice=_ADVICE, ended=found.ended, soon=found.soon, first=found.first)
    return Result.up(f"the first one ends on {found.first:%Y-%m-%d}", first=found.first)
