"""The page that says what is kept, for how long, and on how much disk."""

import datetime

import pytest
from django.test import Client
from django.utils import timezone

from observability.models import RetentionRun
from tests.web.pages import words

pytestmark = pytest.mark.django_db


def test_the_page_shows_what_was_measured_and_nothing_else(admin_client: Client) -> None:
    empty = words(admin_client.get("/admin/kept/"))
    assert "Nothing has run yet" in empty
    assert "not yet" in empty
    use = {"hot_bytes": 5 * 1024**2, "archived_bytes": 2048, "bytes_per_day": 1024.0, "written_per_year": 1024.0 * 365}
    now = timezone.now()
    RetentionRun.objects.create(
        kind="app",
        state="succeeded",
        started_at=now - datetime.timedelta(minutes=1),
        finished_at=now,
        archived=3,
        use=use,
    )
    RetentionRun.objects.create(
        kind="operations", state="failed", started_at=now, finished_at=now, error="The archive storage failed."
    )

    shown = words(admin_client.get("/admin/kept/"))
    assert "Application logs 14 days 30 days 5.0 MB 2.0 KB 1.0 KB 365.0 KB" in shown.replace("\xa0", " ")
    assert "The archive storage failed." in shown
    assert "What is kept" in words(admin_client.get("/admin/"))


def test_strangers_do_not_get_it(client: Client) -> None:
    assert client.get("/admin/kept/").status_code in (302, 403)
