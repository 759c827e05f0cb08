"""Hostile certificates: huge, broken, looping, with markup for names; none of it is kept, costs much, or is shown."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from hosting.certificate_reader import MAX_TEXT, read_pair
from hosting.errors import HostingError
from hosting.models import Certificate
from tests import factories, people
from tests.certificates import PEM, Authority, new_key
from tests.unit.api.caller import Caller
from tests.unit.certificates.making import above, certificate, pair, pem_of

pytestmark = pytest.mark.django_db
BEGIN, END = "-----BEGIN CERTIFICATE-----\n", "-----END CERTIFICATE-----\n"


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


def refused(chain: str, key: str) -> str:
    with pytest.raises(HostingError) as raised:
        read_pair(chain, key)
    return raised.value.code


@pytest.mark.parametrize(
    "chain",
    [
        BEGIN * 2000,
        (BEGIN + "A" * 100 + "\n" + END) * 400,
        BEGIN + "A" * 60_000 + "\n" + END,
        BEGIN + "\x00" * 500 + END,
        "-" * (MAX_TEXT - 400),
        "-----BEGIN " * 5000,
        "-----BEGIN PRIVATE KEY-----" * 2000,
        BEGIN + "\u2028😀" * 100 + END,
        BEGIN + "MIIB\n" + "-----END X509 CRL-----",
    ],
)
def test_no_text_breaks_the_reader(chain: str) -> None:
    for key in (pem_of(new_key()), chain, ""):
        assert refused(chain, key) in ("certificate_invalid", "certificate_key_invalid")


def test_a_certificate_cut_or_changed_anywhere_is_a_refusal_and_no_crash(authority: Authority) -> None:
    chain, key = pair(authority, "example.com")
    for cut in range(0, len(chain), 37):
        changed = chain[:cut] + ("B" if chain[cut] != "B" else "C") + chain[cut + 1 :]
        for text in (chain[:cut], changed):
            try:
                read_pair(text, key)
            except HostingError as error:
                assert error.code.startswith("certificate_")


def test_authorities_that_vouch_for_each_other_end(authority: Authority) -> None:
    """A loop of names, a crowd of copies: the chain ends, and holds each once."""
    key = new_key()
    leaf = certificate(authority, ["example.com"], key)
    root = authority.root.public_bytes(PEM).decode()
    found = read_pair((leaf + above(authority) + root) * 3, pem_of(key))
    assert found.chain_pem == leaf + above(authority)
    many = leaf + "".join(certificate(None, [f"h{n}.test"], new_key()) for n in range(9))
    assert refused(many, pem_of(key)) == "certificate_invalid", "none of them vouches for it"
    assert refused(many + above(authority), pem_of(key)) == "certificate_invalid", "too many"


def test_a_huge_key_is_refused_before_it_costs(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its checks would take minutes: only its size is looked at."""
    first, second = (1 << 8191) | 1, (1 << 8191) | 3
    public = rsa.RSAPublicNumbers(65537, first * second)
    numbers = rsa.RSAPrivateNumbers(first, second, d=3, dmp1=3, dmq1=3, iqmp=3, public_numbers=public)
    huge = numbers.private_key(unsafe_skip_rsa_key_validation=True)
    chain, _key = pair(authority, "example.com")
    assert refused(chain, pem_of(huge)) == "certificate_key_invalid"


@pytest.mark.parametrize("common", ["<script>alert(1)</script>", "a\nb\x1b[2J", "‮evil", "x" * 64, "{{ 7*7 }}"])
def test_words_of_a_stranger_stay_words(customer_interface: None, common: str) -> None:
    service = factories.make_service()
    domain = factories.make_domain(service, "example.com")
    key = new_key()
    own = certificate(None, ["example.com"], key, common=common)
    caller = Caller(people.member(service.customer))
    body: dict[str, Any] = {"domain": domain.pk, "chain": own, "private_key": pem_of(key)}
    assert caller.post("certificates", body).status_code == 202
    issuer = Certificate.objects.get().issuer
    assert issuer.isprintable() and issuer in "".join(c for c in common if c.isprintable())
    assert caller.get("certificates").json()["results"][0]["issuer"] == issuer


def test_a_key_is_in_no_refusal(customer_interface: None, authority: Authority) -> None:
    service = factories.make_service()
    domain = factories.make_domain(service, "example.com")
    chain, key = pair(authority, "other.test")
    caller = Caller(people.member(service.customer))
    for body in (
        {"chain": chain, "private_key": key},
        {"chain": key, "private_key": key},
        {"chain": chain + key, "private_key": ""},
        {"chain": chain, "private_key": key + "x" * MAX_TEXT},
        {"chain": chain, "private_key": [key]},
    ):
        answer = caller.post("certificates", {"domain": domain.pk, **body})
        assert answer.status_code == 422
        assert key.splitlines()[1] not in answer.content.decode()
