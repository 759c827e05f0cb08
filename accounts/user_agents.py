"""Says in words which program somebody used."""

from django.http import HttpRequest
from django.utils.translation import gettext as _

#: The first that occurs wins: Edge and Opera also call themselves Chrome, and everybody calls themselves Safari.
_BROWSERS = (
    ("Edg", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("FxiOS/", "Firefox"), ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"), ("Safari/", "Safari"), ("curl/", "curl"), ("python-requests", "Python"),
)  # fmt: skip
_SYSTEMS = (
    ("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows"), ("CrOS", "ChromeOS"),
    ("Mac OS X", "macOS"), ("Linux", "Linux"),
)  # fmt: skip
_KEPT = 200


def in_words(user_agent: str) -> str:
    """``Firefox on Linux``, or what can be said."""
    browser = next((word for mark, word in _BROWSERS if mark in user_agent), "")
    system = next((word for mark, word in _SYSTEMS if mark in user_agent), "")
    if browser and system:
        return _("%(browser)s on %(system)s") % {"browser": browser, "system": system}
    return browser or system or _("Unknown program")


def evidence(request: HttpRequest | None) -> dict[str, str]:
    """Where from and with what, as login events keep it."""
    if request is None:
        return {"ip": "", "user_agent": ""}
    return {"ip": getattr(request, "client_ip", ""), "user_agent": str(request.META.get("HTTP_USER_AGENT", ""))[:_KEPT]}
