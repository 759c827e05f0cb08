"""The API's lists: p95 of a page of services, asked with a token as a program does, at many services."""

import os
import statistics
import time
from collections.abc import Iterator

FULL = os.environ.get("FULL") == "1"
#: Services in the list.
MANY = 100_000 if FULL else 5_000
_ASKED, _WARM = 200, 10
_BATCH = 2_000


def figures() -> Iterator[tuple[str, float]]:
    """``api.list_p95_ms``: pages of 50 from the front, the middle and by filter, each with what a token costs."""
    from django.conf import settings
    from django.test import Client

    from accounts.models import User
    from tests.people import admin
    from tests.unit.api.caller import token_for

    _fill(MANY)
    settings.NPANEL_API_RATE_TOKEN = "100000/s"
    settings.ALLOWED_HOSTS = ["*"]
    user: User = admin()
    _row, token = token_for(user)
    client = Client(headers={"Authorization": f"Bearer {token}"})
    paths, seconds = _paths(client), []
    for number in range(_WARM + _ASKED):
        began = time.perf_counter()
        answer = client.get(paths[number % len(paths)])
        if number >= _WARM:
            seconds.append(time.perf_counter() - began)
        if answer.status_code != 200:
            raise RuntimeError(f"{answer.status_code} {answer.content[:200]!r}")
    yield "api.list_rows", float(MANY)
    yield "api.list_p95_ms", statistics.quantiles(seconds, n=20)[18] * 1000
    yield "api.list_median_ms", statistics.median(seconds) * 1000


def _paths(client: object) -> list[str]:
    """Addresses of a first page, a later one, one by filter and one in another order."""
    body = client.get("/api/v1/services?limit=50").json()  # type: ignore[attr-defined]
    later = body["next"].partition("//testserver")[2] or body["next"]
    return [
        "/api/v1/services",
        later,
        "/api/v1/services?state=active",
        "/api/v1/services?ordering=username",
        "/api/v1/customers",
    ]


def _fill(many: int) -> None:
    """Rows as bulk inserts: a list reads rows, however they came to be."""
    from accounts.models import Customer
    from hosting.models import HostingService
    from tests.factories import make_node, make_plan

    plan, node = make_plan(), make_node()
    for first in range(0, many, _BATCH):
        numbers = range(first, min(first + _BATCH, many))
        Customer.objects.bulk_create(Customer(name=f"bench {number}") for number in numbers)
        customers = Customer.objects.filter(name__startswith="bench ").order_by("-pk")[: len(numbers)]
        HostingService.objects.bulk_create(
            HostingService(
                customer=customer, plan=plan, node=node, username=f"b{number}", username_key=f"b{number}",
                php_version="8.2", state="active",
            )
            for number, customer in zip(numbers, customers, strict=True)
        )  # fmt: skip
