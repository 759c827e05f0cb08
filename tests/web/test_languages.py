"""A person reads the console's errors in the language of their browser; what is kept stays English."""

import pytest
from django.test import Client

from hosting.choices import OperationState
from hosting.errors import HostingError
from hosting.models import HostingPlan, HostingService, Node
from hosting.operations.journal import error_json
from hosting.texts import N_
from tests import factories
from tests.web import rows
from tests.web.pages import words

pytestmark = pytest.mark.django_db

GERMAN = {"HTTP_ACCEPT_LANGUAGE": "de"}
TAKEN = HostingError(
    N_("The domain %(name)s is already hosted here.", name="anna.example"), hint=N_("Choose another one.")
)


@pytest.fixture
def service() -> HostingService:
    return rows.service("anna", "anna.example", node=rows.node("web-1"), plan=factories.make_plan(name="Starter"))


def test_an_operation_that_failed(admin_client: Client, service: HostingService) -> None:
    failed = rows.operation(service, state=OperationState.FAILED, error=error_json(TAKEN))
    page = f"/admin/hosting/operation/{failed.pk}/change/"
    german, english = words(admin_client.get(page, **GERMAN)), words(admin_client.get(page))
    assert "Die Domain anna.example wird hier bereits gehostet." in german and "Wählen Sie einen anderen." in german
    assert "The domain anna.example is already hosted here." in english and "Choose another one." in english


def test_an_operation_that_failed_before_texts_were_kept(admin_client: Client, service: HostingService) -> None:
    failed = rows.operation(
        service, state=OperationState.FAILED, error={"detail": "The disk is full.", "hint": "Wait."}
    )
    page = words(admin_client.get(f"/admin/hosting/operation/{failed.pk}/change/", **GERMAN))
    assert "The disk is full." in page and "Wait." in page


def test_a_refused_form(admin_client: Client, service: HostingService) -> None:
    factories.make_customer(name="Ada")
    plan, node = HostingPlan.objects.first(), Node.objects.first()
    assert plan and node
    data = {"customer": "Ada", "plan": plan.pk, "node": node.pk, "domain": "anna.example"}
    answer = admin_client.post("/admin/hosting/hostingservice/add/", data, **GERMAN)
    assert "Die Domain anna.example wird hier bereits gehostet." in words(answer)
