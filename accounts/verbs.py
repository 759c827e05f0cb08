"""Audit verbs of the accounts app."""

from django.utils.translation import gettext_lazy as _

from audit.verbs import register_verb

SIGN_IN = register_verb("user.sign_in", _("signed in"))
SIGN_OUT = register_verb("user.sign_out", _("signed out"))
SIGN_IN_FAILED = register_verb("user.sign_in_failed", _("failed to sign in"))
CUSTOMER_CREATE = register_verb("customer.create", _("created the customer"))
CUSTOMER_CHANGE = register_verb("customer.change", _("changed the customer"))
CUSTOMER_DELETE = register_verb("customer.delete", _("deleted the customer"))
USER_CREATE = register_verb("user.create", _("created the person"))
USER_CHANGE = register_verb("user.change", _("changed the person"))
USER_DELETE = register_verb("user.delete", _("deleted the person"))
TOKEN_CREATE = register_verb("api_token.create", _("made the API token"))
TOKEN_REVOKE = register_verb("api_token.revoke", _("revoked the API token"))
