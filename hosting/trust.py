"""Whether browsers would trust a certificate: its chain is followed to a root that this machine trusts."""

import re
import ssl
import warnings
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from cryptography import x509
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError
from django.conf import settings

_BLOCK = re.compile(rb"-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----")


def is_trusted(chain_pem: str, host: str, now: datetime | None = None) -> bool:
    """Whether a chain leads to a trusted root and its certificate is for the host, by the rules of the public web.

    Args:
        chain_pem: the certificate first. host: a host name that it is for.
    """
    store = _roots()
    if store is None:
        return False
    leaf, *above = x509.load_pem_x509_certificates(chain_pem.encode())
    policy = PolicyBuilder().store(store).time(now or datetime.now(UTC))
    try:
        policy.build_server_verifier(x509.DNSName(host)).verify(leaf, above)
    except (VerificationError, ValueError):
        return False
    return True


def _roots() -> Store | None:
    path = Path(settings.NPANEL_TRUSTED_ROOTS or ssl.get_default_verify_paths().openssl_cafile)
    try:
        return _read(path, path.stat().st_mtime_ns)
    except OSError:
        return None


@lru_cache(maxsize=4)
def _read(path: Path, _changed: int) -> Store | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)  # some old roots have odd serial numbers
        found = [root for block in _BLOCK.findall(path.read_bytes()) for root in _parsed(block)]
    return Store(found) if found else None


def _parsed(block: bytes) -> list[x509.Certificate]:
    """A root, or nothing: one that can't be read keeps the others from nothing."""
    try:
        return [x509.load_pem_x509_certificate(block)]
    except ValueError:
        return []
