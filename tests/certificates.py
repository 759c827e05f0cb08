"""A certificate authority of the tests' own, and certificates that are as wrong as a test wants them."""

import datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from npanel.panel_certificate import TlsFiles

PEM = serialization.Encoding.PEM
DAY = datetime.timedelta(days=1)


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


class Authority:
    """A root and an intermediate below it, which signs."""

    def __init__(self) -> None:
        root_key, self._key = new_key(), new_key()
        self.root = self._sign("Test root", root_key.public_key(), "Test root", root_key, ca=True)
        self.intermediate = self._sign("Test authority", self._key.public_key(), "Test root", root_key, ca=True)

    @staticmethod
    def _sign(
        subject: str, key: Any, issuer: str, issuer_key: Any, *, ca: bool = False, names: tuple[str, ...] = (),
        begins: datetime.timedelta = -DAY, ends: datetime.timedelta = 30 * DAY,
    ) -> x509.Certificate:  # fmt: skip
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(_named(subject))
            .issuer_name(_named(issuer))
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + begins)
            .not_valid_after(now + ends)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        )
        if ca:
            usage = dict.fromkeys(
                ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
                 "encipher_only", "decipher_only"), False)  # fmt: skip
            builder = builder.add_extension(
                x509.KeyUsage(digital_signature=True, key_cert_sign=True, crl_sign=True, **usage), critical=True
            )
        if names:
            alternatives = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
            builder = builder.add_extension(alternatives, critical=False)
        return builder.sign(issuer_key, hashes.SHA256())

    def issue(
        self,
        folder: Path,
        *names: str,
        begins: datetime.timedelta = -DAY,
        ends: datetime.timedelta = 30 * DAY,
        self_signed: bool = False,
        chain: bool = True,
    ) -> TlsFiles:
        """Write a certificate and its key as a panel finds them."""
        key = new_key()
        issuer, issuer_key = (names[0], key) if self_signed else ("Test authority", self._key)
        leaf = self._sign(names[0], key.public_key(), issuer, issuer_key, names=names, begins=begins, ends=ends)
        files = TlsFiles(folder / "panel.crt", folder / "panel.key")
        folder.mkdir(parents=True, exist_ok=True)
        above = self.intermediate.public_bytes(PEM) if chain and not self_signed else b""
        files.certificate.write_bytes(leaf.public_bytes(PEM) + above)
        write_key(files.key, key)
        return files


def write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    path.touch(mode=0o600)
    path.write_bytes(key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
