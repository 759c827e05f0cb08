"""Fixed choices of the accounts app."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Role(models.TextChoices):
    """What a person is here to do."""

    ADMIN = "admin", _("Administrator")
    SUPPORT = "support", _("Support")
    RESELLER = "reseller", _("Reseller")
    CUSTOMER = "customer", _("Customer")


class MemberAccess(models.TextChoices):
    """How far a person may go for a customer."""

    OWNER = "owner", _("Owner")
    MANAGER = "manager", _("Manager")
    VIEWER = "viewer", _("Viewer")


#: What each access includes: an owner may what a manager may, and a manager what a viewer may.
ACCESS_LEVELS = {MemberAccess.VIEWER: 1, MemberAccess.MANAGER: 2, MemberAccess.OWNER: 3}
