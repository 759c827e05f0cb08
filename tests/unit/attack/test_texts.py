"""Control characters and addresses where they end up in letters, terminals, payloads."""

import pytest

from accounts.models import Customer
from tests import factories, people
from tests.unit.api.caller import Caller

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("bad", ["Bank\nBcc: all@x.test", "Bank\u2028x", "Bank\x1b[2Jx"])
def test_a_customers_name_is_one_line(customer_interface: None, bad: str) -> None:
    reseller = factories.make_reseller()
    answer = Caller(people.reseller(reseller)).post("customers", {"name": bad})
    assert answer.status_code == 422, answer.json()
    assert not Customer.objects.exists()


@pytest.mark.parametrize("bad", ["why\nnot", "why\x1b[2J", "why\u2028not"])
def test_a_reason_is_one_line(customer_interface: None, bad: str) -> None:
    service = factories.make_service()
    answer = Caller(people.member(service.customer)).post(f"services/{service.pk}/apply", {"reason": bad})
    assert answer.status_code == 422, answer.json()


def test_a_letter_survives_the_name_of_the_customer(customer_interface: None) -> None:
    from accounts.letters import write

    customer = factories.make_customer(name="Bank\nBcc: all@x.test")
    user = people.member(customer)
    letter = write(
        "account/email/invitation", user.email, {"user": user, "company": str(customer), "new": True, "url": "x"}
    )
    assert "\n" not in letter.subject
    letter.message()
