"""Certificates as people have them, right and wrong, and the panel's word on them."""

import datetime
from collections.abc import Iterable
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.certificates import DAY, PEM, Authority, new_key

RSA_KEY = rsa.generate_private_key(65537, 2048)


def pem_of(key: Any, form: str = "PKCS8", password: bytes = b"") -> str:
    """A private key as text."""
    cipher: Any = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return str(key.private_bytes(PEM, getattr(serialization.PrivateFormat, form), cipher).decode())


def certificate(
    authority: Authority | None,
    names: Iterable[str],
    key: Any,
    *,
    common: str = "somebody",
    digest: Any = None,
    begins: datetime.timedelta = -DAY,
    ends: datetime.timedelta = 90 * DAY,
    usage: Any = ExtendedKeyUsageOID.SERVER_AUTH,
) -> str:
    """A certificate as text, signed by the authority's intermediate or by its own key."""
    now = datetime.datetime.now(datetime.UTC)
    mine = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])
    signer = key if authority is None else authority._key
    builder = (
        x509.CertificateBuilder()
        .subject_name(mine)
        .issuer_name(mine if authority is None else authority.intermediate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + begins)
        .not_valid_after(now + ends)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    names = list(names)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([_raw(name) for name in names]), critical=False)
    made = builder.sign(signer, digest or hashes.SHA256())
    return made.public_bytes(PEM).decode()


def _raw(name: str) -> x509.DNSName:
    """A name however odd: the library would refuse some where they are made."""
    return x509.DNSName._init_without_validation(name)


def above(authority: Authority) -> str:
    """The authority's intermediate as text."""
    return authority.intermediate.public_bytes(PEM).decode()


def pair(authority: Authority, *names: str, **options: Any) -> tuple[str, str]:
    """A whole chain and its key, as texts."""
    key = options.pop("key", None) or new_key()
    return certificate(authority, names, key, **options) + above(authority), pem_of(key)


def small_curve() -> Any:
    """A key that browsers do not take."""
    return ec.generate_private_key(ec.SECP224R1())
