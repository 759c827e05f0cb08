"""What is taken, in whatever order and spelling, and what is refused with which words."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from hosting.certificate_reader import MAX_TEXT, check_covers, check_dates, read_pair
from hosting.errors import HostingError
from hosting.names import covers
from hosting.state.tls import PEM_CHAIN, PEM_KEY
from hosting.trust import is_trusted
from tests.certificates import DAY, PEM, Authority, new_key
from tests.unit.certificates.making import RSA_KEY, above, certificate, pair, pem_of, small_curve

NAMES = ("example.com", "www.example.com")
CLIENT = ExtendedKeyUsageOID.CLIENT_AUTH


def _short() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 1024)  # noqa: S505 - what is to be refused


def refusal(chain: str, key: str) -> HostingError:
    with pytest.raises(HostingError) as raised:
        read_pair(chain, key)
    assert raised.value.hint, "it says what to do"
    return raised.value


@pytest.mark.parametrize("form", ["PKCS8", "TraditionalOpenSSL"])
@pytest.mark.parametrize("key", [RSA_KEY, new_key()], ids=["rsa", "ec"])
def test_keys_of_every_spelling_are_kept_in_one(authority: Authority, key: Any, form: str) -> None:
    chain, _key = pair(authority, *NAMES, key=key)
    found = read_pair(chain, f"Bag Attributes\n  friendlyName: x\n{pem_of(key, form)}\n")
    assert PEM_KEY.fullmatch(found.key_pem) and PEM_CHAIN.fullmatch(found.chain_pem)
    assert found.names == NAMES and found.issuer == "Test authority"
    assert found.key_type == ("RSA 2048" if key is RSA_KEY else "EC P-256")
    assert found.key_pem not in repr(found)


def test_a_chain_in_any_order_is_put_right(authority: Authority) -> None:
    key = new_key()
    leaf, root = certificate(authority, NAMES, key), authority.root.public_bytes(PEM).decode()
    other = certificate(Authority(), ["other.test"], new_key())
    wanted = leaf + above(authority)
    for text in (
        wanted,
        above(authority) + leaf,
        root + above(authority) + leaf + leaf,
        leaf + other + above(authority),
    ):
        assert read_pair(text.replace("\n", "\r\n"), pem_of(key)).chain_pem == wanted
    assert read_pair(pem_of(key) + wanted, "").chain_pem == wanted, "all in one file"
    assert read_pair(leaf, pem_of(key)).chain_pem == leaf, "an authority's own customers know it"


def test_a_self_signed_one_is_taken() -> None:
    key = new_key()
    own = certificate(None, ["example.com"], key)
    assert read_pair(own, pem_of(key)).chain_pem == own


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (lambda a, c, k: ("", k), "certificate_invalid", "no certificate"),
        (lambda a, c, k: ("x" * (MAX_TEXT + 1), k), "certificate_invalid", "longer"),
        (lambda a, c, k: (c, ""), "certificate_key_invalid", "no private key"),
        (lambda a, c, k: (c, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"), "certificate_key_invalid",
         "can't be read"),
        (lambda a, c, k: (c, pem_of(new_key(), password=b"secret")), "certificate_key_invalid", "password"),
        (lambda a, c, k: (c, pem_of(RSA_KEY, "TraditionalOpenSSL", b"secret")), "certificate_key_invalid", "password"),
        (lambda a, c, k: (c, pem_of(new_key())), "certificate_key_mismatch", "none of the"),
        (lambda a, c, k: (c, pem_of(_short())), "certificate_key_invalid", "1024"),
        (lambda a, c, k: (c, pem_of(small_curve())), "certificate_key_invalid", "kind"),
        (lambda a, c, k: (c, pem_of(ed25519.Ed25519PrivateKey.generate())), "certificate_key_invalid", "kind"),
        (lambda a, c, k: (c.replace("M", "!", 3), k), "certificate_invalid", "can't be read"),
        (lambda a, c, k: pair(a), "certificate_invalid", "no host"),
        (lambda a, c, k: pair(a, *(f"h{n}.test" for n in range(101))), "certificate_invalid", "more than 100"),
        (lambda a, c, k: pair(a, "example.com", usage=CLIENT), "certificate_invalid", "servers"),
        (lambda a, c, k: pair(a, "example.com", ends=200 * 366 * DAY), "certificate_invalid", "year 2"),
        (lambda a, c, k: (c.partition("-----BEGIN")[0] + certificate(a, NAMES, RSA_KEY) + above(Authority()),
                          pem_of(RSA_KEY)), "certificate_invalid", "vouches"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(authority: Authority, change: Any, code: str, words: str) -> None:
    chain, key = pair(authority, *NAMES)
    found = refusal(*change(authority, chain, key))
    assert found.code == code and words in found.detail


@pytest.mark.parametrize(
    "name",
    ["a b.test", "<script>.test", "x.test\n", "x.test\x00.y", "*.*.test", "a.*.test", "localhost", "", "x" * 300],
)
def test_a_name_that_is_none_spoils_it(authority: Authority, name: str) -> None:
    assert refusal(*pair(authority, "example.com", name)).code == "certificate_invalid"


def test_dates_and_names(authority: Authority) -> None:
    for options in ({"ends": -DAY, "begins": -2 * DAY}, {"begins": DAY}):
        old = read_pair(*pair(authority, *NAMES, **options))
        with pytest.raises(HostingError) as raised:
            check_dates(old)
        assert raised.value.code == "certificate_dates" and "20" in raised.value.detail
    good = read_pair(*pair(authority, "Example.com", "*.example.com"))
    check_dates(good)
    check_covers(good, "www.example.com")
    for host in ("a.b.example.com", "example.org", "xexample.com"):
        with pytest.raises(HostingError) as raised:
            check_covers(good, host)
        assert raised.value.code == "certificate_names"
    assert not covers(["*.com"], "com") and covers(["*.example.com"], "a.example.com")


def test_trust_is_what_browsers_would_say(known: Authority) -> None:
    chain, _key = pair(known, *NAMES)
    assert is_trusted(chain, "example.com") and not is_trusted(chain, "example.org")
    leaf = chain.partition("-----END CERTIFICATE-----\n")
    assert not is_trusted(leaf[0] + leaf[1], "example.com"), "without the intermediate"
    stranger, _key = pair(Authority(), *NAMES)
    assert not is_trusted(stranger, "example.com")
    old, _key = pair(known, *NAMES, begins=-3 * DAY, ends=-DAY)
    assert not is_trusted(old, "example.com")


def test_no_roots_no_trust(authority: Authority, settings: Any, tmp_path: Any) -> None:
    chain, _key = pair(authority, *NAMES)
    settings.NPANEL_TRUSTED_ROOTS = str(tmp_path / "none.pem")
    assert not is_trusted(chain, "example.com")
    (tmp_path / "none.pem").write_text("nothing")
    assert not is_trusted(chain, "example.com")


@pytest.mark.parametrize("digest", ["sha1", "md5"])
def test_weak_signatures_are_refused(tmp_path: Path, digest: str) -> None:
    """Made by another program: our library signs so no more."""
    (tmp_path / "key.pem").write_text(pem_of(RSA_KEY))
    argv = ["openssl", "req", "-x509", "-new", "-key", str(tmp_path / "key.pem"), f"-{digest}", "-subj", "/CN=x"]
    made = subprocess.run([*argv, "-addext", "subjectAltName=DNS:example.com"], capture_output=True, check=True)
    found = refusal(made.stdout.decode(), pem_of(RSA_KEY))
    assert found.code == "certificate_invalid" and "SHA-1" in found.detail
