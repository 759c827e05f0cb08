"""Removes secrets, by the key they sit under and by their shape, from everything that NPanel writes down."""

import base64
import binascii
import dataclasses
import datetime
import decimal
import enum
import hashlib
import math
import re
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

REDACTED = "[REDACTED]"
_OVERLAP = 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a value is kept: nesting depth, entries per container, characters per text."""

    depth: int
    items: int
    text: int


LOG_LIMITS = Limits(depth=8, items=200, text=8_192)
AUDIT_LIMITS = Limits(depth=12, items=2_000, text=65_536)

_SECRET_WORDS = (
    "password", "passwd", "passphrase", "passcode", "secret", "token", "api_key", "apikey", "access_key",
    "private_key", "privatekey", "secret_key", "signing_key", "encryption_key", "data_key", "master_key", "ssh_key",
    "authorized_key", "authorization", "cookie", "credential", "csrf", "recovery_code", "backup_code",
)  # fmt: skip
_SECRET_NAMES = frozenset(
    "pass pwd pw auth dsn otp totp pin jwt bearer sessionid session_id session_key database_url broker_url redis_url "
    "identity_file_content id_rsa id_ed25519 key_pem pem".split()
)
_SECRET_ENDS = ("_pass", "_pwd", "_pw", "_otp", "_totp", "_jwt", "_dsn")
# Facts about a secret, not the secret: `token_id`, `password_changed_at`, the operation's fencing token.
_HARMLESS_NAMES = frozenset({"fencing_token", "tokens_total", "csrf_trusted_origins", "proxy_pass", "fastcgi_pass"})
_HARMLESS_ENDS = (
    "_id", "_at", "_count", "_prefix", "_expires", "_expiry", "_digest", "_fingerprint", "_length", "_policy",
    "_required", "_changed", "_set", "_scheme", "_type", "_version", "_name", "_age", "_scopes",
)  # fmt: skip
_NON_WORD = re.compile(r"[^a-z0-9]+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

# Repetitions are bounded: text comes from strangers, and an unbounded prefix would make matching quadratic.
_PREFIX = r"(?:[a-z0-9]{1,30}[_-]){0,4}"
_AFTER = r"(?:[a-z0-9]{1,30}[_-]){1,4}"
_WORD = (
    rf"passphrase|passcode|pass(?=\s*=)|pwd|(?!(?:proxy|fastcgi|grpc)_){_AFTER}(?:pass|pw)"
    rf"|secret(?:[_-]?key)?|{_PREFIX}(?:password|passwd|secret|token)"
    r"|api[_-]?key|access[_-]?key(?:[_-]?id)?|private[_-]?key|signing[_-]?key|sessionid|csrftoken"
    r"|csrfmiddlewaretoken|t?otp|credentials?|(?:recovery|backup)[_-]?codes?"
)
_QUOTED = (
    r"[bBuUrR]{0,2}(?:\\\"[^\"\\]*\\\"|\"(?:[^\"\\]|\\[\s\S])*\"|'(?:[^'\\]|\\[\s\S]|'')*'"
    # A quote that nothing closes is cut text: all that follows on its line may be the secret.
    r"|\\*[\"'][^\r\n]*)"
)
_LISTED = r"\[[^\]\r\n]*\]?|\([^)\r\n]*\)?|\{[^}\r\n]*\}?"

_PEM = r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|\Z)"
# Of a long text often only the end is kept: then the first line of a key is gone. A run of its letters is read once.
_PEM_END = r"(?<![A-Za-z0-9+/=\s\\])[A-Za-z0-9+/=\s\\]*+-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----"
_SSH_KEY = r"(ssh-(?:rsa|dss|ed25519)|ecdsa-sha2-[a-z0-9]+|sk-[a-z0-9-]+@openssh\.com) +(AAAA[A-Za-z0-9+/=]+)"
_HEADER = r"\b((?:proxy-)?authorization|set-cookie|cookie|x-api-key|x-auth-token)(['\"]?\s*[:=]\s*)([^\r\n]+)"
_SCHEME = r"\b((?i:Bearer|Basic|Negotiate)|Token)\s+(?=[^\s\"']*[0-9A-Z+/=_-])[A-Za-z0-9._~+/=-]{8,}"
_DSN = r"(\b[a-z][a-z0-9+.-]{0,30}://[^\s:/@'\"]*:)(?:[^\s/'\"]*)(?=@)"
_SQL = (
    r"(\bIDENTIFIED\s+(?:BY(?:\s+PASSWORD)?|(?:VIA|WITH)\s+\w+\s+(?:USING|AS|BY))\s+)(?:PASSWORD\s*\(\s*)?"
    rf"(?:{_QUOTED}|\S+)\)?"
)
_CRYPT = (
    r"(?:\{[A-Z0-9-]{3,16}\})?\$(?:1|2[abxy]?|5|6|7|y|gy|apr1|sha1|md5|P|H|argon2(?:id|i|d))\$"
    r"[./A-Za-z0-9$=,+_-]{8,}"
)
_DJANGO_HASH = r"\b(?:pbkdf2_sha\d+|argon2|bcrypt(?:_sha256)?|scrypt)\$[./A-Za-z0-9$=,+_\[\]-]{8,}"
_MARIADB_HASH = r"\*[0-9A-Fa-f]{40}(?![0-9A-Fa-f])"
_JWT = r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)?"
# What django.core.signing makes: payload, time and signature.
_SIGNED = r"(?<![\w.-])\.?[\w-]{1,400}:[0-9A-Za-z]{6}:[\w-]{43}(?![\w-])"
_VENDOR_KEY = (
    r"\b(?:gh[pousr]_[A-Za-z0-9]{20,}|AKIA[0-9A-Z]{16}|sk_(?:live|test)_[A-Za-z0-9]{8,}"
    r"|np[a-z]{0,6}_[A-Za-z0-9_-]{20,}|xox[a-z]-[A-Za-z0-9-]{10,}"
    r"|whsec_[A-Za-z0-9_-]{10,})"
)
_ASSIGNED = (
    rf"(?<![A-Za-z0-9])((?:{_WORD})(?:\\?[\"'])?\]?(?:\s*(?:=>|[=:])\s*|>))"
    rf"(?!\[REDACTED\])(?:{_QUOTED}|{_LISTED}|[^\s&,;\"'<>}}\)\]]+)"
)
_ASKED = r"((?:passphrase|password) for [^\r\n]{1,300}?['\"]?:\s{0,8})(?!\[REDACTED\])[^\s:]\S*"
_SSHPASS = r"(\bsshpass\s+-[pP]\s*)(?!\[REDACTED\])\S+"
_OPTION = rf"(--?(?:{_WORD})\s+)(?!\[REDACTED\])(?:{_QUOTED}|[^\s-]\S*)"


def _fingerprint(match: re.Match[str]) -> str:
    """A public key becomes its fingerprint as ssh-keygen(1) shows it: the record of a pinned key must name it."""
    try:
        blob = base64.b64decode(match[2], validate=True)
    except binascii.Error:
        return REDACTED
    digest = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    return f"{match[1]} {REDACTED} SHA256:{digest}"


# Each shape with hints of which one must occur in the lower-cased text, because searching for a hint is cheap.
_SHAPES: tuple[tuple[tuple[str, ...], re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    # An unterminated block is cut text: everything after its first line may still be key material.
    (("private key",), re.compile(_PEM, re.S), REDACTED),
    (("private key",), re.compile(_PEM_END), REDACTED),
    (("putty-user-key-file",), re.compile(r"PuTTY-User-Key-File-\d.*?(?:Private-MAC: [0-9a-f]+|\Z)", re.S), REDACTED),
    (("ssh-", "ecdsa-sha2-", "@openssh.com"), re.compile(_SSH_KEY), _fingerprint),
    (("identified",), re.compile(_SQL, re.I), rf"\1'{REDACTED}'"),
    (("password",), re.compile(rf"(\bPASSWORD\s*\(\s*)(?:{_QUOTED})", re.I), rf"\1'{REDACTED}'"),
    (("authorization", "cookie", "x-api-key", "x-auth-token"), re.compile(_HEADER, re.I), rf"\1\2{REDACTED}"),
    (("bearer", "basic", "negotiate", "token"), re.compile(_SCHEME), rf"\1 {REDACTED}"),
    (("://",), re.compile(_DSN, re.I), rf"\1{REDACTED}"),
    (("$",), re.compile(_CRYPT), REDACTED),
    (("pbkdf2_", "argon2$", "bcrypt", "scrypt$"), re.compile(_DJANGO_HASH), REDACTED),
    (("*",), re.compile(_MARIADB_HASH), REDACTED),
    ((":",), re.compile(_SIGNED), REDACTED),
    (("eyj",), re.compile(_JWT), REDACTED),
    (("gh", "akia", "sk_", "np", "xox", "whsec_"), re.compile(_VENDOR_KEY), REDACTED),
    (
        ("pass", "pw", "secret", "token", "key", "sessionid", "otp", "credential", "recovery", "backup"),
        re.compile(_ASSIGNED, re.I),
        rf"\1{REDACTED}",
    ),
    (
        ("/reset/key/", "/preview/"),
        re.compile(r"(/password/reset/key/|/portal/preview/)[^\s?'\"<>]+"),
        rf"\1{REDACTED}",
    ),
    (("passphrase for", "password for"), re.compile(_ASKED, re.I), rf"\1{REDACTED}"),
    (("sshpass",), re.compile(_SSHPASS), rf"\1{REDACTED}"),
    (("--",), re.compile(_OPTION, re.I), rf"\1{REDACTED}"),
)


def is_sensitive_key(key: str) -> bool:
    """Whether a value stored under ``key`` (any case, any separator) is a secret."""
    name = _NON_WORD.sub("_", _CAMEL.sub("_", key).lower()).strip("_")
    if name in _SECRET_NAMES:
        return True
    if name in _HARMLESS_NAMES or name.endswith(_HARMLESS_ENDS):
        return False
    return name.endswith(_SECRET_ENDS) or any(word in name for word in _SECRET_WORDS)


def redact_text(text: str, limit: int = LOG_LIMITS.text) -> str:
    """Replace every secret that can be told by its shape, and cut the text to ``limit`` characters.

    The text is cut only after it was cleaned, so that half a secret can't hide at the edge.
    """
    cleaned = _clean(text[: limit + _OVERLAP] if len(text) > limit + _OVERLAP else text)
    if len(text) <= limit:
        return cleaned
    return f"{cleaned[:limit]}…[{len(text) - limit} more characters]"


def _clean(text: str) -> str:
    lowered = text.lower()
    for hints, pattern, replacement in _SHAPES:
        if any(hint in lowered for hint in hints):
            text = pattern.sub(replacement, text)
    return text


def redact(value: Any, limits: Limits = LOG_LIMITS) -> Any:
    """A JSON-ready copy of ``value`` without secrets, bounded by ``limits``.

    Mappings, dataclasses and iterables are walked; a value under a sensitive key becomes ``[REDACTED]``
    unless it is None or a bool, which say only whether there is a secret.
    """
    return _redact(value, limits, limits.depth)


def _redact(value: Any, limits: Limits, depth: int) -> Any:
    if value is None or (isinstance(value, bool | int) and not isinstance(value, enum.Enum)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, str):
        return redact_text(str(value), limits.text)
    if depth <= 0:
        return f"…[{type(value).__name__}]"
    if isinstance(value, Mapping):
        return _redact_pairs(value.items(), len(value), limits, depth)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        pairs = [(field.name, getattr(value, field.name)) for field in dataclasses.fields(value)]
        return _redact_pairs(pairs, len(pairs), limits, depth)
    if isinstance(value, list | tuple | set | frozenset):
        return _redact_items(value, limits, depth)
    return _redact_leaf(value, limits)


def _redact_pairs(pairs: Iterable[tuple[Any, Any]], size: int, limits: Limits, depth: int) -> dict[str, Any]:
    cleaned: dict[str, Any] = {}
    for index, (raw_key, item) in enumerate(pairs):
        if index >= limits.items:
            cleaned["…"] = f"{size - limits.items} more"
            break
        key, is_sensitive = _judge_key(str(raw_key)[:512])
        hidden = is_sensitive and item is not None and not isinstance(item, bool) and item != ""
        cleaned[key] = REDACTED if hidden else _redact(item, limits, depth - 1)
    return cleaned


@lru_cache(maxsize=4096)
def _judge_key(key: str) -> tuple[str, bool]:
    """The key without secrets, and whether its value is one; keys repeat, so the answers are kept."""
    return redact_text(key, 256), is_sensitive_key(key)


def _redact_items(value: Any, limits: Limits, depth: int) -> list[Any]:
    cleaned: list[Any] = []
    for index, item in enumerate(value):
        if index >= limits.items:
            cleaned.append(f"…[{len(value) - limits.items} more]")
            break
        cleaned.append(_redact(item, limits, depth - 1))
    return cleaned


def _redact_leaf(value: Any, limits: Limits) -> Any:
    if isinstance(value, enum.Enum):
        return _redact(value.value, limits, 1)
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, bytes | bytearray | memoryview):
        return f"[{len(value)} bytes]"
    if isinstance(value, uuid.UUID | decimal.Decimal | datetime.timedelta):
        return str(value)
    try:
        return redact_text(str(value), limits.text)
    except Exception as error:  # noqa: BLE001 - a row that can't be read now, say; the rest of the line must be told
        return f"…[{type(value).__name__}: {type(error).__name__}]"
