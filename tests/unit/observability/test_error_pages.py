"""Error pages, with DEBUG on and off, show the failure and none of the secrets around it."""

import secrets
from typing import Any

import pytest
from django.test import Client

pytestmark = pytest.mark.urls("tests.unit.observability.urls")


@pytest.mark.parametrize("debug", [True, False])
@pytest.mark.parametrize("accept", ["text/html", "text/plain"])
def test_no_secret_is_on_an_error_page(client: Client, settings: Any, debug: bool, accept: str) -> None:
    settings.DEBUG = debug
    settings.NPANEL_TEST_PASSWORD = secret = f"x{secrets.token_hex(12)}"
    settings.NPANEL_TEST_URL = f"redis://:{secret}@cache/0"
    client.raise_request_exception = False
    client.cookies["session"] = secret
    page = client.get(f"/broken?p=1&token={secret}", headers={"accept": accept, "authorization": f"Bearer {secret}"})
    assert page.status_code == 500
    assert secret not in page.content.decode()


@pytest.mark.parametrize("accept", ["text/html", "text/plain"])
def test_secrets_in_variables_and_messages_are_gone(client: Client, settings: Any, accept: str) -> None:
    settings.DEBUG = True
    client.raise_request_exception = False
    secret = f"x{secrets.token_hex(12)}"
    page = client.post("/broken", headers={"accept": accept}, data={"new_password": secret, "note": "to be seen"})
    assert secret not in page.content.decode()
    page = client.get("/broken", {"password": secret, "p": "p"}, headers={"accept": accept})
    assert secret not in page.content.decode()
    assert "RuntimeError" in page.content.decode()
