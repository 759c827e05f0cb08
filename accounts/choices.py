"""Fixed choices of the accounts app."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Role(models.TextChoices):
    """What a person is here to do."""

    ADMIN = "admin", _("Administrator")
    SUPPORT = "support", _("Support")
    RESELLER = "reseller", _("Reseller")
    CUSTOMER = "customer", _("Customer")
