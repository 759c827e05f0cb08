"""Limits guessing by account, by address and by both, so that strangers can't lock anybody out (docs/adr/0010)."""

import hashlib
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import F
from django.http import HttpRequest
from django.utils import timezone

from accounts import devices
from accounts.models import Attempts
from observability.transactions import retried

SIGN_IN, SECOND_FACTOR, RESET = "sign_in", "second_factor", "reset"
WINDOW = timedelta(minutes=15)
KNOWN_FOR = timedelta(days=30)
#: Attempts per window. Strangers share ``account``; a known device or place has its own budget alone.
LIMITS = {"pair": 5, "ip": 40, "account": 20, "device": 10, "place": 10}

#: Letters per window: to one address, whoever causes them, and by one person, whomever they go to.
LETTER, LETTERS = "letter", {"by": 30, "to": 5}
_FORGOTTEN_AT_ONCE = 20


class Throttled(Exception):
    """Too many attempts.

    Args:
        until: when to try again. first: whether nobody was told yet since this budget ran out.
    """

    def __init__(self, until: datetime, *, first: bool) -> None:
        super().__init__(f"too many attempts until {until:%H:%M:%S}")
        self.until, self.first = until, first


@dataclass(frozen=True, slots=True)
class Ticket:
    """An attempt that was taken from its budgets; it goes back there when it was no guess."""

    keys: tuple[str, ...]

    def give_back(self) -> None:
        """The attempt does not count."""
        with transaction.atomic():
            for key in self.keys:
                Attempts.objects.filter(key=key, used__gt=0).update(used=F("used") - 1)


def take(action: str, request: HttpRequest, account: str) -> Ticket:
    """Take one attempt from each budget it belongs to, before anything is compared: two at once count twice.

    Args:
        action: :data:`SIGN_IN`, :data:`SECOND_FACTOR` or :data:`RESET`.
        account: the e-mail address that was given, whether or not anybody has it.

    Raises:
        Throttled: a budget is used up; nothing was taken.
    """
    account, now = account.strip().lower(), timezone.now()
    budgets = _budgets(action, request, account)
    return _take(budgets, now)


def take_letter(by: str, to: str) -> None:
    """Take one letter from the budget of who causes it, and from that of the address that gets it.

    Args:
        by: the acting person's id; "" where there is none (commands, on the machine itself).
        to: the e-mail address.

    Raises:
        Throttled: a budget is used up.
    """
    parts = [("by", by)] if by else []
    budgets = {_key(LETTER, *part): LETTERS[part[0]] for part in (*parts, ("to", to.strip().lower()))}
    _take(budgets, timezone.now())


def _take(budgets: dict[str, int], now: datetime) -> Ticket:
    spent, first = _try(budgets, now)
    _forget_some(now)
    if spent is not None:
        raise Throttled(spent.until, first=first)
    return Ticket(tuple(budgets))


@retried
def _try(budgets: dict[str, int], now: datetime) -> tuple[Attempts | None, bool]:
    """Take from one budget after the other, the widest first: one that is used up leaves no rows of the narrower."""
    taken: list[str] = []
    for key, limit in budgets.items():
        row = _use(key, now)
        taken.append(key)
        if row.used > limit:
            first = _tell([row])
            Ticket(tuple(taken)).give_back()
            return row, first
    return None, False


def _forget_some(now: datetime) -> None:
    """What ran out is no use to anybody: a few rows per attempt, so that no attempt pays for all of them."""
    old = Attempts.objects.filter(until__lte=now - WINDOW).order_by("until").values_list("pk", flat=True)
    Attempts.objects.filter(pk__in=list(old[:_FORGOTTEN_AT_ONCE])).delete()


def remember_place(request: HttpRequest, account: str) -> None:
    """From this address the account has been signed in to: it has a budget of its own from now on."""
    key, now = _key("known", account.lower(), network(request)), timezone.now()
    until = now + KNOWN_FOR
    Attempts.objects.update_or_create(key=key, defaults={"until": until, "used": 0})


def network(request: HttpRequest) -> str:
    """The client's address; of IPv6 the /64, which is one customer's line."""
    text = getattr(request, "client_ip", "")
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return text
    return str(ipaddress.ip_network(f"{found}/64", strict=False)) if found.version == 6 else text


def _budgets(action: str, request: HttpRequest, account: str) -> dict[str, int]:
    place, device = network(request), devices.known(request, account)
    if device:
        parts: Iterable[tuple[str, ...]] = (("device", account, device),)
    elif Attempts.objects.filter(key=_key("known", account, place), until__gt=timezone.now()).exists():
        parts = (("place", account, place),)
    else:
        parts = (("ip", place), ("account", account), ("pair", account, place))
    return {_key(action, *part): LIMITS[part[0]] for part in parts}


def _key(*parts: str) -> str:
    digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:40]
    return f"{':'.join(parts[:2]) if parts[0] != 'known' else 'known'}:{digest}"


def _use(key: str, now: datetime) -> Attempts:
    Attempts.objects.filter(key=key, until__lte=now).update(used=0, until=now + WINDOW, told=False)
    row = _row(key, now + WINDOW)
    Attempts.objects.filter(pk=row.pk).update(used=F("used") + 1)
    row.refresh_from_db(fields=["used"])
    return row


def _row(key: str, until: datetime) -> Attempts:
    try:
        with transaction.atomic():
            return Attempts.objects.get_or_create(key=key, defaults={"until": until})[0]
    except IntegrityError:  # somebody else's attempt made it a moment ago
        return Attempts.objects.get(key=key)


def _tell(rows: list[Attempts]) -> bool:
    return bool(Attempts.objects.filter(pk__in=[row.pk for row in rows], told=False).update(told=True))
