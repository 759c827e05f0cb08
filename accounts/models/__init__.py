"""People, customers, resellers, and the ways to act as one."""

from accounts.models.access import ApiToken, Impersonation
from accounts.models.belonging import Belonging
from accounts.models.customer import Customer, Membership, Reseller, check_name_is_free
from accounts.models.throttle import Attempts
from accounts.models.user import User, UserManager

__all__ = [
    "ApiToken",
    "Attempts",
    "Belonging",
    "Customer",
    "Impersonation",
    "Membership",
    "Reseller",
    "User",
    "UserManager",
    "check_name_is_free",
]
