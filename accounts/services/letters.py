"""Letters that people are sent, one function per use case, and how many each may cause or get."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.interfaces import CUSTOMER, RESET_PATH, address
from accounts.letters import send_later, write
from accounts.models import User
from accounts.throttle import Throttled, take_letter
from accounts.verbs import PASSWORD_LETTER
from audit.actor import Actor
from audit.choices import Outcome
from audit.record import record


@transaction.atomic
def ask_for_new_password(*, actor: Actor, user: User) -> None:
    """Tell a person where to choose a new password; the link holds no key, and the present password stays good.

    Raises:
        ValidationError: the person may not sign in, or too many letters were sent.
    """
    if not user.is_active:
        raise ValidationError(_("This person may not sign in."))
    url = address(reverse("account_reset_password")) if user.is_staff else address(RESET_PATH, CUSTOMER)
    count_letter(actor, user.email)
    record(verb=PASSWORD_LETTER, actor=actor, target=user, outcome=Outcome.SUCCEEDED)
    letter = write("account/email/choose_password", user.email, {"user": user, "url": url})
    transaction.on_commit(lambda: send_later(letter))


def count_letter(actor: Actor, email: str) -> None:
    """Take a letter from the budgets of who acts and of the address.

    Raises:
        ValidationError: too many were sent of late.
    """
    try:
        take_letter(actor.id, email)
    except Throttled as limit:
        raise ValidationError(_("Too many letters were sent. Try again in a quarter of an hour.")) from limit
