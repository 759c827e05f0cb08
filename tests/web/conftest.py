"""A browser with pages that watch for policy violations, and clients for three people."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client

from tests import browser, people
from tests.browser import chromium  # noqa: F401


@pytest.fixture
def admin_client(db: None) -> Client:
    """An administrator's browser session, with proof of a moment ago."""
    client = signed_in(people.admin())
    people.prove(client)
    return client


@pytest.fixture
def support_client(db: None) -> Client:
    """A session of somebody from support, who only reads."""
    return signed_in(people.support())


@pytest.fixture
def stranger_client(db: None) -> Client:
    """A session of somebody who may not open the console."""
    return signed_in(people.stranger())


def signed_in(user: Any) -> Client:
    """A client with a session of this person."""
    client = Client()
    client.force_login(user)
    return client


class Window(browser.Window):
    """A window whose person signs in as the administrator of the tests."""

    def sign_in(self) -> "Window":
        """Sign in as the administrator, by the form."""
        person = people.admin()
        self.open("/admin/account/login/")
        self.page.get_by_label("E-mail address").fill(person.email)
        self.page.get_by_label("Password").fill(people.PASSWORD)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_url("**/admin/")
        return self


@pytest.fixture
def window(chromium: Any, live_server: Any) -> Iterator[Callable[..., Window]]:  # noqa: F811
    """Opens windows; says at the end if any of their pages broke the content security policy or a script."""
    windows: list[Window] = []
    contexts = []

    def make(width: int = 1440, scheme: str = "light", **options: Any) -> Window:
        context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, **options)
        contexts.append(context)
        windows.append(Window(context, live_server.url))
        return windows[-1]

    yield make
    complaints = [text for window in windows for text in window.complaints]
    for context in contexts:
        context.close()
    assert complaints == []
