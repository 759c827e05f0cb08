"""Who signs in over SSH on a node: the access of a service, and what a public key may be."""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from hosting.errors import HostingError
from hosting.state.resources import Ref, Resource, SystemUser, register_resource
from hosting.texts import N_, NOTHING, Text

#: What a service's people may do, the least first: nothing, move files inside their home, run commands.
NONE, SFTP, SHELL = "none", "sftp", "shell"
MODES = (NONE, SFTP, SHELL)
MAX_KEYS, MAX_COMMENT = 20, 100
#: Longer than the longest key that is taken (RSA of 8,192 bits).
MAX_BLOB = 1600
_RSA_LEAST, _RSA_MOST = 2048, 8192
_CURVES = {b"nistp256": 65, b"nistp384": 97, b"nistp521": 133}
_ED25519, _RSA = "ssh-ed25519", "ssh-rsa"
_SK_ED25519, _SK_ECDSA = "sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com"
_ECDSA = tuple(f"ecdsa-sha2-{curve.decode()}" for curve in _CURVES)
KEY_TYPES = (_ED25519, *_ECDSA, _RSA, _SK_ED25519, _SK_ECDSA)
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_TYPED_AT_MOST = 4000


class SshKeyInvalid(HostingError):
    """A text is no public key that may sign in here."""

    code = "bad_ssh_key"


@dataclass(frozen=True, slots=True, order=True)
class SshKey:
    """A public key: its type, its data in base64 (RFC 4253 §6.6), and the words people know it by."""

    type: str
    blob: str
    comment: str = ""

    @property
    def fingerprint(self) -> str:
        """As ssh-keygen(1) shows it."""
        return fingerprint_of(self.blob)


@register_resource
@dataclass(frozen=True, slots=True)
class SshAccess(Resource):
    """How the people of a service sign in over SSH: with which keys, to do what. No password ever opens it.

    Args:
        owner: Linux user of the service.
        mode: one of :data:`MODES`.
        keys: sorted, at least one.
        locked: True while the service is suspended: the keys are kept and open nothing.
        edited: what somebody else changed of it, "" if nothing; never desired.
    """

    kind: ClassVar[str] = "ssh_access"
    owner: str
    mode: str
    keys: tuple[SshKey, ...] = ()
    locked: bool = False
    edited: str = ""

    @property
    def key(self) -> str:
        return self.owner

    def depends_on(self) -> tuple[Ref, ...]:
        return (Ref(SystemUser.kind, self.owner),)


def fingerprint_of(blob: str) -> str:
    """The fingerprint of a key's data in base64."""
    digest = hashlib.sha256(base64.b64decode(blob)).digest()
    return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"


def ssh_key(text: str) -> SshKey:
    """The public key that somebody pasted: one line as in ``id_ed25519.pub``.

    Raises:
        SshKeyInvalid: ``bad_ssh_key``; ``private_ssh_key``, it is the half that must never leave its owner;
            ``ssh_key_options``, there is something before the key; ``weak_ssh_key``.
    """
    line = text.strip()
    _check_form(line)
    kind, _blank, rest = line.partition(" ")
    blob, _blank, comment = rest.strip().partition(" ")
    if kind not in KEY_TYPES:
        raise _unknown(kind, line)
    return checked_key(SshKey(kind, blob, " ".join(comment.split())))


def checked_key(key: SshKey) -> SshKey:
    """The key itself, if all of it is as it may be.

    Raises:
        SshKeyInvalid: as :func:`ssh_key`.
    """
    if key.type not in KEY_TYPES:
        raise _unknown(key.type, key.type)
    try:
        data = _decoded(key.blob)
        parts = list(_parts(data))
        if parts.pop(0) != key.type.encode():
            raise ValueError("the type is another one")
        bits = _bits(key.type, parts)
    except (ValueError, IndexError) as error:
        raise _damaged() from error
    if bits and not _RSA_LEAST <= bits <= _RSA_MOST:
        raise _weak(bits)
    if not key.comment.isprintable() or len(key.comment) > MAX_COMMENT or key.comment != key.comment.strip():
        detail = N_("The name of a key is one line of at most %(count)s characters.", count=MAX_COMMENT)
        raise _invalid(detail, code="bad_ssh_key_name", field="name")
    return key


def _check_form(line: str) -> None:
    if "PRIVATE KEY" in line or line.startswith("PuTTY-User-Key-File"):
        raise _invalid(
            N_("This is a private key. Whoever has it can sign in as you, so nobody but you should."),
            N_("Paste the public half, the file that ends in .pub. If others may have seen this text, make a new key."),
            code="private_ssh_key",
        )
    if "SSH2 PUBLIC KEY" in line:
        hint = N_("In PuTTYgen, copy the text below “Public key for pasting into OpenSSH authorized_keys file”.")
        raise _invalid(N_("This is a public key in a form that OpenSSH does not read."), hint)
    if not line.isprintable() or len(line) > _TYPED_AT_MOST:
        raise _invalid(N_("A public key is one line."), N_("Paste the whole text of the file that ends in .pub."))


def _unknown(kind: str, line: str) -> SshKeyInvalid:
    if any(f" {known} " in f" {line}" for known in KEY_TYPES):
        return _invalid(
            N_("There is something before the key. Options of keys are not offered."),
            N_("Paste the key alone: its type, its data and its name."),
            code="ssh_key_options",
        )
    hint = N_("Make an Ed25519 key: ssh-keygen -t ed25519. Then paste the text of the file that ends in .pub.")
    if kind == "ssh-dss":
        return _invalid(N_("DSA keys can be forged, so they are not taken."), hint, code="weak_ssh_key")
    return _invalid(N_("This is no public key that is known here."), hint)


def _damaged() -> SshKeyInvalid:
    return _invalid(
        N_("The key is damaged: a part of it is missing or was changed."),
        N_("Copy the whole line from the file that ends in .pub."),
    )


def _weak(bits: int) -> SshKeyInvalid:
    return _invalid(
        N_("The RSA key has %(bits)s bits.", bits=bits),
        N_("Use one of %(least)s to %(most)s bits, or better an Ed25519 key.", least=_RSA_LEAST, most=_RSA_MOST),
        code="weak_ssh_key",
    )


def _decoded(blob: str) -> bytes:
    if len(blob) > MAX_BLOB or not _BASE64.fullmatch(blob):
        raise ValueError("no base64")
    try:
        data = base64.b64decode(blob, validate=True)
    except binascii.Error as error:
        raise ValueError("no base64") from error
    if base64.b64encode(data).decode() != blob:
        raise ValueError("not the one spelling")
    return data


def _parts(data: bytes) -> Iterator[bytes]:
    """The length-prefixed parts that the data of a key consists of (RFC 4251 §5)."""
    while data:
        size = int.from_bytes(data[:4], "big")
        if len(data) < 4 + size:
            raise ValueError("cut off")
        yield data[4 : 4 + size]
        data = data[4 + size :]


def _bits(kind: str, parts: list[bytes]) -> int:
    """Check the parts of a key after its type; the size of an RSA key in bits, 0 for the others, which have one."""
    if kind == _RSA:
        exponent, modulus = _number(parts[0]), _number(parts[1])
        _require(len(parts) == 2 and exponent > 2 and exponent % 2 == 1 and modulus % 2 == 1)
        return modulus.bit_length()
    if kind.startswith("sk-"):
        application = parts.pop()
        _require(application.startswith(b"ssh:"))
    if kind in (_ED25519, _SK_ED25519):
        _require(len(parts) == 1 and len(parts[0]) == 32)
        return 0
    curve, point = parts
    _require(curve.decode() == kind.partition("@")[0].rpartition("-")[2])
    _require(len(point) == _CURVES[curve] and point[:1] == b"\x04")
    return 0


def _number(part: bytes) -> int:
    """A positive mpint in its shortest form (RFC 4251 §5)."""
    _require(bool(part) and part[0] < 0x80 and not (part[0] == 0 and len(part) > 1 and part[1] < 0x80))
    return int.from_bytes(part, "big")


def _require(condition: bool) -> None:
    if not condition:
        raise ValueError("not as the type has it")


def _invalid(detail: Text, hint: Text = NOTHING, *, code: str = "", field: str = "key") -> SshKeyInvalid:
    return SshKeyInvalid(detail, hint=hint, code=code, field=field)
