"""What a site is served with over TLS: a certificate, those that vouch for it, and its key."""

import re
from dataclasses import dataclass
from typing import ClassVar

from hosting.state.resources import Ref, Resource, Secret, SystemUser, register_resource

_BASE64 = r"(?:[A-Za-z0-9+/=]{1,76}\n)+"
_CERTIFICATE = rf"-----BEGIN CERTIFICATE-----\n{_BASE64}-----END CERTIFICATE-----\n"
#: The one spelling of a key and of a chain, which is all that is ever written to a node.
PEM_KEY = re.compile(rf"-----BEGIN PRIVATE KEY-----\n{_BASE64}-----END PRIVATE KEY-----\n")
PEM_CHAIN = re.compile(rf"(?:{_CERTIFICATE}){{1,10}}")


@register_resource
@dataclass(frozen=True, slots=True)
class TlsCertificate(Resource):
    """The certificate that one site is served with.

    Args:
        owner: Linux user of the service; the file is root's all the same.
        name: the site's main host name.
        chain: PEM text, the site's own certificate first, each followed by the one that signed it.
        key_pem: the private key as PKCS #8 PEM text.
        edited: digest of the file when it is not as NPanel would write it, else ""; never desired.
    """

    kind: ClassVar[str] = "tls_certificate"
    #: The daemon that has to be told: it reads certificates when it is reloaded.
    daemon: ClassVar[str] = "nginx"
    owner: str
    name: str
    chain: str
    key_pem: Secret
    edited: str = ""

    @property
    def key(self) -> str:
        return self.name

    def depends_on(self) -> tuple[Ref, ...]:
        return (Ref(SystemUser.kind, self.owner),)


@register_resource
@dataclass(frozen=True, slots=True)
class MailCertificate(Resource):
    """The certificate that mail programs are shown which ask for one host name.

    Args:
        owner: Linux user of the service.
        name: the host name that is asked for.
        chain: PEM text, the certificate first, each followed by the one that signed it.
        key_pem: the private key as PKCS #8 PEM text.
        edited: what differs from how NPanel would write its files, else ""; never desired.
    """

    kind: ClassVar[str] = "mail_certificate"
    owner: str
    name: str
    chain: str
    key_pem: Secret
    edited: str = ""

    @property
    def key(self) -> str:
        return self.name

    def depends_on(self) -> tuple[Ref, ...]:
        return (Ref(SystemUser.kind, self.owner),)
