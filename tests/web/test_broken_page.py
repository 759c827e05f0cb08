"""The page of a request that broke: without the database, with the trace, and for operators the way to its story."""

import re

import pytest
from django.test import Client, RequestFactory, override_settings

from npanel.broken_page import broken
from tests import people
from tests.unit.audit.refusal import table_away

pytestmark = pytest.mark.django_db


@pytest.fixture
def client() -> Client:
    """A browser that is shown the page instead of the exception."""
    client = Client(raise_request_exception=False)
    client.force_login(people.admin())
    return client


@pytest.mark.django_db(transaction=True)
def test_the_trace_leads_to_its_story(client: Client) -> None:
    """The page's link has the id that the answer's header and the log line have; what broke is not on it."""
    with table_away("observability_healthperiod"), override_settings(DEBUG=False):
        page = client.get("/admin/health/")
    text = page.content.decode()
    found = re.search(r'href="/admin/timeline/([0-9a-f]{32})/"', text)
    assert page.status_code == 500 and found is not None
    assert found[1] == page["X-Trace-Id"]
    assert "healthperiod" not in text


def test_customers_get_the_number_alone() -> None:
    """Their interface has no such page; and no context processor is asked, for it may be what broke."""
    request = RequestFactory().get("/portal/")
    request.trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"  # type: ignore[attr-defined]
    with override_settings(ROOT_URLCONF="npanel.urls_portal"):
        text = broken(request).content.decode()
    assert "<code>4bf92f3577b34da6a3ce929d0e0e4736</code>" in text and "timeline" not in text
