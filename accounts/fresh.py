"""Proof of the last minutes: what a session that somebody left open is not enough for."""

from allauth.account.decorators import reauthentication_required

#: Decorator for views: asks for password or second factor again, unless that was given a moment ago.
fresh_proof = reauthentication_required(app="accounts")
