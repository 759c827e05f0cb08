"""Seals the secrets of second factors with a key made from this interface's own signing key."""

import base64
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.utils.encoding import force_bytes

_PURPOSE = b"npanel second factor"
_NONCE = 12


def seal(text: str) -> str:
    """The text, sealed with AES-GCM."""
    nonce = os.urandom(_NONCE)
    box = AESGCM(_key(settings.SECRET_KEY)).encrypt(nonce, text.encode(), _PURPOSE)
    return base64.urlsafe_b64encode(nonce + box).decode()


def open_sealed(sealed: str) -> str:
    """The text that was sealed, also with a former key (``SECRET_KEY_FALLBACKS``).

    Raises:
        InvalidTag: it was sealed with another key, or changed.
    """
    blob = base64.urlsafe_b64decode(sealed.encode())
    for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        try:
            return AESGCM(_key(secret)).decrypt(blob[:_NONCE], blob[_NONCE:], _PURPOSE).decode()
        except InvalidTag:
            continue
    raise InvalidTag


def _key(secret: str | bytes) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=_PURPOSE).derive(force_bytes(secret))
