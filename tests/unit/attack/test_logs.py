"""Keys that open an account do not belong into logs."""

import json
import re
from typing import Any

import pytest
from django.test import Client

from tests import factories, people
from tests.unit.accounts.doors import PORTAL, letters

pytestmark = pytest.mark.django_db


def test_the_key_of_a_reset_letter_is_in_no_log(portal: None, client: Client, caplog: Any) -> None:
    owner = people.member(factories.make_customer())
    client.post(f"{PORTAL}password/reset/", {"email": owner.email})
    link = re.search(r"https?://[^/\s]+(/\S+/key/\S+)", letters()[0].body)
    assert link
    key = link[1].rstrip("/").rpartition("/")[2]
    caplog.clear()
    caplog.set_level("INFO")
    client.get(link[1])
    said = [json.dumps(record.__dict__, default=str) for record in caplog.records]
    assert said and not [line for line in said if key in line], key
