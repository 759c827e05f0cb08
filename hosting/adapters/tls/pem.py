"""A TlsCertificate as the text of its file, and the text (whoever wrote it) as a TlsCertificate."""

import hashlib
import ssl
from dataclasses import replace

from hosting.adapters._edited import digest_of
from hosting.adapters._values import HOST_NAME, OWNER, checked
from hosting.errors import UnsafeValue
from hosting.state import Secret, TlsCertificate
from hosting.state.tls import PEM_CHAIN, PEM_KEY
from hosting.texts import N_

#: Root's alone: nginx's master reads the keys before it gives its rights up.
ROOT = "/etc/nginx/npanel/tls"


def pem_path(owner: str, name: str) -> str:
    """Where a site's key and chain lie, in one file, so that the two always belong together."""
    user, host = checked(owner, OWNER, N_("user name")), checked(name, HOST_NAME, N_("host name"))
    return f"{ROOT}/{user}.{host}.pem"


def render(certificate: TlsCertificate) -> str:
    """The whole file: the key, then the chain.

    Raises:
        UnsafeValue: a part is not PEM text of its kind.
    """
    key, chain = certificate.key_pem.value, certificate.chain
    if PEM_KEY.fullmatch(key) is None or PEM_CHAIN.fullmatch(chain) is None:
        raise UnsafeValue(N_("the certificate of %(name)s can't be written to a node", name=certificate.name))
    return key + chain


def parse(owner: str, name: str, text: str) -> TlsCertificate:
    """The certificate that a file stands for; ``edited`` says that it is not of our form."""
    key = PEM_KEY.match(text)
    found = TlsCertificate(owner, name, text[key.end() :] if key else "", Secret(key[0] if key else ""))
    try:
        render(found)
    except UnsafeValue:
        return replace(found, chain="", key_pem=Secret(""), edited=digest_of(text.encode()))
    return found


def fingerprint(chain: str) -> str:
    """SHA-256 of the site's own certificate, the first of the chain, in hex."""
    first = chain.partition("-----END CERTIFICATE-----")[0] + "-----END CERTIFICATE-----\n"
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(first)).hexdigest()
