"""A client of the API: a person's token and what it gets."""

import json
from datetime import timedelta
from typing import Any

from django.test import Client

from accounts.models import ApiToken, User
from accounts.services.tokens import create_token
from tests.people import operator

ALL = ("*:read", "*:write")


def token_for(user: User, *scopes: str, **options: Any) -> tuple[ApiToken, str]:
    """A real token; with every scope unless some are named."""
    life = options.pop("expires_in", timedelta(days=1))
    return create_token(actor=operator(), user=user, name="test", scopes=scopes or ALL, expires_in=life, **options)


class Caller:
    """Asks as a program does: JSON, a bearer's token, no cookies."""

    def __init__(self, user: User, *scopes: str, **options: Any) -> None:
        self.row, self.token = token_for(user, *scopes, **options)
        self.client = Client()

    def ask(self, method: str, path: str, data: Any = None, **headers: str) -> Any:
        """The answer to one request below /api/v1/."""
        return ask(self.client, method, path, data, Authorization=f"Bearer {self.token}", **headers)

    def get(self, path: str, **headers: str) -> Any:
        """GET."""
        return self.ask("GET", path, **headers)

    def post(self, path: str, data: Any = None, **headers: str) -> Any:
        """POST."""
        return self.ask("POST", path, {} if data is None else data, **headers)

    def patch(self, path: str, data: Any) -> Any:
        """PATCH."""
        return self.ask("PATCH", path, data)

    def delete(self, path: str) -> Any:
        """DELETE."""
        return self.ask("DELETE", path)

    def ids(self, path: str) -> list[Any]:
        """The ids of a list's first page."""
        return [row["id"] for row in self.get(path).json()["results"]]


def ask(client: Client, method: str, path: str, data: Any = None, **headers: str) -> Any:
    """One request, with whatever headers."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    body = "" if data is None else data if isinstance(data, str) else json.dumps(data)
    options: dict[str, Any] = {} if data is None else {"content_type": "application/json"}
    return client.generic(method, f"/api/v1/{path}", body, headers=named, **options)


def code(answer: Any) -> tuple[int, str]:
    """Status and code of a refusal, which is a problem document."""
    assert answer["Content-Type"] == "application/problem+json", (answer.status_code, answer.content[:500])
    return answer.status_code, answer.json()["code"]
