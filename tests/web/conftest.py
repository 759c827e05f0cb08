"""A browser with pages that watch for policy violations, and clients for three people."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client

from tests import people

CHROMIUM = ("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage")
#: Generous: the machine may be busy with other tests.
PATIENCE_MS = 60_000


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


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """One browser for the whole run."""
    from playwright.sync_api import sync_playwright

    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"  # Playwright's sync interface runs a loop in this thread
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=list(CHROMIUM))
        yield browser
        browser.close()
    if before is None:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


class Window:
    """A browser window on the panel that keeps what its console complained about."""

    def __init__(self, context: Any, address: str) -> None:
        context.set_default_timeout(PATIENCE_MS)
        self.page, self.address = context.new_page(), address
        self.complaints: list[str] = []
        self.page.on("console", lambda m: self.complaints.append(m.text) if m.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def open(self, path: str) -> Any:
        """Go to a page and wait until it is there."""
        self.page.goto(self.address + path)
        self.page.wait_for_load_state()
        return self.page

    def sign_in(self) -> "Window":
        """Sign in as the administrator, by the form."""
        person = people.admin()
        self.open("/admin/account/login/")
        self.page.get_by_label("E-mail address").fill(person.email)
        self.page.get_by_label("Password").fill(people.PASSWORD)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_url("**/admin/")
        return self

    def overflow(self) -> int:
        """By how many pixels the page is wider than the window."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


@pytest.fixture
def window(chromium: Any, live_server: Any) -> Iterator[Callable[..., Window]]:
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
