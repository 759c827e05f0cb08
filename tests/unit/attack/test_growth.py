"""What refused attempts leave behind."""

import pytest
from django.test import Client

from accounts.models.throttle import Attempts
from tests.unit.accounts.doors import sign_in

pytestmark = pytest.mark.django_db


def test_refused_attempts_leave_no_rows(client: Client) -> None:
    statuses = [
        sign_in(client, f"nobody{number}@x.test", "wrong", ip="203.0.113.7").status_code for number in range(40)
    ]
    rows = Attempts.objects.count()
    statuses = [sign_in(client, f"more{number}@x.test", "wrong", ip="203.0.113.7").status_code for number in range(100)]
    assert set(statuses) == {429}
    assert Attempts.objects.count() <= rows + 2
