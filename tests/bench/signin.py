"""How long the door takes: sign-in with the password's hash, and the check of a session on a page."""

import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

SIGN_INS = 30


def figures() -> Iterator[tuple[str, float]]:
    """``auth.login_p95_ms`` (objective: 200) and ``auth.session_p95_ms`` (objective: 100), through the whole stack."""
    from django.test import Client

    from accounts.models import User
    from tests.people import PASSWORD

    person = User.objects.create_user("bench@panel.test", PASSWORD, role="support")
    logins, pages = [], []
    for _ in range(SIGN_INS):
        client = Client()
        client.get("/admin/account/login/")
        logins.append(_ms(302, client.post, "/admin/account/login/", _form(person.email, PASSWORD)))
        pages.append(_ms(200, client.get, "/admin/account/history/"))
    yield "auth.login_p95_ms", _p95(logins)
    yield "auth.session_p95_ms", _p95(pages)


def _form(email: str, password: str) -> dict[str, str]:
    return {"login": email, "password": password}


def _ms(status: int, send: Callable[..., Any], *arguments: Any) -> float:
    began = time.perf_counter()
    answer = send(*arguments)
    assert answer.status_code == status, answer.status_code
    return (time.perf_counter() - began) * 1000


def _p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]
