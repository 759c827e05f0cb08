"""Who acts, taken from a request or from the person at a terminal."""

import hashlib
import os
import pwd

from django.conf import settings
from django.http import HttpRequest

from accounts.models import User
from audit.actor import Actor, ActorType


def actor_from_request(request: HttpRequest, user: object = None) -> Actor:
    """The signed-in person of a request as audit events keep them.

    Args:
        user: who it is, where the request does not say so yet (during sign-in).
    """
    user = user or getattr(request, "user", None)
    interface, ip = settings.NPANEL_INTERFACE, getattr(request, "client_ip", "")
    if not isinstance(user, User):
        return Actor.anonymous(interface=interface, ip=ip)
    behind = getattr(request, "impersonation", None)
    return Actor(
        type=ActorType.USER,
        id=str(user.pk),
        login=user.email,
        role=user.role,
        interface=interface,
        ip=ip,
        session_digest=_digest(request.session.session_key or ""),
        impersonator_id=str(behind.operator_id) if behind is not None else "",
        impersonator_login=behind.operator.email if behind is not None else "",
    )


def actor_from_terminal() -> Actor:
    """The operator who runs a command: the Unix user (the one before sudo, if there was one).

    Names in the environment are anybody's claim: SUDO_USER counts for root alone, and LOGNAME or USER (which
    ``getpass.getuser`` would believe) never.
    """
    login = (os.environ.get("SUDO_USER") if os.geteuid() == 0 else "") or _unix_user()
    return Actor(type=ActorType.SYSTEM, id=str(os.getuid()), login=login, role="admin", interface="command")


def user_id(actor: Actor) -> int | None:
    """The primary key of the account that acts, itself or by a token; None for the system and strangers."""
    of_a_person = actor.type in (ActorType.USER, ActorType.TOKEN) and actor.id.isdecimal()
    return int(actor.id) if of_a_person else None


def _unix_user() -> str:
    uid = os.getuid()
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:  # a uid without an entry, as in some containers
        return str(uid)


def _digest(session_key: str) -> str:
    return hashlib.sha256(session_key.encode()).hexdigest()[:16] if session_key else ""
