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
PASSWORD_LETTER = register_verb("user.password_letter", _("sent a letter to choose a password"))
USER_DELETE = register_verb("user.delete", _("deleted the person"))
TOKEN_CREATE = register_verb("api_token.create", _("made the API token"))
TOKEN_REVOKE = register_verb("api_token.revoke", _("revoked the API token"))
SIGN_IN_THROTTLED = register_verb("user.sign_in_throttled", _("tried to sign in too often"))
PROOF = register_verb("user.prove", _("proved again who they are"))
SESSION_END = register_verb("session.end", _("ended the session"))
SECOND_FACTOR_ADD = register_verb("second_factor.add", _("added a second factor"))
SECOND_FACTOR_CHANGE = register_verb("second_factor.change", _("renamed a second factor"))
SECOND_FACTOR_REMOVE = register_verb("second_factor.remove", _("removed a second factor"))
SECOND_FACTOR_RESET = register_verb("second_factor.reset", _("reset the second factor"))
RECOVERY_CODES = register_verb("second_factor.codes", _("made new recovery codes"))
RESELLER_CREATE = register_verb("reseller.create", _("created the reseller"))
RESELLER_CHANGE = register_verb("reseller.change", _("changed the reseller"))
MEMBER_ADD = register_verb("member.add", _("let somebody in"))
MEMBER_CHANGE = register_verb("member.change", _("changed the access"))
MEMBER_REMOVE = register_verb("member.remove", _("took the access away"))
IMPERSONATION_ASK = register_verb("impersonation.ask", _("asked to act as the person"))
IMPERSONATION_START = register_verb("impersonation.start", _("began to act as the person"))
IMPERSONATION_END = register_verb("impersonation.end", _("stopped acting as the person"))
