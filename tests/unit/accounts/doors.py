"""What people do at the door, without a browser."""

import re
import time
from typing import Any

from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.core import mail
from django.test import Client

from tests import people

ADMIN, PORTAL = "/admin/account/", "/portal/account/"


def sign_in(client: Client, email: str, password: str = people.PASSWORD, *, door: str = ADMIN, ip: str = "") -> Any:
    """Send the sign-in form."""
    where = {"REMOTE_ADDR": ip} if ip else {}
    return client.post(f"{door}login/", {"login": email, "password": password}, **where)


def is_in(client: Client, door: str = ADMIN) -> bool:
    """Whether the client sees its own account page."""
    return client.get(door).status_code == 200


def code(secret: str, ahead: int = 0) -> str:
    """What an authenticator app shows now, or some half minutes later: each code works once."""
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30 + ahead))


def wrong_code(secret: str) -> str:
    """Six digits that no app shows about now."""
    return f"{(int(code(secret)) + 471_147) % 1_000_000:06d}"


def add_app(client: Client, door: str = ADMIN) -> str:
    """Add an authenticator app; gives its key."""
    page = client.get(f"{door}second-factor/app/").content.decode()
    secret = re.search(r'id="totp-key">([A-Z2-7]+)<', page)
    assert secret, page
    answer = client.post(f"{door}second-factor/app/", {"code": code(secret[1])})
    assert answer.status_code == 302, answer.content.decode()
    return secret[1]


def codes(client: Client, door: str = ADMIN) -> list[str]:
    """The recovery codes that are shown now."""
    return re.findall(r"<code>(\d{8})</code>", client.get(f"{door}second-factor/codes/").content.decode())


def letters(count: int = 1) -> list[Any]:
    """The letters sent so far; they leave beside the request, so they may take a moment."""
    for _attempt in range(100):
        if len(mail.outbox) >= count:
            break
        time.sleep(0.05)
    return list(mail.outbox)
