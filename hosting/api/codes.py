"""The table of error codes: which HTTP status each has, and what it means in a sentence."""

from django.utils.translation import gettext_lazy as _

#: Where a code has no row, the request was understood and refused.
DEFAULT_STATUS = 422

_NOT_FOUND, _FORBIDDEN, _CONFLICT, _TEMPORARY = 404, 403, 409, 503

#: Codes whose status is not 422, and those of the API's own.
STATUSES: dict[str, int] = {
    # of the API itself
    "bad_request": 400,
    "bad_json": 400,
    "bad_idempotency_key": 400,
    "bad_cursor": 400,
    "unauthenticated": 401,
    "bad_token": 401,
    "other_interface": _FORBIDDEN,
    "scope_missing": _FORBIDDEN,
    "read_only": _FORBIDDEN,
    "method_not_allowed": 405,
    "not_acceptable": 406,
    "request_in_progress": _CONFLICT,
    "body_too_large": 413,
    "unsupported_media_type": 415,
    "no_plan": 422,
    "idempotency_key_reused": 422,
    "throttled": 429,
    "internal_error": 500,
    "audit_unavailable": _TEMPORARY,
    # of what is hosted
    "forbidden": _FORBIDDEN,
    "foreign_plan": _FORBIDDEN,
    "not_found": _NOT_FOUND,
    "node_gone": _NOT_FOUND,
    "service_gone": _CONFLICT,
    "busy": _CONFLICT,
    "changed_since": _CONFLICT,
    "customer_in_use": _CONFLICT,
    "plan_in_use": _CONFLICT,
    "zone_in_use": _CONFLICT,
    "domain_taken": _CONFLICT,
    "username_taken": _CONFLICT,
    "taken": _CONFLICT,
    "limit_reached": _CONFLICT,
    "stale_plan": _CONFLICT,
    "wrong_state": _CONFLICT,
    "main_domain": _CONFLICT,
    "no_zone": _CONFLICT,
    "node_not_ready": _CONFLICT,
    "nothing_to_roll_back": _CONFLICT,
    "not_adoptable": _CONFLICT,
    "forgotten": _CONFLICT,
    "audit_waiting": _CONFLICT,
    "record_duplicate": _CONFLICT,
    # of nodes that are asked at once
    "connection_failed": 502,
    "connection_refused": 502,
    "authentication_refused": 502,
    "agent_unavailable": 502,
    "unknown_host_key": _CONFLICT,
    "host_key_changed": _CONFLICT,
    "connection_timed_out": 504,
    "outcome_unknown": 502,
    "command_failed": 502,
    "command_timed_out": 504,
    "node_file_error": 502,
    "sealing_error": _TEMPORARY,
    # refused values
    "invalid": 422,
    "bad_name": 422,
    "bad_username": 422,
    "reserved_username": 422,
    "bad_address": 422,
    "weak_password": 422,
    "foreign_database": 422,
    "php_not_installed": 422,
    "name_outside_zone": 422,
    "zone_invalid": 422,
    "record_invalid": 422,
    "record_type": 422,
    "record_too_large": 422,
    "cname_conflict": 422,
    "ttl_mixed": 422,
    "ttl_out_of_range": 422,
    "unsafe_value": 422,
}

#: What the codes that most clients meet mean.
MEANINGS = {
    "bad_request": _("The request can't be read."),
    "bad_json": _("The body is no JSON."),
    "bad_idempotency_key": _("An Idempotency-Key is 1 to 200 visible ASCII characters."),
    "bad_cursor": _("The cursor is not one that this list gave out with this order."),
    "unauthenticated": _("There is no token: send Authorization: Bearer."),
    "bad_token": _("The token is unknown, revoked, has ended, or is used from a network that it is not for."),
    "other_interface": _("The token belongs to the panel's other interface."),
    "scope_missing": _("The token has not the scope that this needs."),
    "read_only": _("Support reads only."),
    "request_in_progress": _("A request with this Idempotency-Key is being carried out. Ask again soon."),
    "idempotency_key_reused": _("This Idempotency-Key was used for another request."),
    "no_plan": _("What was asked for makes no operation, so there is no plan to show."),
    "throttled": _("Too many requests; Retry-After says when to go on."),
    "internal_error": _("A bug. Quote the trace id."),
    "audit_unavailable": _("Nothing was changed, because it could not be recorded. Try again."),
    "forbidden": _("You may see it, and may not do this with it."),
    "not_found": _("It is not there, or not yours."),
    "invalid": _("A value does not fit; errors names the fields."),
    "limit_reached": _("The plan or the reseller's terms have no room for more."),
    "stale_plan": _("The plan has changed since it was shown."),
    "wrong_state": _("It is not in a state in which this can be done."),
    "busy": _("Another operation waits or runs."),
    "changed_since": _("A later operation touched the same."),
    "service_gone": _("The service is being deleted, or was."),
    "domain_taken": _("The name is held, or is above or below a name that somebody else holds."),
    "weak_password": _("The password is too short."),
    "bad_address": _("Webhooks go to https addresses on the internet only."),
}


def status_of(code: str) -> int:
    """The HTTP status of an error code."""
    return STATUSES.get(code, DEFAULT_STATUS)
