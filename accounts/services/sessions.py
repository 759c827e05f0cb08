"""What a person has open: sessions, tokens, second factors; each can be ended, and that is recorded."""

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib.sessions.backends.db import SessionStore
from django.db import transaction
from django.utils import timezone

from accounts.models import ApiToken, User
from accounts.user_agents import in_words
from accounts.verbs import SECOND_FACTOR_RESET, SESSION_END, TOKEN_REVOKE
from audit.actor import Actor
from audit.choices import Outcome
from audit.record import record


def open_sessions(user: User) -> list[UserSession]:
    """Sessions that still work, the last used first; the list forgets those that ran out."""
    return sorted(UserSession.objects.purge_and_list(user), key=lambda row: row.last_seen_at, reverse=True)


@transaction.atomic
def end_session(*, actor: Actor, session: UserSession) -> None:
    """Sign one browser out."""
    after = {"ip": session.ip, "program": in_words(session.user_agent)}
    record(verb=SESSION_END, actor=actor, target=session.user, outcome=Outcome.SUCCEEDED, after=after)
    _end(session)


@transaction.atomic
def end_all_sessions(*, actor: Actor, user: User, but: str = "") -> int:
    """Sign a person out everywhere.

    Args:
        but: the key of a session that goes on.
    """
    rows = list(UserSession.objects.filter(user=user).exclude(session_key=but))
    for row in rows:
        _end(row)
    if rows:
        record(verb=SESSION_END, actor=actor, target=user, outcome=Outcome.SUCCEEDED, after={"sessions": len(rows)})
    return len(rows)


@transaction.atomic
def revoke_tokens(*, actor: Actor, user: User) -> int:
    """End all API tokens of a person."""
    count = ApiToken.objects.filter(user=user, revoked_at=None).update(revoked_at=timezone.now())
    if count:
        record(verb=TOKEN_REVOKE, actor=actor, target=user, outcome=Outcome.SUCCEEDED, after={"count": count})
    return count


@transaction.atomic
def reset_second_factor(*, actor: Actor, user: User) -> int:
    """Take all second factors and recovery codes of a person away, for one who lost theirs; their sessions end."""
    rows = Authenticator.objects.filter(user=user)
    kinds = sorted(rows.values_list("type", flat=True))
    rows.delete()
    record(verb=SECOND_FACTOR_RESET, actor=actor, target=user, outcome=Outcome.SUCCEEDED, before={"kinds": kinds})
    end_all_sessions(actor=actor, user=user)
    return len(kinds)


def _end(session: UserSession) -> None:
    SessionStore().delete(session.session_key)
    session.delete()
