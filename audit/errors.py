"""What can go wrong with the record; doors turn the code and hint into their own kind of answer."""

from django.utils.translation import gettext_noop


class AuditError(Exception):
    """Base of all errors of this app; ``permanent`` says whether trying again can help."""

    code = "audit_error"
    hint = ""
    permanent = True


class AppendOnlyViolation(AuditError):
    """Somebody tried to change or delete an event through Django."""

    code = "audit_append_only"
    hint = "Audit events are never changed or deleted; record a new event instead."


class UnknownVerb(AuditError, LookupError):
    """An event names a verb that no app has registered."""

    code = "audit_unknown_verb"
    hint = "Register the verb with audit.verbs.register_verb in the app that owns it."


class AuditWriteFailed(AuditError):
    """The event could not be written, so what it records must not happen: doors answer 503."""

    code = "audit_unavailable"
    hint = gettext_noop("The change was not made. Try again in a moment; if it persists, run `manage.py audit_doctor`.")
    permanent = False
