"""Confirming and bulk runs in a real browser: what appears when, what follows by itself, and all without scripts."""

from collections.abc import Callable
from typing import Any

import pytest

from hosting.choices import BulkState, OperationKind, OperationState
from hosting.models import BulkRun, HostingService, Intent, Operation
from hosting.operations.intents import open_intent
from hosting.services import bulk
from hosting.services.intents import expire_intents
from hosting.state import Change
from tests import factories
from tests.people import operator
from tests.web import rows

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def services() -> list[HostingService]:
    """Three active services on a ready node."""
    node, plan = rows.node("web-1"), factories.make_plan(name="Starter")
    return [rows.service(name, f"{name}.example", node=node, plan=plan) for name in ("anna", "bob", "carol")]


def plan(operation: Operation) -> None:
    """Do what the worker does up to the plan."""
    service = operation.service
    assert service is not None
    gone = [Change(c.kind, c.key, c.after, None).to_json() for c in reversed(rows.creation_of(service))]
    data = {"digest": "d" * 64, "counts": {"create": 0, "update": 0, "delete": len(gone)}, "changes": gone}
    Operation.objects.filter(pk=operation.pk).update(state=OperationState.PLANNED, plan=data, plan_digest="d" * 64)
    operation.refresh_from_db()
    open_intent(operation)


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_a_deletion_from_the_menu_to_its_confirmation(
    window: Callable[..., Any], services: list[HostingService], scripts: bool
) -> None:
    """The plan comes by itself, the name has to be typed, and the button says what happens."""
    view = window(java_script_enabled=scripts).sign_in()
    page = view.open(f"/admin/hosting/hostingservice/{services[0].pk}/change/")
    page.locator("summary", has_text="Actions").click()
    page.get_by_role("link", name="Delete service").click()
    page.get_by_role("button", name="Prepare the deletion").click()
    page.wait_for_url("**/admin/hosting/operation/*/change/")
    operation = Operation.objects.get()
    plan(operation)
    if not scripts:
        page.get_by_role("link", name="Look again").click()
    page.get_by_text("Takes anna off the web").wait_for()
    assert "minutes left" in page.locator(".clock").inner_text()
    page.get_by_label("Type anna to confirm").fill("anna")
    page.get_by_label("Reason").fill("contract ended")
    page.get_by_role("button", name="Delete service anna").click()
    page.get_by_text("Waiting", exact=True).wait_for()
    operation.refresh_from_db()
    assert (operation.state, operation.reason) == (OperationState.PENDING, "contract ended")


def test_what_is_typed_stays_while_the_clock_goes_and_expiry_shows_by_itself(
    window: Callable[..., Any], services: list[HostingService]
) -> None:
    """The clock is a region of its own; when the time is over the page says so, and offers to prepare it again."""
    page = window().sign_in().open(f"/admin/hosting/hostingservice/{services[0].pk}/remove/")
    page.get_by_role("button", name="Prepare the deletion").click()
    page.wait_for_url("**/admin/hosting/operation/*/change/")
    operation = Operation.objects.get()
    plan(operation)
    page.get_by_label("Type anna to confirm").fill("ann")
    intent = Intent.objects.get()
    before = page.locator(".clock").inner_text()
    Intent.objects.update(expires_at=intent.created_at + (intent.expires_at - intent.created_at) / 2)  # type: ignore[operator]
    page.locator(".clock", has_not_text=before).wait_for()
    assert page.get_by_label("Type anna to confirm").input_value() == "ann"
    Intent.objects.update(expires_at=intent.created_at)
    expire_intents(actor=operator())
    page.get_by_role("link", name="Prepare again").wait_for()
    assert "Nobody confirmed it within ten minutes" in page.locator(".notice").inner_text()


@pytest.mark.parametrize("width", [1440, 390])
def test_many_are_chosen_and_suspended_while_the_page_follows(
    window: Callable[..., Any], services: list[HostingService], width: int
) -> None:
    """The bar appears with the first tick and counts; the run's page shows each row come to its end."""
    view = window(width).sign_in()
    page = view.open("/admin/hosting/hostingservice/")
    bar = page.locator(".bulk-bar")
    assert not bar.is_visible()
    page.get_by_label("Choose anna").check()
    page.get_by_label("Choose bob").check()
    assert "2 chosen" in bar.inner_text()
    page.get_by_label("All on this page").check()
    assert "3 chosen" in bar.inner_text()
    page.get_by_label("Choose carol").uncheck()
    bar.get_by_role("button", name="Suspend").click()
    page.get_by_label("Reason").fill("unpaid")
    page.get_by_role("button", name="Suspend 2 services").click()
    page.wait_for_url("**/admin/hosting/bulkrun/*/change/")
    run = BulkRun.objects.get()
    bulk.advance(run)
    page.get_by_text("Started").first.wait_for()
    first, second = Operation.objects.order_by("target_label")
    Operation.objects.filter(pk=first.pk).update(state=OperationState.SUCCEEDED)
    Operation.objects.filter(pk=second.pk).update(state=OperationState.FAILED, error={"detail": "disk full"})
    bulk.advance(run)
    page.locator("section").get_by_text("Of 2: 1 succeeded, 1 failed.").wait_for()
    assert "disk full" in page.locator("table").inner_text()
    assert page.get_by_role("button", name="Try 1 failed row again").is_visible()
    assert view.overflow() == 0


def test_many_are_chosen_and_deleted_without_scripts(
    window: Callable[..., Any], services: list[HostingService]
) -> None:
    """Choosing, confirming with the number, and looking again need no script."""
    page = window(390, java_script_enabled=False).sign_in().open("/admin/hosting/hostingservice/")
    page.get_by_label("Choose anna").check()
    page.get_by_label("Choose carol").check()
    page.locator(".bulk-bar").get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Prepare the deletion").click()
    page.get_by_label("Type 2, the number of services, to confirm").fill("2")
    page.get_by_label("Reason").fill("moved away")
    page.get_by_role("button", name="Delete 2 services").click()
    page.get_by_text("Running", exact=True).wait_for()
    run = BulkRun.objects.get()
    assert (run.kind, run.state) == (OperationKind.DELETE, BulkState.RUNNING)
    assert set(run.items.values_list("label", flat=True)) == {"anna", "carol"}
