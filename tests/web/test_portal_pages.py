"""The portal's pages, tried by an owner, a manager, a viewer, strangers, resellers and operators."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.urls import reverse

from accounts.choices import MemberAccess
from hosting.choices import ServiceState
from hosting.models import DnsRecord, Operation
from hosting.portal import pages
from tests import factories, people
from tests.web import rows
from tests.web.pages import words
from tests.web.portal import Account, account, signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("customer_interface")]


@pytest.fixture
def anna() -> Account:
    """The account that the tests look at."""
    return account()


@pytest.fixture
def other() -> Account:
    """Somebody else's, of another reseller."""
    return account("berta", "berta.example")


def subjects(own: Account) -> dict[str, str]:
    """Every page about one thing of an account."""
    ids = {
        "service": own.service.pk, "service_php": own.service.pk, "domain": own.domain.pk, "preview": own.domain.pk,
        "domain_remove": own.second.pk, "dns": own.domain.pk, "record_add": own.domain.pk,
        "record_change": own.record.pk, "record_delete": own.record.pk, "database_delete": own.database.pk,
        "database_user_password": own.user.pk, "database_user_delete": own.user.pk, "operation": own.operation.pk,
        "operation_live": own.operation.pk,
    }  # fmt: skip
    found = {name: reverse(f"portal:{name}", args=(pk,)) for name, pk in ids.items()}
    found |= {name: reverse(f"portal:{name}", args=(own.mail.pk,)) for name in (*MAIL_LOOKS, *MAIL_FORMS)}
    found["mail_enable"] = reverse("portal:mail_enable", args=(own.domain.pk,))
    found |= {name: reverse(f"portal:{name}", args=(own.mailbox.pk,)) for name in ("mailbox", *BOX_FORMS)}
    found |= {name: reverse(f"portal:{name}", args=(own.alias.pk,)) for name in ("alias_change", "alias_delete")}
    found["record_add_mx"] = reverse("portal:record_add_kind", args=(own.domain.pk, "mx"))
    for name in ("domain_add", "database_add", "database_user_add", "activity"):
        found[name] = reverse(f"portal:{name}") + f"?service={own.service.pk}"
    return found


MAIL_LOOKS = ("mail_domain", "mail_addresses", "mail_delivery", "mail_programs")
MAIL_FORMS = ("mail_catch_all", "mail_deliver", "mail_rotate", "mail_disable", "mailbox_add", "alias_add")
BOX_FORMS = tuple(
    f"mailbox_{name}" for name in ("limits", "forward", "password", "answer", "suspend", "resume", "delete")
)
LOOKING = {
    "service", "domain", "preview", "dns", "operation", "operation_live", "activity", "mailbox", *MAIL_LOOKS
}  # fmt: skip
LISTS = ("home", "domains", "mail", "databases", "activity", "people")
OF_RESELLERS = ("services", "customers", "customer_add", "plans", "plan_add")


@pytest.mark.parametrize("access", list(MemberAccess))
def test_members_see_all_and_change_by_their_access(anna: Account, access: str) -> None:
    """A viewer looks at everything; pages that change something answer 403 to them alone."""
    client = signed_in(anna.person(access))
    for name, url in subjects(anna).items():
        wanted = 200 if name in LOOKING or access != MemberAccess.VIEWER else 403
        assert client.get(url).status_code == wanted, name
    for name in LISTS:
        assert client.get(reverse(f"portal:{name}")).status_code == 200, name


def test_strangers_get_404(anna: Account, other: Account) -> None:
    """What is another customer's is not there, nor named on a list; the same for another reseller."""
    for client in (signed_in(other.person()), signed_in(people.reseller(other.reseller))):
        for name, url in subjects(anna).items():
            if name != "activity":
                assert client.get(url).status_code == 404, name
        for name in LISTS:
            assert "anna" not in client.get(reverse(f"portal:{name}")).content.decode(), name
        for name in ("approve", "cancel", "retry", "discard", "undo"):
            url = reverse(f"portal:operation_{name}", args=(anna.operation.pk,))
            assert client.post(url).status_code == 404, name


def test_a_reseller_opens_a_customers_pages(anna: Account) -> None:
    """The reseller of the customer sees and may do what the owner may, and has pages of their own."""
    client = signed_in(people.reseller(anna.reseller))
    for name, url in subjects(anna).items():
        assert client.get(url).status_code == 200, name
    for name in (*LISTS, *OF_RESELLERS):
        assert client.get(reverse(f"portal:{name}")).status_code == 200, name


def test_customers_have_no_resellers_pages(anna: Account) -> None:
    """An owner is no reseller."""
    client = signed_in(anna.person())
    for name in OF_RESELLERS:
        assert client.get(reverse(f"portal:{name}")).status_code == 403, name
    for name in ("suspend", "resume", "delete"):
        assert client.post(reverse(f"portal:service_{name}", args=(anna.service.pk,))).status_code == 403


@pytest.mark.parametrize("person", [people.admin, people.support])
def test_operators_are_not_let_in(anna: Account, person: Callable[[], object]) -> None:
    """Operators have an interface of their own; here they are refused, or asked to sign in as somebody else."""
    client = signed_in(person())  # type: ignore[arg-type]
    assert client.get(reverse("portal:home")).status_code in (302, 403)
    assert client.get(subjects(anna)["domain"]).status_code in (302, 403)


def test_nothing_is_changed_by_looking(anna: Account) -> None:
    """No page does anything when it is only opened; buttons refuse GET."""
    client = signed_in(anna.person())
    before = (Operation.objects.count(), DnsRecord.objects.count())
    for url in subjects(anna).values():
        client.get(url)
    for name in ("approve", "cancel", "retry", "discard", "undo"):
        assert client.get(reverse(f"portal:operation_{name}", args=(anna.operation.pk,))).status_code == 405
    assert (Operation.objects.count(), DnsRecord.objects.count()) == before


def test_a_suspended_service_says_so(anna: Account) -> None:
    """In plain words, on the overview and on its pages; and nothing can be changed."""
    anna.service.state = ServiceState.SUSPENDED
    anna.service.save()
    client = signed_in(anna.person())
    for url in (reverse("portal:home"), subjects(anna)["domain"], subjects(anna)["dns"]):
        assert "anna is suspended" in words(client.get(url)), url
    assert client.get(subjects(anna)["record_add"]).status_code == 403
    assert "Add record" not in words(client.get(subjects(anna)["dns"]))


def test_the_overview_of_an_empty_account() -> None:
    """Somebody for whom nothing is hosted yet reads what happens next, and no page fails."""
    client = signed_in(people.member(factories.make_customer()))
    assert "Nothing is hosted for you yet" in words(client.get(reverse("portal:home")))
    for name in LISTS:
        assert client.get(reverse(f"portal:{name}")).status_code == 200, name


def test_usage_is_beside_the_limit(anna: Account) -> None:
    """Domains, databases and users in use, of how many."""
    page = words(signed_in(anna.person()).get(reverse("portal:home")))
    assert "Domains 2 of 10" in page and "Databases 1 of 10" in page and "Database users 1 of 10" in page


def test_pages_are_not_kept_by_caches(anna: Account, client: Client) -> None:
    """What a customer sees stays out of shared and browser caches."""
    client = signed_in(anna.person())
    for name, url in subjects(anna).items():
        assert client.get(url)["Cache-Control"] == "no-store", name


def test_markup_in_every_text_stays_text(anna: Account) -> None:
    """What people wrote (names, records, reasons, plans) is shown as text, wherever it is shown."""
    evil = "<b>x</b><script>alert(1)</script>"
    type(anna.service.customer).objects.update(name=evil)
    type(anna.plan).objects.update(name=evil)
    DnsRecord.objects.filter(pk=anna.record.pk).update(content=evil)
    Operation.objects.update(reason=evil, actor_login=evil, error={"detail": evil, "hint": evil, "code": evil})
    for client in (signed_in(anna.person()), signed_in(people.reseller(anna.reseller))):
        for name, url in [*subjects(anna).items(), *((name, reverse(f"portal:{name}")) for name in LISTS)]:
            page = client.get(url).content.decode()
            assert "<script>alert" not in page and "<b>x" not in page, name


@pytest.mark.parametrize(
    ("name", "most"), [("home", 40), ("domains", 14), ("mail", 14), ("databases", 16), ("activity", 12)]
)
def test_lists_ask_as_often_for_many_as_for_few(
    anna: Account, django_assert_max_num_queries: Any, name: str, most: int
) -> None:
    """Queries of a list do not grow with its rows."""
    for number in range(12):
        rows.mail(rows.domain(anna.service, f"more{number}.example"))
        rows.database(anna.service, f"more{number}")
        rows.operation(anna.service, kind="dns_change")
    client = signed_in(anna.person())
    with django_assert_max_num_queries(most):
        assert client.get(reverse(f"portal:{name}")).status_code == 200


def test_the_next_page_of_a_long_list(anna: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list goes on where it ended: each row once."""
    monkeypatch.setattr(pages, "PAGE_SIZE", 3)
    for number in range(6):
        rows.domain(anna.service, f"more{number}.example")
    client, url, seen = signed_in(anna.person()), reverse("portal:domains"), []
    while url:
        found = client.get(url).context["rows"]
        seen += [row.name for row in found.rows]
        url = f"{reverse('portal:domains')}?{urlencode({'after': found.after})}" if found.after else ""
    assert seen == sorted(seen) and len(seen) == len(set(seen)) == 8
