"""The Ed25519 key that signs checkpoints: one ``id base64`` a line, the newest last; old public keys stay."""

import base64
import os
from collections.abc import Callable
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from django.conf import settings


def ensure_audit_key() -> None:
    """Make the first key pair if there is none."""
    if not settings.NPANEL_AUDIT_PRIVATE_KEYS.exists():
        add_audit_key()


def add_audit_key() -> str:
    """Make a new key pair that signs from now on, and return its id, ``a1``, ``a2``…"""
    key = Ed25519PrivateKey.generate()
    key_id = f"a{len(_lines(settings.NPANEL_AUDIT_PUBLIC_KEYS)) + 1}"
    _append(settings.NPANEL_AUDIT_PRIVATE_KEYS, f"{key_id} {_text(key.private_bytes_raw())}\n", 0o600)
    _append(settings.NPANEL_AUDIT_PUBLIC_KEYS, f"{key_id} {_text(key.public_key().public_bytes_raw())}\n", 0o644)
    return key_id


def sign(payload: bytes | Callable[[str], bytes]) -> tuple[str, str]:
    """The newest key's id and its signature over the payload, which may be made from that id.

    Raises:
        OSError: this process may not read the key.
    """
    key_id, text = settings.NPANEL_AUDIT_PRIVATE_KEYS.read_text().splitlines()[-1].split()
    if callable(payload):
        payload = payload(key_id)
    return key_id, _text(Ed25519PrivateKey.from_private_bytes(base64.b64decode(text)).sign(payload))


class Signatures:
    """Checks signatures with the public keys as they are now."""

    def __init__(self) -> None:
        try:
            pairs = [line.split() for line in _lines(settings.NPANEL_AUDIT_PUBLIC_KEYS)]
        except PermissionError:  # the folder is another account's
            pairs = []
        self._keys = {name: Ed25519PublicKey.from_public_bytes(base64.b64decode(text)) for name, text in pairs}

    @property
    def are_there(self) -> bool:
        """Whether this process has any key to check with."""
        return bool(self._keys)

    def are_good(self, key_id: str, signature: str, payload: bytes) -> bool:
        """Whether the named key signed the payload."""
        if key_id not in self._keys:
            return False
        try:
            self._keys[key_id].verify(base64.b64decode(signature, validate=True), payload)
        except (InvalidSignature, ValueError):
            return False
        return True


def _lines(file: Path) -> list[str]:
    return file.read_text().splitlines() if file.exists() else []


def _append(file: Path, text: str, mode: int) -> None:
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, mode)
    with os.fdopen(descriptor, "w") as handle:
        handle.write(text)
        handle.flush()
        os.fsync(descriptor)


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
