"""Reads a certificate with its chain and its key, in whatever order and spelling they come, and says what is wrong."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from hosting.errors import HostingError
from hosting.names import covers, host_name
from hosting.texts import N_, Text

#: Characters of all PEM text together.
MAX_TEXT = 65_536
#: More than any authority needs; what is beyond is not even looked at.
_MOST_CERTIFICATES = 10
_MOST_NAMES = 100
_LEAST_RSA, _MOST_RSA = 2048, 8192
_CURVES = {"secp256r1": "EC P-256", "secp384r1": "EC P-384"}
_WEAK_HASHES = frozenset({"md5", "sha1"})
#: Nobody means a later end, and dates beyond can't be shown in every time zone.
_LAST_YEAR = 2200
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----")
_KEY = re.compile(r"-----BEGIN ([A-Z0-9 ]*)PRIVATE KEY-----(?:[^-]|-(?!----))+-----END \1PRIVATE KEY-----")
_MALFORMED = (ValueError, TypeError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.UnsupportedGeneralNameType)

_PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@dataclass(frozen=True, slots=True, repr=False)
class Pair:
    """A certificate and its key, in the one spelling that is kept and written.

    Args:
        chain_pem: the certificate first, each followed by the one that signed it, without the root.
        key_pem: PKCS #8. key_type: like "RSA 2048". names: host names, the first of them is what it is called.
    """

    chain_pem: str
    key_pem: str
    key_type: str
    names: tuple[str, ...]
    issuer: str
    fingerprint: str
    not_before: datetime
    not_after: datetime


def read_pair(chain: str, key: str) -> Pair:
    """Read what a person has: certificates and a key, in any order, maybe all in one text.

    Args:
        chain: PEM text; what stands between the blocks is left out. key: PEM text, or "" if ``chain`` holds it.

    Raises:
        HostingError: ``certificate_invalid``, ``certificate_key_invalid``, ``certificate_key_mismatch``.
    """
    if len(chain) + len(key) > MAX_TEXT:
        raise _invalid(
            N_("This is longer than %(count)s characters.", count=MAX_TEXT),
            N_("Give the certificate, those that vouch for it, and the key, and nothing else."),
        )
    private = _read_key(key if key.strip() else chain)
    found = _read_certificates(chain)
    leaf = _of_key(found, private.public_key())
    _check_leaf(leaf)
    ordered = _ordered(leaf, found)
    return Pair(
        chain_pem="".join(row.public_bytes(Encoding.PEM).decode() for row in ordered),
        key_pem=private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        key_type=_key_type(private),
        names=_names(leaf),
        issuer=_issuer(leaf),
        fingerprint=leaf.fingerprint(hashes.SHA256()).hex(),
        not_before=leaf.not_valid_before_utc,
        not_after=leaf.not_valid_after_utc,
    )


def check_dates(pair: Pair, now: datetime | None = None) -> None:
    """Refuse a certificate that no browser would take now.

    Raises:
        HostingError: ``certificate_dates``.
    """
    now = now or datetime.now(UTC)
    if now >= pair.not_after:
        raise HostingError(
            N_("The certificate ended on %(day)s.", day=f"{pair.not_after:%Y-%m-%d}"),
            code="certificate_dates",
            hint=N_("Have it renewed, and give the new one."),
            field="chain",
        )
    if now < pair.not_before:
        raise HostingError(
            N_("The certificate is not valid before %(when)s UTC.", when=f"{pair.not_before:%Y-%m-%d %H:%M}"),
            code="certificate_dates",
            hint=N_("Give it again once it is."),
            field="chain",
        )


def check_covers(pair: Pair, host: str) -> None:
    """Refuse a certificate that is not for a host name.

    Raises:
        HostingError: ``certificate_names``.
    """
    if not covers(pair.names, host):
        raise HostingError(
            N_("The certificate is not for %(name)s, but for %(names)s.", name=host, names=listed(pair.names)),
            code="certificate_names",
            hint=N_("Give one that names this domain."),
            field="chain",
        )


def listed(names: Sequence[str]) -> str:
    """Names in a row; of many, the first."""
    more = f" (+{len(names) - 5})" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more


def _read_key(text: str) -> _PrivateKey:
    block = _KEY.search(text)
    if block is None:
        raise _bad_key(
            N_("There is no private key in PEM form."),
            N_("It begins with a line like -----BEGIN PRIVATE KEY-----, and lies where the request was made."),
        )
    if block[1].startswith("ENCRYPTED") or "ENCRYPTED" in block[0][:200]:
        raise _bad_key(
            N_("The private key has a password."),
            N_("Take it off on your own machine: openssl pkey -in key.pem -out open.pem"),
        )
    try:
        # First without the costly checks of huge numbers: the size is looked at before they are made.
        private = load_pem_private_key(block[0].encode(), None, unsafe_skip_rsa_key_validation=True)
        _check_key(private.public_key())
        private = load_pem_private_key(block[0].encode(), None)
    except _MALFORMED as error:
        raise _bad_key(
            N_("The private key can't be read."), N_("Give it as PEM text: PKCS #8, PKCS #1 or SEC 1.")
        ) from error
    if not isinstance(private, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):  # _check_key has refused the others
        raise TypeError(type(private))
    return private


def _check_key(key: PublicKeyTypes) -> None:
    advice = N_("Use RSA with 2048 to 8192 bits, or EC P-256 or P-384, as browsers take them.")
    if isinstance(key, rsa.RSAPublicKey):
        if not _LEAST_RSA <= key.key_size <= _MOST_RSA:
            raise _bad_key(N_("The key has %(bits)s bits.", bits=key.key_size), advice)
    elif not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name not in _CURVES:
        raise _bad_key(N_("The key is of a kind that browsers do not take."), advice)


def _key_type(key: _PrivateKey) -> str:
    return f"RSA {key.key_size}" if isinstance(key, rsa.RSAPrivateKey) else _CURVES[key.curve.name]


def _read_certificates(text: str) -> list[x509.Certificate]:
    blocks = list(dict.fromkeys(match[0] for match in _CERTIFICATE.finditer(text)))
    if not blocks:
        raise _invalid(
            N_("There is no certificate in PEM form."),
            N_("It begins with -----BEGIN CERTIFICATE-----. A .pfx file is taken apart by: openssl pkcs12 -nodes"),
        )
    if len(blocks) > _MOST_CERTIFICATES:
        raise _invalid(
            N_("There are more than %(count)s certificates.", count=_MOST_CERTIFICATES),
            N_("Give the certificate and those that vouch for it, and no others."),
        )
    try:
        return [x509.load_pem_x509_certificate(block.encode()) for block in blocks]
    except _MALFORMED as error:
        raise _invalid(N_("A certificate can't be read."), N_("Give it as your authority sent it.")) from error


def _of_key(found: Iterable[x509.Certificate], key: PublicKeyTypes) -> x509.Certificate:
    wanted = _spki(key)
    mine = [row for row in found if _spki_of(row) == wanted]
    if not mine:
        raise HostingError(
            N_("The private key belongs to none of the certificates."),
            code="certificate_key_mismatch",
            hint=N_("Give the key that this certificate was requested with."),
            field="private_key",
        )
    return max(mine, key=lambda row: row.not_valid_before_utc)


def _spki(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _spki_of(row: x509.Certificate) -> bytes:
    try:
        return _spki(row.public_key())
    except _MALFORMED:
        return b""


def _check_leaf(leaf: x509.Certificate) -> None:
    advice = N_("Have your authority issue it anew.")
    if _is_weak(leaf):
        raise _invalid(N_("The certificate is signed with SHA-1 or MD5, which browsers refuse."), advice)
    try:
        usage = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        usage = None
    except _MALFORMED as error:
        raise _invalid(N_("A certificate can't be read."), advice) from error
    if usage is not None and ExtendedKeyUsageOID.SERVER_AUTH not in usage:
        raise _invalid(N_("The certificate is not for web servers."), advice)
    if leaf.not_valid_after_utc.year >= _LAST_YEAR:
        raise _invalid(N_("The certificate ends in the year %(year)s.", year=leaf.not_valid_after_utc.year), advice)


def _is_weak(row: x509.Certificate) -> bool:
    try:
        used = row.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return True
    return used is not None and used.name in _WEAK_HASHES


def _names(leaf: x509.Certificate) -> tuple[str, ...]:
    """The host names it is for. One that is no host name spoils it: it would be shown, and compared."""
    advice = N_("Have it issued for the names of your sites, with a subject alternative name for each.")
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        found = [name.lower() for name in names.get_values_for_type(x509.DNSName)]
    except x509.ExtensionNotFound:
        found = []
    except _MALFORMED as error:
        raise _invalid(N_("The names in the certificate can't be read."), advice) from error
    if not found:
        raise _invalid(N_("The certificate names no host."), advice)
    if len(found) > _MOST_NAMES:
        raise _invalid(N_("The certificate has more than %(count)s names.", count=_MOST_NAMES), advice)
    if not all(_is_host(name) for name in found):
        raise _invalid(N_("The certificate holds a name that is no host name."), advice)
    return tuple(dict.fromkeys(found))


def _is_host(name: str) -> bool:
    bare = name.removeprefix("*.")
    try:
        return host_name(bare) == bare
    except HostingError:
        return False


def _issuer(leaf: x509.Certificate) -> str:
    """Who issued it, as one short line; the words are a stranger's."""
    for kind in (NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME):
        for part in leaf.issuer.get_attributes_for_oid(kind):
            text = "".join(letter for letter in str(part.value) if letter.isprintable()).strip()
            if text:
                return text[:190]
    return ""


def _ordered(leaf: x509.Certificate, found: Iterable[x509.Certificate]) -> list[x509.Certificate]:
    """The certificate, then each that signed the one before it; the root is left out, since browsers have it."""
    rest = [row for row in found if row != leaf and _may_sign(row)]
    chain = [leaf]
    while (above := next((row for row in rest if _issued_by(chain[-1], row)), None)) is not None:
        rest.remove(above)
        if _issued_by(above, above):
            return chain
        if _is_weak(above):
            raise _invalid(
                N_("A certificate of the chain is signed with SHA-1 or MD5, which browsers refuse."),
                N_("Ask your authority for the certificates that vouch for yours today."),
            )
        chain.append(above)
    if len(chain) == 1 and rest and not _issued_by(leaf, leaf):
        raise _invalid(
            N_("None of the further certificates vouches for it."),
            N_("Give those that your authority sent with it (its chain or bundle)."),
        )
    return chain


def _may_sign(row: x509.Certificate) -> bool:
    """Whether its key can be tried: a huge one would only cost time."""
    try:
        key = row.public_key()
    except _MALFORMED:
        return False
    return not isinstance(key, rsa.RSAPublicKey) or key.key_size <= _MOST_RSA


def _issued_by(lower: x509.Certificate, upper: x509.Certificate) -> bool:
    try:
        lower.verify_directly_issued_by(upper)
    except (*_MALFORMED, InvalidSignature):
        return False
    return True


def _invalid(detail: Text, hint: Text) -> HostingError:
    return HostingError(detail, code="certificate_invalid", hint=hint, field="chain")


def _bad_key(detail: Text, hint: Text) -> HostingError:
    return HostingError(detail, code="certificate_key_invalid", hint=hint, field="private_key")
