"""The page on performance: what it shows with samples, with few, and with none."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from observability.models import HealthPeriod, Sample
from tests import people
from tests.web.pages import words
from tests.web.portal import signed_in
from tests.web.shots_performance import performance

pytestmark = pytest.mark.django_db
PAGE = "/admin/performance/"


@pytest.fixture
def client() -> Client:
    """Support may look."""
    return signed_in(people.support())


def test_a_day_of_samples_is_drawn_and_told(client: Client) -> None:
    performance()
    answer = client.get(PAGE)
    page, said = answer.content.decode(), words(answer)
    assert page.count('class="perf-chart"') == 8
    lines = re.findall(r'<polyline points="([^"]+)"', page)
    assert len(lines) >= 16, "an hour nobody measured parts each line"
    places = [float(number) for line in lines for number in re.split("[ ,]", line)]
    assert all(0 <= place <= 96 for place in places)
    assert "a second" in said and "nginx" in said and "powerdns" in said
    assert re.search(r"Full in about (10|11) days", said)
    assert "at most 2 % in the last 24 hours" in page, "errors at noon, in words"
    assert "style=" not in page.partition("<main")[2]


def test_every_chart_has_its_numbers_by_the_hour(client: Client) -> None:
    performance()
    page = client.get(PAGE).content.decode()
    tables = re.findall(r'<details class="perf-numbers".*?</details>', page, re.DOTALL)
    assert [table.count("<tr>") for table in tables] == [25] * 8


def test_without_samples_it_says_so(client: Client) -> None:
    said = words(client.get(PAGE))
    assert "Nothing was measured in the last 24 hours" in said
    assert "Too little is known yet" in said
    assert "No operation has ended between two samples of the last 24 hours" in said


def test_a_level_disk_has_no_trend(client: Client) -> None:
    now = timezone.now().replace(second=0, microsecond=0)
    Sample.objects.bulk_create(Sample(at=now - timedelta(hours=hours), disk=0.4, data={}) for hours in range(30, 80))
    assert "No trend" in words(client.get(PAGE))


def test_nodes_are_as_bad_as_their_worst_check(client: Client) -> None:
    now = timezone.now()
    for node, check, status in (("a", "ssh", "up"), ("a", "dns", "degraded"), ("b", "ssh", "up"), ("c", "ssh", "down")):
        HealthPeriod.objects.create(check_name=check, node=node, status=status, began_at=now, seen_at=now,
                                    open_key=f"{check}|{node}")  # fmt: skip
    assert "down c degraded a up b" in words(client.get(PAGE))


def test_only_operators_look_and_nobody_writes(client: Client) -> None:
    assert client.post(PAGE).status_code == 405
    assert Client().get(PAGE).status_code == 302
    assert "/admin/performance/" in client.get("/admin/health/").content.decode()
