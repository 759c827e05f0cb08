"""Public keys for tests, and the private halves of those that are to sign in: made when asked for, kept nowhere."""

import base64
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

_Private = ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
_CURVES = {"256": ec.SECP256R1(), "384": ec.SECP384R1(), "521": ec.SECP521R1()}


@dataclass(frozen=True)
class Pair:
    """A key pair: ``public`` as in ``id_ed25519.pub``, ``private`` as in ``id_ed25519``."""

    public: str
    private: str

    @property
    def blob(self) -> str:
        """The data of the public key."""
        return self.public.split()[1]


def _pair(key: _Private, comment: str) -> Pair:
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
    return Pair(f"{public} {comment}".rstrip(), private)


def ed25519_pair(comment: str = "kim@laptop") -> Pair:
    """The kind that people should have."""
    return _pair(ed25519.Ed25519PrivateKey.generate(), comment)


def rsa_pair(bits: int = 2048, comment: str = "kim@old") -> Pair:
    """The kind that people have had for long."""
    return _pair(rsa.generate_private_key(65537, bits), comment)


def ecdsa_pair(curve: str = "256", comment: str = "kim@card") -> Pair:
    """A curve of NIST's."""
    return _pair(ec.generate_private_key(_CURVES[curve]), comment)


def security_key(comment: str = "kim@token") -> str:
    """The public half of a key in a FIDO token, whose private half nobody ever sees."""
    point = base64.b64decode(ed25519_pair().blob)[-32:]
    parts = (b"sk-ssh-ed25519@openssh.com", point, b"ssh:")
    data = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    return f"sk-ssh-ed25519@openssh.com {base64.b64encode(data).decode()} {comment}"
