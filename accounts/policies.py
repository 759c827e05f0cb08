"""Who may do what in the console, decided in one place."""

from typing import Any

from accounts.choices import Role


class OperatorPolicy:
    """What the operators' console lets a person do.

    Args:
        user: the person of the request, signed in or not.
    """

    def __init__(self, user: Any) -> None:
        self._role = getattr(user, "role", "") if getattr(user, "is_active", False) else ""

    @property
    def may_view(self) -> bool:
        """Whether the person may open the console and read everything in it."""
        return self._role in (Role.ADMIN, Role.SUPPORT)

    @property
    def may_impersonate(self) -> bool:
        """Whether the person may act as a customer's or reseller's person, all that support may do."""
        return self._role in (Role.ADMIN, Role.SUPPORT)

    @property
    def may_act(self) -> bool:
        """Whether the person may change anything; support only reads."""
        return self._role == Role.ADMIN
