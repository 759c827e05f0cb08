"""Reads the panel's own TLS certificate, says what is wrong with it, and makes a self-signed one for development."""

import datetime
import ipaddress
import os
import secrets
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

#: Browsers take no certificate that is valid for longer.
_DAYS = 397
#: A self-signed certificate is made again when it has less than this left.
_RENEW_BEFORE = datetime.timedelta(days=7)
_LEAST_RSA_BITS = 2048
_UNIVERSAL = ("localhost", "127.0.0.1", "::1")


class UnreadableCertificate(Exception):
    """A file is missing or does not hold what it should; the text says which and why."""


@dataclass(frozen=True)
class PanelCertificate:
    """The certificate that nginx presents, with the rest of its chain."""

    chain: tuple[x509.Certificate, ...]

    @property
    def leaf(self) -> x509.Certificate:
        return self.chain[0]

    @property
    def expires(self) -> datetime.datetime:
        return self.leaf.not_valid_after_utc

    @property
    def is_self_signed(self) -> bool:
        """Whether it vouches for itself: its signature says so, not its issuer's name."""
        return _issued_by(self.leaf, self.leaf)

    @property
    def names(self) -> list[str]:
        """The host names and addresses it is for."""
        try:
            names = self.leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except x509.ExtensionNotFound:
            return []
        addresses = [str(address) for address in names.get_values_for_type(x509.IPAddress)]
        return [*names.get_values_for_type(x509.DNSName), *addresses]

    def covers(self, host: str) -> bool:
        """Whether a browser would take it for ``host`` (``.example.org`` asks for any name below it)."""
        wanted = host.strip("[]").lower()
        if wanted.startswith("."):
            return any(name.lower().endswith(wanted) for name in self.names)
        parent = wanted.partition(".")[2]
        return any(name.lower() in (wanted, f"*.{parent}") for name in self.names)


def read_certificate(path: Path) -> PanelCertificate:
    """Read a PEM file with the certificate first and its intermediates after it.

    Raises:
        UnreadableCertificate: there is no such file, or no certificate in it.
    """
    try:
        chain = x509.load_pem_x509_certificates(path.read_bytes())
    except OSError as error:
        raise UnreadableCertificate(f"The certificate {path} can't be read: {error.strerror}.") from error
    except ValueError as error:
        raise UnreadableCertificate(f"{path} holds no certificate in PEM form.") from error
    return PanelCertificate(tuple(chain))


def problems(
    certificate: PanelCertificate, hosts: Iterable[str] = (), now: datetime.datetime | None = None
) -> list[str]:
    """What keeps a certificate from being presented to people in production; empty when nothing does.

    Args:
        hosts: the names the panel answers to; at least one of them must be in the certificate.
    """
    found = [*_of_time(certificate, now or datetime.datetime.now(datetime.UTC)), *_of_trust(certificate)]
    named = [host for host in hosts if host != "*"]
    if named and not any(certificate.covers(host) for host in named):
        found.append(
            f"It is for {', '.join(certificate.names) or 'no host'}, and none of the panel's names is among them "
            f"({', '.join(named)})."
        )
    return found


def _of_time(certificate: PanelCertificate, now: datetime.datetime) -> list[str]:
    leaf = certificate.leaf
    if now < leaf.not_valid_before_utc:
        return [f"It is not valid before {leaf.not_valid_before_utc:%Y-%m-%d %H:%M} UTC."]
    if now >= leaf.not_valid_after_utc:
        return [f"It expired on {leaf.not_valid_after_utc:%Y-%m-%d %H:%M} UTC."]
    return []


def _of_trust(certificate: PanelCertificate) -> list[str]:
    if certificate.is_self_signed:
        return ["It is self-signed: browsers can't tell it from an intruder's."]
    found = [
        f"In its file, {_name(lower)} is not followed by the certificate of its issuer."
        for lower, upper in zip(certificate.chain, certificate.chain[1:], strict=False)
        if not _issued_by(lower, upper)
    ]
    key = certificate.leaf.public_key()
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < _LEAST_RSA_BITS:
        found.append(f"Its key has {key.key_size} bits only; {_LEAST_RSA_BITS} are the least.")
    return found


def key_problems(certificate: PanelCertificate, path: Path) -> list[str]:
    """What is wrong with the private key beside a certificate; empty when nothing is."""
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        return [f"The key {path} can't be read: {error.strerror}."]
    except (ValueError, TypeError):
        return [f"{path} holds no private key in PEM form without a password."]
    found = [] if _public(key.public_key()) == _public(certificate.leaf.public_key()) else [
        f"The key {path} is not the certificate's."
    ]  # fmt: skip
    if path.stat().st_mode & 0o007:
        found.append(f"The key {path} can be read by everybody: chmod 600.")
    return found


def _public(key: Any) -> bytes:
    encoded: bytes = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return encoded


def _issued_by(lower: x509.Certificate, upper: x509.Certificate) -> bool:
    try:
        lower.verify_directly_issued_by(upper)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _name(certificate: x509.Certificate) -> str:
    return certificate.subject.rfc4514_string() or "a certificate without a subject"


# The self-signed one


def ensure_self_signed(certificate: Path, key: Path) -> bool:
    """Have a self-signed certificate for this machine's own names; gives whether one was made just now.

    What is there stays as long as it is valid and belongs to its key, whoever issued it.
    """
    try:
        found = read_certificate(certificate)
        soon = datetime.datetime.now(datetime.UTC) + _RENEW_BEFORE
        if not (_of_time(found, soon) or key_problems(found, key)):
            return False
    except UnreadableCertificate:
        pass  # which is why one is made
    _make_self_signed(certificate, key)
    return True


def _make_self_signed(certificate: Path, key: Path) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "NPanel development")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=_DAYS))
        .add_extension(x509.SubjectAlternativeName(_own_names()), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(private, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = private.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    _write(key, secret, 0o600)
    _write(certificate, made.public_bytes(pem), 0o644)


def _own_names() -> list[x509.GeneralName]:
    found: list[x509.GeneralName] = []
    for name in dict.fromkeys((*_UNIVERSAL, socket.gethostname())):
        try:
            found.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            found.append(x509.DNSName(name))
    return found


def _write(path: Path, content: bytes, mode: int) -> None:
    """Put a whole file in place; nobody else can read it at any moment that ``mode`` does not allow."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as handle:
        handle.write(content)
    fresh.chmod(mode)
    fresh.replace(path)
