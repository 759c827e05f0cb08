"""The list of events is read-only, pages by key and searches by index."""

import html
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit.admin import search
from audit.models import Event
from audit.record import Target
from observability.context import bind_trace, new_trace_id

from .conftest import ALICE

LIST = "admin:audit_event_changelist"


@pytest.fixture
def operator(client: Client, db: None) -> Client:
    """A signed-in superuser, whatever fields the user model asks for."""
    model = get_user_model()
    fields = {name: f"{name}@example.test" for name in {model.USERNAME_FIELD, *model.REQUIRED_FIELDS}}
    client.force_login(model.objects.create_superuser(password="a long enough passphrase", **fields))
    return client


def ids_shown(page: Any) -> list[int]:
    """Ids of the events that the page links to, in its order."""
    found = re.findall(r"/event/(\d+)/change/", page.content.decode())
    return list(dict.fromkeys(int(number) for number in found))


def all_ids() -> list[int]:
    """Ids of all events, newest first; signing in left some too."""
    return list(Event.objects.order_by("-pk").values_list("pk", flat=True))


def link(page: Any, label: str) -> str | None:
    """Where the pager's link with this text leads, if it is there."""
    for address, text in re.findall(r'<a [^>]*href="(\?[^"]*)"[^>]*>(.*?)</a>', page.content.decode(), re.S):
        if re.sub(r"<[^>]*>", "", text).strip() == label:
            return html.unescape(address)
    return None


def follow(client: Client, page: Any, label: str) -> Any:
    """The page behind a link of the pager."""
    address = link(page, label)
    assert address, f"no link {label}"
    return client.get(reverse(LIST) + address)


def test_pages_follow_each_other_without_counting(operator: Client, happen: Callable[..., Event]) -> None:
    for _ in range(120):
        happen()
    made = all_ids()
    with CaptureQueriesContext(
        connection,
    ) as queries:
        first = operator.get(reverse(LIST))
    about_events = [query["sql"] for query in queries if "audit_event" in query["sql"]]
    assert len(about_events) == 1
    assert "COUNT" not in about_events[0]
    assert "OFFSET" not in about_events[0]
    assert ids_shown(first) == made[:50]
    second = follow(operator, first, "Older")
    assert ids_shown(second) == made[50:100]
    third = follow(operator, second, "Older")
    assert ids_shown(third) == made[100:]
    assert link(third, "Older") is None
    assert ids_shown(follow(operator, third, "Newer")) == made[50:100]
    assert ids_shown(follow(operator, third, "Newest")) == made[:50]


def test_a_filter_keeps_its_place(operator: Client, happen: Callable[..., Event]) -> None:
    failed = [happen(outcome="failed").pk for _ in range(60)][::-1]
    happen()
    first = operator.get(reverse(LIST), {"outcome__exact": "failed"})
    assert ids_shown(first) == failed[:50]
    assert ids_shown(follow(operator, first, "Older")) == failed[50:]


def test_nobody_adds_changes_or_deletes(operator: Client, happen: Callable[..., Event]) -> None:
    event = happen(after={"note": "<script>alert(1)</script>"})
    assert operator.get(reverse("admin:audit_event_add")).status_code == 403
    assert operator.get(reverse("admin:audit_event_delete", args=[event.pk])).status_code == 403
    page_url = reverse("admin:audit_event_change", args=[event.pk])
    assert operator.post(page_url, {"reason": "forged"}).status_code == 403
    page = operator.get(page_url).content.decode()
    assert event.trace_id in page
    assert "<script>alert(1)" not in page
    assert 'name="_save"' not in page


def test_search_finds_by_id_name_and_prefix(operator: Client, happen: Callable[..., Event]) -> None:
    with bind_trace(trace_id=new_trace_id()):
        shop = happen(target=Target("hosting.service", "1", "shop.example.test"))
    blog = happen(target=Target("hosting.service", "2", "blog.example.test"), node="n1")
    for term, expected in {
        shop.trace_id: {shop.pk},
        "shop.example.test": {shop.pk},
        "shop.": {shop.pk},
        "target:blog": {blog.pk},
        f"actor:{ALICE.login}": {shop.pk, blog.pk},
        "ali": {shop.pk, blog.pk},
        "verb:audit_test.happened": {shop.pk, blog.pk},
        "nothing like it": set(),
        "100%": set(),
    }.items():
        assert set(search(Event.objects.all(), term).values_list("pk", flat=True)) == expected, term
    assert ids_shown(operator.get(reverse(LIST), {"q": "shop."})) == [shop.pk]


def test_junk_in_the_address_is_harmless(operator: Client, happen: Callable[..., Event]) -> None:
    happen()
    for junk in ({"before": "x"}, {"before": "9" * 30}, {"after": "-1"}, {"before": "²"}):
        page = operator.get(reverse(LIST), junk)
        assert page.status_code == 200
        assert ids_shown(page) == all_ids()
