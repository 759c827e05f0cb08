"""Keeps secrets out of Django's error pages, error mails and debug tracebacks."""

from typing import Any

from django.http import HttpRequest
from django.views.debug import ExceptionReporter, SafeExceptionReporterFilter

from observability.redaction import LOG_LIMITS, REDACTED, Limits, is_sensitive_key, redact, redact_text

_PAGE_LIMITS = Limits(depth=4, items=50, text=4_096)


class SafeReporterFilter(SafeExceptionReporterFilter):
    """Applies the central redaction to settings, headers, cookies, POST data and local variables, DEBUG or not."""

    cleansed_substitute = REDACTED

    def is_active(self, request: HttpRequest | None) -> bool:
        return True

    def cleanse_setting(self, key: Any, value: Any) -> Any:
        if is_sensitive_key(str(key)):
            return self.cleansed_substitute
        cleansed = super().cleanse_setting(key, value)
        return redact(cleansed, _PAGE_LIMITS) if isinstance(cleansed, str | dict | list | tuple) else cleansed

    def get_safe_cookies(self, request: HttpRequest | None) -> dict[str, Any]:
        return {} if request is None else dict.fromkeys(request.COOKIES, REDACTED)

    def get_post_parameters(self, request: HttpRequest | None) -> Any:
        if request is None:
            return {}
        cleansed = super().get_post_parameters(request).copy()
        for name in cleansed:
            cleansed[name] = REDACTED if is_sensitive_key(name) else redact_text(str(cleansed[name]))
        return cleansed

    def get_traceback_frame_variables(self, request: HttpRequest | None, tb_frame: Any) -> Any:
        variables = super().get_traceback_frame_variables(request, tb_frame)
        return [(name, self._safe_variable(name, value)) for name, value in variables]

    @staticmethod
    def _safe_variable(name: str, value: Any) -> Any:
        if is_sensitive_key(str(name)):
            return REDACTED
        if isinstance(value, str | bytes):
            return redact(value, _PAGE_LIMITS)
        try:
            text = repr(redact(value, _PAGE_LIMITS)) if isinstance(value, dict | list | tuple | set) else repr(value)
        except Exception as error:  # noqa: BLE001 - a broken repr must not break the error page
            return f"<unprintable: {type(error).__name__}>"
        return _Shown(redact_text(text, LOG_LIMITS.text))


class _Shown(str):
    """Text that the error page prints as it is, without a second pair of quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


class SafeExceptionReporter(ExceptionReporter):
    """Redacts what Django's reporter copies without its filter: the exception's text, the URL and GET data."""

    def get_traceback_data(self) -> dict[str, Any]:
        data = super().get_traceback_data()
        for key in ("exception_value", "exception_notes", "request_insecure_uri", "unicode_hint"):
            if data.get(key):
                data[key] = redact_text(str(data[key]))
        for frame in data["frames"]:
            if frame.get("exc_cause"):
                frame["exc_cause"] = redact_text(str(frame["exc_cause"]))
        if self.request is not None:
            data["request_GET_items"] = [
                (name, REDACTED if is_sensitive_key(name) else redact_text(str(value)))
                for name, value in self.request.GET.items()
            ]
        return data
