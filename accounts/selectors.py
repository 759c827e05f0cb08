"""Reads of the account pages: one's own only."""

from django.db.models import QuerySet

from accounts import verbs
from accounts.models import User
from audit.models import Event
from audit.reading import about

#: What happens at an account's door.
DOOR_VERBS = tuple(
    verb.name
    for verb in (
        verbs.SIGN_IN, verbs.SIGN_OUT, verbs.SIGN_IN_FAILED, verbs.SIGN_IN_THROTTLED, verbs.SESSION_END,
        verbs.SECOND_FACTOR_ADD, verbs.SECOND_FACTOR_REMOVE, verbs.SECOND_FACTOR_RESET, verbs.RECOVERY_CODES,
        verbs.IMPERSONATION_START, verbs.IMPERSONATION_END,
    )
)  # fmt: skip


def own_door_events(user: User) -> QuerySet[Event]:
    """Sign-ins, refusals and changes at a person's door, newest first; operators who acted as them included."""
    found = Event.objects.filter(about([user.pk], user._meta.label_lower), verb__in=DOOR_VERBS)
    return found.order_by("-id")
