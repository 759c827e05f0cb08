"""The console in a real browser: policy, widths, themes, live pages, keyboard, accessibility."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hosting.choices import EntryState, OperationKind, OperationState, Phase
from hosting.models import HostingService, Operation
from tests import factories
from tests.web import rows

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text()
SERIOUS = ("serious", "critical")
#: Runs axe in the page and gives what is serious, as "rule: element".
RUN_AXE = """async () => {
  const result = await axe.run(document, {resultTypes: ["violations"]});
  return result.violations.filter((v) => ["serious", "critical"].includes(v.impact))
    .flatMap((v) => v.nodes.map((n) => `${v.id}: ${n.target.join(" ")} ${n.any.map((a) => a.message).join("; ")}`));
}"""


@pytest.fixture
def service() -> HostingService:
    """An active service on a ready node."""
    return rows.service("anna", "anna.example", node=rows.node("web-1"), plan=factories.make_plan(name="Starter"))


def test_creating_a_service_in_the_browser(window: Callable[..., Any], service: HostingService) -> None:
    """From the list by button and form to the operation's page; a refusal keeps what was typed."""
    factories.make_customer(name="Ada Lovelace")
    view = window().sign_in()
    page = view.open("/admin/hosting/hostingservice/")
    page.get_by_role("link", name="New hosting service").click()
    page.get_by_label("Customer").fill("Ada Lovelace")
    page.get_by_label("Plan", exact=True).select_option(label="Starter")
    page.get_by_label("Main domain").fill("anna.example")
    page.get_by_role("button", name="Plan the service").click()
    assert "anna.example" in page.get_by_role("alert").inner_text()
    assert page.get_by_label("Customer").input_value() == "Ada Lovelace"
    page.get_by_label("Main domain").fill("lovelace.example")
    page.get_by_role("button", name="Plan the service").click()
    page.wait_for_url("**/admin/hosting/operation/*/change/")
    assert page.get_by_role("heading", level=1).inner_text() == "Create service lovelace"
    assert Operation.objects.get().needs_approval


def test_an_operation_comes_alive(window: Callable[..., Any], service: HostingService) -> None:
    """The page follows the operation without a reload, keeps what is unfolded, and announces the progress."""
    operation = rows.operation(service, state=OperationState.RUNNING, phase=Phase.APPLYING, begun=1)
    page = window().sign_in().open(f"/admin/hosting/operation/{operation.pk}/change/")
    page.evaluate("window.sameDocument = true")
    page.locator("#change-1-1 > summary").click()
    assert "home: /home/anna" in page.locator("#change-1-1").inner_text()
    change = operation.plan["changes"][1]  # type: ignore[index]
    operation.journal.create(
        seq=2,
        kind=change["kind"],
        key=change["key"],
        change=change,
        state=EntryState.FAILED,
        error={"detail": "disk full"},
    )
    page.get_by_text("disk full").wait_for()
    assert page.locator("#change-1-1").get_attribute("open") is not None
    Operation.objects.filter(pk=operation.pk).update(
        state=OperationState.ROLLED_BACK, phase=Phase.DONE, error={"detail": "The disk is full.", "hint": "Make room."}
    )
    page.get_by_text("The disk is full.").wait_for()
    assert page.get_by_role("button", name="Try again").is_visible()
    assert page.locator("#announce").inner_text() == "Rolled back"
    assert page.evaluate("window.sameDocument") is True


def test_approving_a_plan(window: Callable[..., Any], service: HostingService) -> None:
    """A planned operation shows its tree; Apply sends exactly that plan on its way."""
    operation = rows.operation(service, state=OperationState.PLANNED)
    page = window().sign_in().open(f"/admin/hosting/operation/{operation.pk}/change/")
    assert page.locator(".change").count() == 5
    page.get_by_role("button", name="Apply this plan").click()
    page.get_by_text("Waiting", exact=True).wait_for()
    operation.refresh_from_db()
    assert (operation.state, operation.expected_digest) == (OperationState.PENDING, operation.plan_digest)


def test_the_same_without_scripts(window: Callable[..., Any], service: HostingService) -> None:
    """Plan, approval, menus and looking again work with scripts disabled."""
    operation = rows.operation(service, state=OperationState.PLANNED)
    page = window(390, java_script_enabled=False).sign_in().open(f"/admin/hosting/operation/{operation.pk}/change/")
    page.locator("#change-1-1 > summary").click()
    assert page.locator("#change-1-1 .diff").is_visible()
    page.get_by_role("button", name="Apply this plan").click()
    page.get_by_role("link", name="Look again").click()
    page.get_by_role("link", name="Open menu").click()
    page.get_by_role("link", name="Services", exact=True).click()
    page.wait_for_url("**/admin/hosting/hostingservice/")


def test_the_theme_is_kept(window: Callable[..., Any]) -> None:
    """The switch goes from the system's theme to light to dark, and the choice outlives the page."""
    page = window().sign_in().page
    page.get_by_role("button", name="Theme: as the system").click()
    page.get_by_role("button", name="Theme: light").click()
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.reload()
    assert page.locator("html").get_attribute("data-theme") == "dark"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == dark
    page.get_by_role("button", name="Theme: dark").click()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != dark


def test_the_keyboard_reaches_everything(window: Callable[..., Any], service: HostingService) -> None:
    """The first Tab offers the content; Escape closes a menu and gives the focus back; focus is visible."""
    page = window().sign_in().open(f"/admin/hosting/hostingservice/{service.pk}/change/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    actions = page.locator("summary", has_text="Actions")
    actions.focus()
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Suspend service").wait_for()
    page.keyboard.press("Escape")
    assert not page.get_by_role("link", name="Suspend service").is_visible()
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_targets_are_large_enough(window: Callable[..., Any], service: HostingService) -> None:
    """Buttons, links of the rail and rows, and inputs are at least 24 px high."""
    rows.operation(service, kind=OperationKind.APPLY)
    view, small = window(390).sign_in(), []
    for path in (
        "/admin/",
        f"/admin/hosting/hostingservice/{service.pk}/change/",
        "/admin/hosting/hostingservice/add/",
    ):
        page = view.open(path)
        for target in page.locator("button, .button, .rail-link, summary, select, input:not([type=hidden])").all():
            box = target.bounding_box()
            if box is not None and target.is_visible() and min(box["height"], box["width"]) < 24:
                small.append((path, target.evaluate("e => e.outerHTML")[:120], box))
    assert small == []


def test_a_form_is_sent_once(window: Callable[..., Any], service: HostingService) -> None:
    """Pressing a button twice quickly makes one operation."""
    page = window().sign_in().open(f"/admin/hosting/hostingservice/{service.pk}/apply/")
    page.evaluate("() => { const b = document.querySelector('button[value=plan]'); b.click(); b.click(); }")
    page.wait_for_url("**/admin/hosting/operation/*/change/")
    assert Operation.objects.count() == 1
