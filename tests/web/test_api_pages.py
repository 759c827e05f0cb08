"""The API's reference, its error codes and the page of tokens in a real browser: policy, widths, themes, barriers."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import people
from tests.unit.api.caller import token_for
from tests.web.test_browser import AXE, RUN_AXE

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PAGES = {
    "docs": "/api/v1/docs/",
    "errors": "/api/v1/errors/",
    "error": "/api/v1/errors/limit_reached",
    "tokens": "/admin/account/tokens/",
    "new-token": "/admin/account/tokens/new/",
}
#: A folder for pictures, when somebody wants to look.
SHOTS = os.environ.get("API_SHOTS", "")


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_the_pages_fit_and_bar_nobody(window: Callable[..., Any], width: int, scheme: str) -> None:
    token_for(people.admin(), "domain:read", "domain:write", "operation:read")
    view = window(width, scheme).sign_in()
    checked = window(width, scheme, bypass_csp=True).sign_in()
    found: dict[str, Any] = {}
    for name, path in PAGES.items():
        view.open(path)
        if SHOTS:
            view.page.screenshot(path=Path(SHOTS) / f"{name}-{width}-{scheme}.png")
        checked.open(path).evaluate(AXE)
        found[name] = (view.overflow(), checked.page.evaluate(RUN_AXE))
    assert found == dict.fromkeys(PAGES, (0, []))


def test_a_token_is_made_by_hand(window: Callable[..., Any]) -> None:
    page = window().sign_in().open("/admin/account/tokens/")
    page.get_by_role("link", name="Make a token").click()
    page.get_by_label("Name").fill("deploy")
    page.get_by_label("domain:write", exact=True).check()
    page.get_by_role("button", name="Make the token").click()
    assert page.locator("#token").inner_text().startswith("np_")
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / "shown-once.png")
    page.get_by_role("button", name="Revoke deploy").click()
    page.get_by_text("The token deploy is revoked.").wait_for()
