"""Whether browsers would trust a certificate: its chain is followed to a root that this machine trusts."""

import ssl
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError
from django.conf import settings


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
    try:
        return Store(x509.load_pem_x509_certificates(path.read_bytes()))
    except ValueError:
        return None
