"""Field validators: what may be stored, so that nothing else can ever be rendered. All use ``fullmatch``."""

import base64
import binascii
import ipaddress
import re

from django.core.exceptions import ValidationError
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from hosting.errors import HostingError
from hosting.names import check_username, host_name
from hosting.state.mail import PASSWORD_HASH, mail_addresses, own_local_part
from hosting.state.records import RECORD_TYPES as RECORD_TYPES  # forms offer what zones take
from hosting.state.tls import PEM_CHAIN
from hosting.texts import N_
from hosting.translated import lazily_translated
from observability.redaction import redact_text

_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
SHELLS = ("/usr/sbin/nologin", "/bin/bash", "/bin/sh")


def _require(pattern: str, value: str, message: Promise) -> None:
    if not re.fullmatch(pattern, value):
        raise ValidationError([message])


def refuse_control_characters(value: str) -> None:
    """No line break, control character or line separator, which no one-line text has any use for."""
    if _FORBIDDEN.search(value):
        raise ValidationError(_("This can't hold control characters or line breaks."))


def kept_reason(text: str) -> str:
    """A reason as it is kept: people paste what they were told, passwords included.

    Raises:
        HostingError: ``invalid``: see :func:`one_line`.
    """
    return redact_text(one_line(text))[:300]


def one_line(text: str, field: str = "reason") -> str:
    """A text as it was given, if it is one line, as letters, terminals and logs show it.

    Raises:
        HostingError: ``invalid``: it holds a line break or another control character.
    """
    if _FORBIDDEN.search(text):
        raise HostingError(
            N_("This can't hold control characters or line breaks."),
            code="invalid",
            hint=N_("Write it in one line."),
            field=field,
        )
    return text


def _from_hosting(error: HostingError) -> ValidationError:
    return ValidationError(lazily_translated(error), code=error.code)


def validate_domain(value: str) -> None:
    """A host name in its one spelling (see :func:`hosting.names.host_name`)."""
    try:
        if host_name(value) != value:
            raise ValidationError(_("Store host names in lower-case ASCII without a trailing dot."))
    except HostingError as error:
        raise _from_hosting(error) from error


def validate_username(value: str) -> None:
    """A Linux user name that is not reserved."""
    try:
        check_username(value)
    except HostingError as error:
        raise _from_hosting(error) from error


def validate_node_name(value: str) -> None:
    """A short label."""
    _require(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?", value, _("Use lower-case letters, digits and inner hyphens."))


def validate_login(value: str) -> None:
    """A Linux login name for SSH."""
    _require(r"[a-z_][a-z0-9_-]{0,31}", value, _("This is not a Linux user name."))


def require_ip(value: str) -> None:
    """An IP address; Python takes any text for an IPv6 zone (``fe80::1%…``), we only the name of an interface.

    Raises:
        ValueError: it is none.
    """
    ipaddress.ip_address(value)
    if not re.fullmatch(r"[0-9A-Fa-f.:]+(%[A-Za-z0-9_.-]{1,15})?", value):
        raise ValueError(value)


def validate_address(value: str) -> None:
    """An IP address, or a host name."""
    try:
        require_ip(value)
    except ValueError:
        _require(
            r"[A-Za-z0-9]([A-Za-z0-9.-]{0,188}[A-Za-z0-9])?", value, _("This is neither an address nor a host name.")
        )


def validate_host_keys(value: str) -> None:
    """Public host keys, one a line: type and base64 (RFC 4253 §6.6)."""
    for line in value.splitlines():
        if _FORBIDDEN.search(line):
            raise ValidationError(_("A host key is one plain line."))
        kind, _blank, data = line.strip().partition(" ")
        try:
            blob = base64.b64decode(data.split(" ")[0], validate=True)
        except (binascii.Error, ValueError) as error:
            raise ValidationError(_("A host key is a type and base64 text, as in known_hosts.")) from error
        if not re.fullmatch(r"(ssh-|ecdsa-)[a-z0-9-]+", kind) or kind.encode() not in blob[:64]:
            raise ValidationError(_("A host key's type does not match its data."))


def validate_php_version(value: str) -> None:
    """A version like 8.2."""
    _require(r"[5-9]\.[0-9]{1,2}", value, _("A PHP version looks like 8.2."))


def validate_shell(value: str) -> None:
    """One of the shells that services may have."""
    if value not in SHELLS:
        raise ValidationError(_("This shell is not offered."))


def validate_record_name(value: str) -> None:
    """A record's name relative to its zone."""
    _require(
        r"@|(\*|[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*",
        value,
        _("Use lower-case letters, digits, hyphens, underscores and dots; @ for the domain itself."),
    )


def validate_record_type(value: str) -> None:
    """One of the record types that customers may write."""
    if value not in RECORD_TYPES:
        raise ValidationError(_("The record type must be one of %(types)s."), params={"types": ", ".join(RECORD_TYPES)})


def validate_record_content(value: str) -> None:
    """No control characters or line separators; the type's own grammar is checked with the whole zone."""
    if _FORBIDDEN.search(value) or not value.strip():
        raise ValidationError(_("The content can't be empty or hold control characters or line breaks."))


def validate_database_name(value: str) -> None:
    """``user_name``: the service's user name, an underscore, and a name."""
    _require(
        r"[a-z][a-z0-9]{1,15}_[a-z0-9_]{1,47}",
        value,
        _("Use the service's user name, an underscore, and letters or digits."),
    )


def validate_charset(value: str) -> None:
    """A character set or collation name."""
    _require(r"[a-z0-9_]{1,64}", value, _("This is not a character set or collation."))


def validate_database_host(value: str) -> None:
    """``localhost``, an IP address, or an IPv4 address with ``%`` for its last parts, in lower case."""
    if value in {"localhost", "%"}:
        return
    try:
        if "%" in value or value != value.lower():
            raise ValueError(value)
        require_ip(value)
    except ValueError:
        _require(r"([0-9]{1,3}\.){1,3}%", value, _("Use localhost, an IP address, or a pattern like 10.0.%."))


def validate_password_hash(value: str) -> None:
    """A ``mysql_native_password`` hash."""
    _require(r"\*[0-9A-F]{40}", value, _("This is not a password hash."))


def validate_mail_local_part(value: str) -> None:
    """What stands before the @ of an address here, in its one spelling."""
    try:
        spelled = own_local_part(value)
    except HostingError as error:
        raise _from_hosting(error) from error
    if spelled != value:
        raise ValidationError(_("Store the names of addresses in lower case."))


def validate_mail_address(value: str) -> None:
    """An address, here or elsewhere, in its one spelling."""
    validate_mail_addresses([value])


def validate_mail_addresses(value: object) -> None:
    """Addresses in their one spelling, sorted, each once."""
    texts = value if isinstance(value, list) and all(isinstance(text, str) for text in value) else [""]
    try:
        spelled = mail_addresses(texts)
    except HostingError as error:
        raise _from_hosting(error) from error
    if list(spelled) != texts:
        raise ValidationError(_("Store addresses in lower case, sorted, each once."))


def validate_mail_hash(value: str) -> None:
    """What crypt(3) makes with BLF-CRYPT or SHA512-CRYPT."""
    if not PASSWORD_HASH.fullmatch(value):
        raise ValidationError(_("This is no hash of a password."))


def validate_certificate_names(value: object) -> None:
    """Names of a certificate: host names in their one spelling, the first label of each maybe a star."""
    if not isinstance(value, list) or not value:
        raise ValidationError(_("A certificate is for at least one name."))
    for name in value:
        validate_domain(name.removeprefix("*.") if isinstance(name, str) else "")


def validate_pem_chain(value: str) -> None:
    """PEM text of one to ten certificates, and nothing else."""
    if not PEM_CHAIN.fullmatch(value):
        raise ValidationError(_("This is no PEM text of certificates."))


def validate_fingerprint(value: str) -> None:
    """A SHA-256 digest."""
    _require(r"[0-9a-f]{64}", value, _("This is no SHA-256 digest."))


def validate_mail_text(value: str) -> None:
    """Text of many lines; nothing else that controls."""
    if _FORBIDDEN.search(value.replace("\n", "")):
        raise ValidationError(_("This can't hold control characters."))
