"""Keys for accounts and certificates, and what an authority is asked to sign."""

from collections.abc import Sequence

from acme import crypto_util
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat


def new_account_key() -> str:
    """A new P-256 key that an account signs its requests with, as PKCS #8 PEM text."""
    return _new_key()


def new_certificate_key() -> str:
    """A new P-256 key for a certificate, as PKCS #8 PEM text. Every certificate gets one of its own."""
    return _new_key()


def request_for(names: Sequence[str], key_pem: str) -> bytes:
    """A certificate signing request (PKCS #10, PEM) for host names."""
    return bytes(crypto_util.make_csr(key_pem.encode(), list(names)))


def _new_key() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
