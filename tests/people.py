"""Three people every door is tried with: an operator, a colleague who may only look, a stranger."""

from accounts.choices import Role
from accounts.models import User
from audit.actor import Actor, ActorType

PASSWORD = "correct horse battery staple"


def admin() -> User:
    """An administrator (made once)."""
    return _person("admin@panel.test", Role.ADMIN)


def support() -> User:
    """A colleague from support, who reads."""
    return _person("support@panel.test", Role.SUPPORT)


def stranger() -> User:
    """Somebody with an account who may not open the console."""
    return _person("stranger@panel.test", Role.CUSTOMER)


def _person(email: str, role: str) -> User:
    found = User.objects.filter(email=email).first()
    return found or User.objects.create_user(email, PASSWORD, role=role, is_superuser=role == Role.ADMIN)


def operator() -> Actor:
    """An administrator as services and audit events see one, without a row."""
    return Actor(type=ActorType.USER, id="1", login="admin@panel.test", role=Role.ADMIN, interface="admin")
