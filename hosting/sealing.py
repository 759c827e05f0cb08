"""Secrets at rest: anybody with the public key can seal, only the worker can open (SECURITY.md, "Secrets at rest").

A random AES-256-GCM key encrypts the value and is itself encrypted to the worker's newest X25519 public key (ephemeral
Diffie-Hellman, HKDF-SHA-256; RFC 7748, RFC 5869). Both layers are bound to the ``context`` the value belongs to.
"""

import base64
import json
import os
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from hosting.errors import HostingError
from hosting.texts import N_


class SealingError(HostingError):
    """A secret can't be sealed or opened here."""

    code = "sealing_error"


@dataclass(frozen=True, slots=True)
class Sealed:
    """The parts of a sealed value, base64 in JSON."""

    key_id: str
    ephemeral: bytes
    wrapped: bytes
    body: bytes

    def dump(self) -> str:
        """One line of text for a database field."""
        parts = {"k": self.key_id, "e": _b64(self.ephemeral), "w": _b64(self.wrapped), "b": _b64(self.body)}
        return json.dumps(parts, separators=(",", ":"))

    @classmethod
    def load(cls, text: str) -> "Sealed":
        """Parse what :meth:`dump` wrote (SealingError if it is something else)."""
        try:
            parts = json.loads(text)
            return cls(str(parts["k"]), *(base64.b64decode(parts[name]) for name in "ewb"))
        except (ValueError, KeyError, TypeError) as error:
            raise SealingError(
                N_("A sealed secret in the database is damaged."), hint=N_("Restore it, or set it again.")
            ) from error


def seal(value: str, context: str) -> str:
    """Encrypt a secret so that only the worker can read it.

    Args:
        value: the plain secret.
        context: what it belongs to, e.g. ``node:lab1:ssh``; opening needs the same text.

    Raises:
        SealingError: no public key is installed.
    """
    key_id, public = _public_keys()[-1]
    ephemeral = X25519PrivateKey.generate()
    data_key = AESGCM.generate_key(256)
    wrapping = _derive(ephemeral.exchange(public), context)
    return Sealed(
        key_id,
        ephemeral.public_key().public_bytes_raw(),
        _encrypt(wrapping, data_key, context),
        _encrypt(data_key, value.encode(), context),
    ).dump()


def unseal(text: str, context: str) -> str:
    """Open a sealed secret (the worker only).

    Raises:
        SealingError: this process has no private key, or the value belongs to another context or was changed.
    """
    sealed = Sealed.load(text)
    private = _private_keys().get(sealed.key_id)
    if private is None:
        raise SealingError(
            N_("The worker's private key %(key_id)s is not on this machine.", key_id=sealed.key_id),
            hint=N_("Run this where the worker runs, or put its key file back (NPANEL_WORKER_PRIVATE_KEYS)."),
        )
    try:
        wrapping = _derive(private.exchange(X25519PublicKey.from_public_bytes(sealed.ephemeral)), context)
        return _decrypt(_decrypt(wrapping, sealed.wrapped, context), sealed.body, context).decode()
    except (InvalidTag, ValueError) as error:  # ValueError: a part has lost its length, or is a point of low order
        raise SealingError(N_("A sealed secret was changed, or moved from another place.")) from error


def add_worker_key() -> str:
    """Make a new key pair that is used from now on, keeping the old ones for what they sealed.

    Returns:
        The new key's id, ``w1``, ``w2``…
    """
    public_file, private_file = settings.NPANEL_WORKER_PUBLIC_KEYS, settings.NPANEL_WORKER_PRIVATE_KEYS
    number = len(public_file.read_text().splitlines()) + 1 if public_file.exists() else 1
    key = X25519PrivateKey.generate()
    key_id = f"w{number}"
    _append(private_file, f"{key_id} {_b64(key.private_bytes_raw())}\n", 0o600)
    _append(public_file, f"{key_id} {_b64(key.public_key().public_bytes_raw())}\n", 0o644)
    return key_id


def ensure_worker_key() -> None:
    """Make the first key pair if there is none (development and the installer)."""
    if not settings.NPANEL_WORKER_PUBLIC_KEYS.exists():
        add_worker_key()


def _public_keys() -> list[tuple[str, X25519PublicKey]]:
    file: Path = settings.NPANEL_WORKER_PUBLIC_KEYS
    if not file.exists() or not file.stat().st_size:
        raise SealingError(N_("No worker key is installed."), hint=N_("Run manage.py worker_key --init first."))
    pairs = (line.split() for line in file.read_text().splitlines())
    return [(key_id, X25519PublicKey.from_public_bytes(base64.b64decode(data))) for key_id, data in pairs]


def _private_keys() -> dict[str, X25519PrivateKey]:
    file: Path = settings.NPANEL_WORKER_PRIVATE_KEYS
    try:
        lines = file.read_text().splitlines()
    except OSError:
        return {}
    return {
        key_id: X25519PrivateKey.from_private_bytes(base64.b64decode(data))
        for key_id, data in (line.split() for line in lines)
    }


def _append(file: Path, line: str, mode: int) -> None:
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, mode)
    with os.fdopen(descriptor, "w") as handle:
        handle.write(line)
        handle.flush()
        os.fsync(handle.fileno())


def _derive(shared: bytes, context: str) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=f"npanel seal {context}".encode()).derive(shared)


def _encrypt(key: bytes, data: bytes, context: str) -> bytes:
    nonce = os.urandom(12)
    return nonce + AESGCM(key).encrypt(nonce, data, context.encode())


def _decrypt(key: bytes, data: bytes, context: str) -> bytes:
    return AESGCM(key).decrypt(data[:12], data[12:], context.encode())


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
