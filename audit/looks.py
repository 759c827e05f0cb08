"""Keeps what looks at the record found: each change at once, and a sign of life every hour."""

import datetime

from django.utils import timezone

from audit.models import Verification

#: A look that finds what the one before found is kept this often; nobody needs a row a minute.
_AGAIN = datetime.timedelta(hours=1)
#: A proof that reaches further by so many seals is kept: the next one starts there.
RECENT = 10_000
_CHAIN = ("full", "incremental")


def keep(look: Verification, using: str = "default") -> bool:
    """Keep a look unless the newest one of its kind says the same; whether it was kept.

    What was asked for (a full verification) is always kept. Looks at the chain are of one kind here: one that finds
    again what a full verification has since called sound is news.
    """
    kinds = _CHAIN if look.kind in _CHAIN else (look.kind,)
    last = Verification.objects.using(using).filter(kind__in=kinds).first()
    if look.kind != "full" and last is not None and last.kind == look.kind and _says_the_same(last, look):
        return False
    look.save(using=using)
    return True


def _says_the_same(last: Verification, look: Verification) -> bool:
    is_fresh = datetime.timedelta(0) <= timezone.now() - last.at < _AGAIN
    return (last.ok, last.finding) == (look.ok, look.finding) and is_fresh and look.size - last.size < RECENT
