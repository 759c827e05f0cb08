"""Who acts, copied as text so that the record outlives the account."""

from dataclasses import dataclass

from audit.choices import ActorType


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """One acting identity; all fields are text and may be empty.

    Args:
        type: user, token, system or anonymous.
        id: the account's or token's primary key.
        login: the name a person would recognise.
        role: ADMIN, SUPPORT, RESELLER, CUSTOMER or "".
        interface: the door: admin, customer, api, cli, worker.
        ip: the client's address as ``observability.client_ip`` found it.
        session_digest: a digest of the session key, never the key.
        impersonator_id: who is behind it when an operator acts as somebody else.
        impersonator_login: that operator's login.
    """

    type: ActorType
    id: str = ""
    login: str = ""
    role: str = ""
    interface: str = ""
    ip: str = ""
    session_digest: str = ""
    impersonator_id: str = ""
    impersonator_login: str = ""

    @classmethod
    def system(cls, name: str) -> "Actor":
        """A part of NPanel that acts on its own, such as ``worker`` or ``retention``."""
        return cls(type=ActorType.SYSTEM, id=name, login=name, interface=name)

    @classmethod
    def anonymous(cls, *, interface: str = "", ip: str = "", login: str = "") -> "Actor":
        """Somebody who is not signed in; ``login`` is the name that was tried, if any."""
        return cls(type=ActorType.ANONYMOUS, interface=interface, ip=ip, login=login)
