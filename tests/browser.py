"""A headless Chromium, and windows that keep what their console complained about."""

import os
from collections.abc import Iterator
from typing import Any

import pytest

CHROMIUM = ("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage")
#: Generous: the machine may be busy with other tests.
PATIENCE_MS = 60_000


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

    def overflow(self) -> int:
        """By how many pixels the page is wider than the window."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))
