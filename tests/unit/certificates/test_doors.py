"""The same use cases through the API and commands; strangers and onlookers get nothing, nobody gets a key."""

from pathlib import Path
from typing import Any

import pytest

from accounts.choices import MemberAccess
from hosting.models import Certificate, Domain
from tests import factories, people
from tests.certificates import Authority
from tests.unit.api.caller import Caller, code
from tests.unit.certificates.making import pair
from tests.unit.commands.conftest import Manage, manage
from tests.unit.services.world import World

__all__ = ["manage"]

pytestmark = pytest.mark.django_db
SITE = ("example.com", "www.example.com")


@pytest.fixture
def owner(customer_interface: None, domain: Domain) -> Caller:
    return Caller(people.member(domain.service.customer))


def test_the_api_takes_shows_switches_and_removes(
    world: World, domain: Domain, owner: Caller, known: Authority
) -> None:
    chain, key = pair(known, *SITE)
    body = {"domain": domain.pk, "chain": chain, "private_key": key}
    assert owner.post("certificates", body).status_code == 202
    world.work()
    (row,) = owner.get("certificates").json()["results"]
    assert (row["domains"], row["names"], row["state"]) == ([domain.pk], list(SITE), "valid")
    assert "private_key" not in row and "private_key_sealed" not in row and row["chain_pem"] == chain
    assert owner.get(f"certificates?domain={domain.pk}").json()["results"] == [row]
    assert owner.post(f"domains/{domain.pk}/https", {"redirect": True, "hsts": True}).status_code == 202
    world.work()
    shown = owner.get(f"domains/{domain.pk}").json()
    assert (shown["certificate"], shown["https_redirect"], shown["hsts"]) == (row["id"], True, True)
    assert code(owner.delete(f"certificates/{row['id']}")) == (409, "hsts_on")
    owner.post(f"domains/{domain.pk}/https", {"redirect": False})
    world.work()
    assert owner.delete(f"certificates/{row['id']}").status_code == 202
    world.work()
    assert owner.get("certificates").json()["results"] == []


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"private_key": ""}, "certificate_key_invalid"),
        ({"chain": "x"}, "certificate_invalid"),
        ({"chain": "x" * 70_000}, "invalid"),
        ({"chain": None}, "invalid"),
        ({"domain": 987654}, "invalid"),
    ],
)
def test_what_is_wrong_is_a_problem(
    domain: Domain, owner: Caller, authority: Authority, change: Any, wrong: str
) -> None:
    chain, key = pair(authority, *SITE)
    answer = owner.post("certificates", {"domain": domain.pk, "chain": chain, "private_key": key} | change)
    assert code(answer) == (422, wrong)
    assert key.splitlines()[1] not in answer.content.decode() and not Certificate.objects.exists()


def test_strangers_onlookers_and_narrow_tokens(
    world: World, domain: Domain, owner: Caller, authority: Authority
) -> None:
    chain, key = pair(authority, *SITE)
    body = {"domain": domain.pk, "chain": chain, "private_key": key}
    owner.post("certificates", body)
    world.work()
    row = Certificate.objects.get()
    stranger = Caller(people.member(factories.make_customer(name="Else")))
    viewer = Caller(people.member(domain.service.customer, MemberAccess.VIEWER))
    narrow = Caller(people.member(domain.service.customer), "certificate:read")
    assert stranger.get(f"certificates/{row.pk}").status_code == 404
    assert stranger.ids("certificates") == [] and stranger.delete(f"certificates/{row.pk}").status_code == 404
    assert code(stranger.post("certificates", body)) == (422, "invalid")
    assert stranger.post(f"domains/{domain.pk}/https", {"redirect": True}).status_code == 404
    for who in (viewer, narrow):
        assert who.get(f"certificates/{row.pk}").status_code == 200
        assert who.post("certificates", body).status_code == 403
        assert who.delete(f"certificates/{row.pk}").status_code == 403
        assert who.post(f"domains/{domain.pk}/https", {"redirect": True}).status_code == 403
    assert Certificate.objects.count() == 1


def test_commands_upload_list_switch_and_remove(
    world: World, domain: Domain, manage: Manage, authority: Authority, tmp_path: Path
) -> None:
    chain, key = pair(authority, *SITE)
    (tmp_path / "c.pem").write_text(chain)
    (tmp_path / "k.pem").write_text(key)
    files = (str(tmp_path / "c.pem"), "--key", str(tmp_path / "k.pem"))
    planned = manage("cert_upload", "example.com", *files, "--plan-only")
    assert planned.status == 2 and "+ Certificate example.com" in planned.out
    assert key.splitlines()[1] not in planned.out + planned.err
    world.work()
    assert manage("cert_list").out.strip() == "There are none."
    assert manage("cert_upload", "example.com", "-", "--yes", piped=chain + key).status == 0
    listed = manage("cert_list", "--json").data["certificates"]
    assert [(row["domains"], row["state"]) for row in listed] == [(["example.com"], "valid")]
    assert manage("cert_list", "--domain", "example.com").out.rstrip().endswith("example.com")
    assert manage("cert_list", "--ends-within", "30").status == 0
    assert manage("cert_list", "--ends-within", "100").status == 2
    assert manage("domain_https", "example.com", "--redirect", "on", "--yes").status == 0
    domain.refresh_from_db()
    assert domain.https_redirect
    refused = manage("domain_https", "example.com", "--hsts", "on", "--yes")
    assert refused.status == 1 and "certificate_untrusted" in refused.err
    assert manage("cert_remove", "example.com", "--yes").status == 0
    assert not Certificate.objects.exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("cert_upload", "nothing.test", "-", "--yes"), "not_found"),
        (("cert_upload", "example.com", "/nowhere", "--yes"), "can't be read"),
        (("cert_upload", "example.com", "-", "--yes"), "certificate_key_invalid"),
        (("cert_remove", "example.com", "--yes"), "not_found"),
        (("domain_https", "example.com", "--redirect", "on", "--yes"), "no_certificate"),
    ],
)
def test_commands_say_what_is_wrong(domain: Domain, manage: Manage, arguments: tuple[str, ...], said: str) -> None:
    ran = manage(*arguments)
    assert ran.status == 1 and said in ran.err
