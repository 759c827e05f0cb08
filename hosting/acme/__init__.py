"""What NPanel asks of certificate authorities (ACME, RFC 8555): no Django, no database, no node."""

from hosting.acme.errors import AcmeError
from hosting.acme.keys import new_account_key, new_certificate_key, request_for
from hosting.acme.session import Challenge, ChallengeKind, Order, Session

__all__ = [
    "AcmeError",
    "Challenge",
    "ChallengeKind",
    "Order",
    "Session",
    "new_account_key",
    "new_certificate_key",
    "request_for",
]
