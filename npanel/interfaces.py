"""What differs between the interfaces: URLs, names of cookies, where to sign in. One process serves one of them."""

import base64
import hashlib
import hmac
from typing import Any

#: Which door a process is. It names the service in logs and audit events.
INTERFACES = ("admin", "customer", "worker", "command")


def interface_settings(interface: str) -> dict[str, Any]:
    """The settings of an interface.

    Cookies ignore ports, so each interface has names of its own (SECURITY.md, "cross-origin between ports").

    Args:
        interface: one of :data:`INTERFACES`; all but ``customer`` have the operators' settings.
    """
    customer = interface == "customer"
    return {
        "ROOT_URLCONF": "npanel.urls_portal" if customer else "npanel.urls_admin",
        "SESSION_COOKIE_NAME": f"npanel_{'portal' if customer else 'admin'}_session",
        "CSRF_COOKIE_NAME": f"npanel_{'portal' if customer else 'admin'}_csrf",
        "LANGUAGE_COOKIE_NAME": f"npanel_{'portal' if customer else 'admin'}_language",
        "LOGIN_URL": "account_login",
        "LOGOUT_REDIRECT_URL": "account_login",
        "LOGIN_REDIRECT_URL": "portal:home" if customer else "admin:index",
    }


def signing_key(secret: str, interface: str) -> str:
    """Django's key of an interface, made from the secret it was given.

    The customers' differs from the operators' even when somebody gave both processes one secret by mistake: what one
    interface signs, the other never takes.
    """
    if interface != "customer":
        return secret
    digest = hmac.new(secret.encode(), b"npanel: signing key of the customers' interface", hashlib.sha512).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
